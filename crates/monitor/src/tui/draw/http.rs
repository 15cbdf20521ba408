//! The HTTP log: the latest request at the bottom.

use ratatui::Frame;
use ratatui::layout::{Constraint, Rect};
use ratatui::style::Style;
use ratatui::widgets::{Cell, Paragraph, Row, Table, TableState};

use super::super::format::{bytes, span};
use super::super::model::Request;
use super::super::{Look, Model};
use crate::http::Exchange;
use crate::say_exchange;

/// The first status that says that something is wrong.
const WRONG: u16 = 400;

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, model: &Model, look: Look) {
    if model.exchanges.is_empty() {
        let text = "no HTTP request yet; connections that speak TLS cannot be looked into";
        frame.render_widget(Paragraph::new(text).style(look.faint()), area);
        return;
    }
    let is_wide = area.width >= 72;
    let seen = usize::from(area.height.saturating_sub(1)).max(1);
    let place = model.request_place();
    let first = (place + 1).saturating_sub(seen);
    let rows = model.exchanges.iter().skip(first).take(seen);
    let rows = rows.map(|request| row(request, model, is_wide, look));
    let (titles, widths): (Vec<&str>, Vec<Constraint>) = [
        ("TIME", 8, true),
        ("ID", 6, is_wide),
        ("STATUS", 6, true),
        ("TOOK", 7, true),
        ("RECEIVED", 8, is_wide),
        ("METHOD", 7, true),
    ]
    .into_iter()
    .filter(|(_, _, is_shown)| *is_shown)
    .map(|(title, width, _)| (title, Constraint::Length(width)))
    .chain([("TARGET", Constraint::Fill(1))])
    .unzip();
    let table = Table::new(rows, widths)
        .header(Row::new(titles).style(look.title()))
        .row_highlight_style(look.selected());
    let mut state = TableState::new().with_selected(place - first);
    frame.render_stateful_widget(table, area, &mut state);
}

fn row<'a>(request: &'a Request, model: &Model, is_wide: bool, look: Look) -> Row<'a> {
    let exchange = &request.exchanged.exchange;
    let time = request.exchanged.started.to_zoned(model.zone.clone());
    let mut cells = vec![Cell::from(time.strftime("%H:%M:%S").to_string())];
    if is_wide {
        cells.push(Cell::from(request.exchanged.connection.id.to_string()));
    }
    cells.push(Cell::from(status(exchange)).style(style(exchange, look)));
    cells.push(Cell::from(span(exchange.duration)));
    if is_wide {
        cells.push(Cell::from(bytes(exchange.response_body)));
    }
    cells.push(Cell::from(exchange.method.to_string()));
    cells.push(Cell::from(say_exchange(exchange)));
    Row::new(cells)
}

pub(super) fn status(exchange: &Exchange) -> String {
    exchange
        .status
        .map_or_else(|| "-".to_owned(), |status| status.to_string())
}

fn style(exchange: &Exchange, look: Look) -> Style {
    if exchange.status.is_none_or(|status| status >= WRONG) || !exchange.ending.is_complete() {
        look.bad()
    } else {
        look.good()
    }
}
