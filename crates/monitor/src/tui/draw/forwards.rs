//! The forwards, and the pods behind each.

use podline::{PodState, PodView, Untrusted};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Sparkline};

use super::super::format::bytes;
use super::super::{Look, Model};
use super::head::MEAN;
use crate::ForwardSnapshot;

/// Columns of a sparkline; one is a second.
const SECONDS: u16 = 30;
/// Least columns that the text before a sparkline needs.
const TEXT: u16 = 60;

/// Lines that all of it needs.
pub(super) fn height(model: &Model) -> u16 {
    let lines: usize = model
        .forwards
        .iter()
        .map(|forward| 1 + forward.pods.len().max(1))
        .sum();
    u16::try_from(lines).unwrap_or(u16::MAX)
}

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, model: &Model, look: Look) {
    let mut rows = area.rows().peekable();
    let mut lines = model
        .forwards
        .iter()
        .flat_map(|forward| lines(forward, look))
        .peekable();
    while let (Some(row), Some((line, forward))) = (rows.next(), lines.next()) {
        if rows.peek().is_none() && lines.peek().is_some() {
            let more = format!("  … and {} lines more", 1 + lines.count());
            frame.render_widget(Paragraph::new(Line::styled(more, look.faint())), row);
            return;
        }
        frame.render_widget(Paragraph::new(line), row);
        if let Some(forward) = forward.filter(|_| row.width >= TEXT + SECONDS) {
            draw_rate(frame, row, forward, look);
        }
    }
}

/// The lines of one forward; the first one has its rate.
fn lines(forward: &ForwardSnapshot, look: Look) -> Vec<(Line<'static>, Option<&ForwardSnapshot>)> {
    let places: Vec<String> = forward
        .addresses
        .iter()
        .map(|address| format!("{} → {}", address.socket, address.remote))
        .collect();
    let mean = forward.rates.mean(MEAN);
    let first = Line::from(vec![
        Span::styled(forward.name.to_string(), look.title()),
        Span::raw(format!("  {}  ", places.join(", "))),
        Span::styled(format!("↑ {}/s", bytes(mean.sent)), look.sent()),
        Span::raw(" "),
        Span::styled(format!("↓ {}/s", bytes(mean.received)), look.received()),
    ]);
    let mut lines = vec![(first, Some(forward))];
    if let Some(reason) = &forward.waiting {
        let held = match forward.held {
            0 => String::new(),
            1 => "1 connection is held; ".to_owned(),
            more => format!("{more} connections are held; "),
        };
        lines.push((
            Line::styled(format!("  {held}waiting for a pod: {reason}"), look.bad()),
            None,
        ));
    }
    lines.extend(forward.pods.iter().map(|pod| (pod_line(pod, look), None)));
    lines
}

fn pod_line(pod: &PodView, look: Look) -> Line<'static> {
    let style = match pod.state {
        PodState::Gone | PodState::NotReady => look.bad(),
        PodState::Ready => look.good(),
        _ => look.faint(),
    };
    let count = |number: usize, one: &str, more: &str| match number {
        1 => format!("1 {one}"),
        number => format!("{number} {more}"),
    };
    Line::from(vec![
        Span::raw(format!("  {}  ", Untrusted::new(&*pod.address.name))),
        Span::styled(pod.state.name(), style),
        Span::raw(format!(
            "  {}, {}",
            count(pod.connections, "connection", "connections"),
            count(pod.sessions, "session", "sessions")
        )),
    ])
}

/// What came and went in the last seconds, at the right of `row`.
fn draw_rate(frame: &mut Frame<'_>, row: Rect, forward: &ForwardSnapshot, look: Look) {
    let seconds = forward.rates.seconds().rev().take(usize::from(SECONDS));
    let mut bars: Vec<u64> = seconds.map(|second| second.sent + second.received).collect();
    bars.reverse();
    // The latest is at the right.
    let width = u16::try_from(bars.len()).unwrap_or(SECONDS);
    let place = Rect {
        x: row.right() - width,
        width,
        ..row
    };
    frame.render_widget(Sparkline::default().data(bars).style(look.received()), place);
}
