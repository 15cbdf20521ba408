//! The capture that runs or ran last, in one line.

use podline::Untrusted;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::super::format::bytes;
use super::super::model::NextCapture;
use super::super::{Look, Model};
use crate::pcap::{CaptureEnd, CaptureState, CaptureStatus};

/// On a screen of fewer lines, captures are among what happens only.
const LEAST: u16 = 8;

/// Lines that it needs on a screen of `lines`.
pub(super) fn height(model: &Model, lines: u16) -> u16 {
    let is_there = model.capture.is_some() || model.next_capture != NextCapture::None;
    u16::from(is_there && lines >= LEAST)
}

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, model: &Model, look: Look) {
    let title = Span::styled("capture  ", look.title());
    let spans = match (&model.next_capture, &model.capture) {
        (NextCapture::Failed(reason), _) => vec![title, Span::styled(reason.to_string(), look.bad())],
        (NextCapture::Starting, _) => vec![title, Span::raw("starting")],
        (NextCapture::None, Some(status)) => [vec![title], told(status, look)].concat(),
        (NextCapture::None, None) => return,
    };
    frame.render_widget(Paragraph::new(Line::from(spans)), area);
}

fn told(status: &CaptureStatus, look: Look) -> Vec<Span<'static>> {
    let (state, style) = match &status.state {
        CaptureState::Ending => ("ending", look.faint()),
        CaptureState::Over(end) if matches!(**end, CaptureEnd::Stopped) => ("over", look.faint()),
        CaptureState::Over(_) => ("over by itself", look.bad()),
        CaptureState::Running => ("running", look.good()),
    };
    let summary = &status.summary;
    let packets = match summary.packets {
        1 => "1 packet".to_owned(),
        more => format!("{more} packets"),
    };
    let mut spans = vec![
        Span::styled(state, style),
        Span::raw(format!("  {}, {packets}", bytes(summary.bytes))),
    ];
    if summary.dropped > 0 {
        spans.push(Span::styled(format!(", {} missing", summary.dropped), look.bad()));
    }
    if let Some(path) = &status.path {
        let path = Untrusted::new(path.to_string_lossy());
        spans.push(Span::raw(format!("  {path}")));
    }
    spans
}
