//! Puts the model on a frame.

mod capture;
mod connections;
mod forwards;
mod head;
mod http;
mod log;
mod popup;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};

use super::model::Pane;
use super::{Look, Model};

/// Less than this shows nothing that could be read.
const LEAST: (u16, u16) = (20, 6);

/// Draws everything.
pub(super) fn draw(frame: &mut Frame<'_>, model: &Model, look: Look) {
    let area = frame.area();
    if area.width < LEAST.0 || area.height < LEAST.1 {
        // On no line at all, not even that fits.
        if !area.is_empty() {
            frame.render_widget("too small", area);
        }
        return;
    }
    // Forwards may have a third, but a screen of few lines is for the connections.
    let forwards = forwards::height(model).min(area.height / 3);
    let [head, top, captured, tabs, body, foot] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(forwards),
        Constraint::Length(capture::height(model, area.height)),
        Constraint::Length(1),
        Constraint::Fill(1),
        Constraint::Length(1),
    ])
    .areas(area);
    head::draw(frame, head, model, look);
    forwards::draw(frame, top, model, look);
    capture::draw(frame, captured, model, look);
    head::draw_tabs(frame, tabs, model, look);
    match model.pane {
        Pane::Connections => connections::draw(frame, body, model, look),
        Pane::Http => http::draw(frame, body, model, look),
        Pane::Log => log::draw(frame, body, model, look),
    }
    popup::draw_foot(frame, foot, model, look);
    if model.has_detail {
        popup::draw_detail(frame, body, model, look);
    }
    if model.has_help {
        popup::draw_help(frame, area, look);
    }
}

/// A place of `width` and `height` at most in the middle of `area`.
fn middle(area: Rect, width: u16, height: u16) -> Rect {
    let (width, height) = (width.min(area.width), height.min(area.height));
    Rect {
        x: area.x + (area.width - width) / 2,
        y: area.y + (area.height - height) / 2,
        width,
        height,
    }
}
