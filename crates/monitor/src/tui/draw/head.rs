//! The first line, and the one that names the panes.

use ratatui::Frame;
use ratatui::layout::{Alignment, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::super::format::bytes;
use super::super::model::Pane;
use super::super::{Look, Model};

/// Seconds that a rate is the mean of.
pub(super) const MEAN: usize = 3;

/// All forwards in one line.
pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, model: &Model, look: Look) {
    let forwards = model.forwards.len();
    let open: usize = model
        .forwards
        .iter()
        .map(|forward| forward.connections.len())
        .sum();
    let accepted: u64 = model.forwards.iter().map(|forward| forward.totals.accepted).sum();
    let means = model.forwards.iter().map(|forward| forward.rates.mean(MEAN));
    let (sent, received) = means.fold((0, 0), |(sent, received), mean| {
        (sent + mean.sent, received + mean.received)
    });
    let forwards = match forwards {
        1 => "1 forward".to_owned(),
        more => format!("{more} forwards"),
    };
    let line = Line::from(vec![
        Span::styled("podline", look.title()),
        Span::raw(format!("  {forwards}  {open} open of {accepted}  ")),
        Span::styled(format!("↑ {}/s", bytes(sent)), look.sent()),
        Span::raw("  "),
        Span::styled(format!("↓ {}/s", bytes(received)), look.received()),
    ]);
    frame.render_widget(Paragraph::new(line), area);
    frame.render_widget(
        Paragraph::new(Line::styled("? help", look.faint())).alignment(Alignment::Right),
        // Not over the numbers where there is little room.
        if area.width >= 72 {
            area
        } else {
            Rect { width: 0, ..area }
        },
    );
}

/// The names of the panes, and how what is shown was chosen.
pub(super) fn draw_tabs(frame: &mut Frame<'_>, area: Rect, model: &Model, look: Look) {
    let mut spans = Vec::new();
    for (number, pane) in (1..).zip(Pane::ALL) {
        let text = format!(" {number} {} ", pane.name());
        let style = if pane == model.pane {
            look.selected()
        } else {
            look.title()
        };
        spans.push(Span::styled(text, style));
        spans.push(Span::raw(" "));
    }
    if model.pane == Pane::Connections {
        let order = if model.is_reversed { "reversed " } else { "" };
        spans.push(Span::styled(
            format!("{order}by {}", model.sort.name()),
            look.faint(),
        ));
        if !model.filter.is_empty() {
            spans.push(Span::raw(format!("  with \"{}\"", model.filter)));
        }
    } else if model.scrolled > 0 {
        spans.push(Span::styled(format!("{} back", model.scrolled), look.faint()));
    }
    frame.render_widget(Paragraph::new(Line::from(spans)), area);
}
