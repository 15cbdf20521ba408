//! What happened, the latest at the bottom.

use std::mem;

use jiff::tz::TimeZone;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::super::{Look, Model, model};
use crate::Weight;

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, model: &Model, look: Look) {
    if model.log.is_empty() {
        frame.render_widget(Paragraph::new("nothing has happened").style(look.faint()), area);
        return;
    }
    let height = usize::from(area.height);
    let mut lines: Vec<Line<'_>> = Vec::with_capacity(height);
    // From the bottom up, for how many lines each needs is known only then.
    for line in model.log.iter().rev().skip(model.scrolled) {
        lines.extend(
            wrapped(text(line, &model.zone, look), usize::from(area.width))
                .into_iter()
                .rev(),
        );
        if lines.len() >= height {
            break;
        }
    }
    lines.truncate(height);
    lines.reverse();
    frame.render_widget(Paragraph::new(lines), area);
}

/// `line` in pieces of `width` columns at most.
fn wrapped(line: Line<'_>, width: usize) -> Vec<Line<'static>> {
    let mut lines = vec![Line::default()];
    let mut used = 0;
    for span in line.spans {
        let mut piece = String::new();
        for character in span.content.chars() {
            let columns = Span::raw(character.to_string()).width();
            if used + columns > width {
                let whole = Span::styled(mem::take(&mut piece), span.style);
                lines
                    .last_mut()
                    .into_iter()
                    .for_each(|line| line.push_span(whole.clone()));
                lines.push(Line::default());
                used = 0;
            }
            piece.push(character);
            used += columns;
        }
        let rest = Span::styled(piece, span.style);
        lines
            .last_mut()
            .into_iter()
            .for_each(|line| line.push_span(rest.clone()));
    }
    lines
}

fn text<'a>(line: &'a model::Line, zone: &TimeZone, look: Look) -> Line<'a> {
    let style = match line.saying.weight {
        Weight::Warning => look.bad(),
        Weight::Note | Weight::Detail => look.good(),
    };
    let forward = line
        .forward
        .as_ref()
        .map(|forward| format!("{forward}: "))
        .unwrap_or_default();
    let clock = line.at.to_zoned(zone.clone()).strftime("%H:%M:%S  ").to_string();
    Line::from(vec![
        Span::styled(clock, look.faint()),
        Span::styled(forward, style),
        Span::raw(&*line.saying.sentence),
    ])
}
