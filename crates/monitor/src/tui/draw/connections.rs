//! The table of connections.

use podline::Untrusted;
use ratatui::Frame;
use ratatui::layout::{Constraint, Rect};
use ratatui::style::Style;
use ratatui::widgets::{Cell, Paragraph, Row as TableRow, Table, TableState};

use super::super::format::{bytes, span};
use super::super::{Look, Model, Row};
use crate::ConnectionState;

/// A column: its heading, its width, and from which width of the screen on it is shown.
struct Column {
    title: &'static str,
    width: Constraint,
    from: u16,
    text: fn(&Row) -> String,
}

const COLUMNS: [Column; 9] = [
    Column {
        title: "ID",
        width: Constraint::Length(6),
        from: 0,
        text: |row| row.connection.connection.id.to_string(),
    },
    Column {
        title: "STATE",
        width: Constraint::Length(12),
        from: 0,
        text: |row| row.state().to_owned(),
    },
    Column {
        title: "AGE",
        width: Constraint::Length(7),
        from: 48,
        text: |row| span(row.connection.age),
    },
    Column {
        title: "SENT",
        width: Constraint::Length(7),
        from: 0,
        text: |row| bytes(row.connection.sent),
    },
    Column {
        title: "RECEIVED",
        width: Constraint::Length(8),
        from: 0,
        text: |row| bytes(row.connection.received),
    },
    Column {
        title: "1ST BYTE",
        width: Constraint::Length(8),
        from: 100,
        text: |row| row.connection.first_byte.map_or_else(|| "-".to_owned(), span),
    },
    Column {
        title: "APP",
        width: Constraint::Length(21),
        from: 84,
        text: |row| row.connection.connection.peer.to_string(),
    },
    Column {
        title: "POD",
        width: Constraint::Fill(2),
        from: 60,
        text: |row| Untrusted::new(row.way()).to_string(),
    },
    Column {
        title: "FORWARD",
        width: Constraint::Fill(1),
        from: 120,
        text: |row| row.forward.to_string(),
    },
];

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, model: &Model, look: Look) {
    if model.rows.is_empty() {
        let text = if model.filter.is_empty() {
            "no connection yet"
        } else {
            "no connection has that"
        };
        frame.render_widget(Paragraph::new(text).style(look.faint()), area);
        return;
    }
    let columns: Vec<&Column> = COLUMNS
        .iter()
        .filter(|column| column.from <= area.width)
        .collect();
    // Only rows that can be seen are made: there may be thousands.
    let seen = usize::from(area.height.saturating_sub(1)).max(1);
    let place = model.place();
    let first = (place + 1).saturating_sub(seen);
    let rows = model.rows.iter().skip(first).take(seen).map(|row| {
        let cells = columns.iter().map(|column| Cell::from((column.text)(row)));
        TableRow::new(cells).style(style(row, look))
    });
    let table = Table::new(rows, columns.iter().map(|column| column.width))
        .header(TableRow::new(columns.iter().map(|column| column.title)).style(look.title()))
        .row_highlight_style(look.selected());
    let mut state = TableState::new().with_selected(place - first);
    frame.render_stateful_widget(table, area, &mut state);
}

fn style(row: &Row, look: Look) -> Style {
    match &row.connection.state {
        ConnectionState::Ended(end) if end.is_clean() => look.faint(),
        ConnectionState::Ended(_) | ConnectionState::Held => look.bad(),
        ConnectionState::HalfClosed | ConnectionState::Open => Style::new(),
    }
}
