//! What lies over the rest: details, help, questions.

use podline::Untrusted;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Paragraph, Wrap};

use super::super::format::{bytes, span};
use super::super::model::{Pane, Request};
use super::super::{Look, Model, Prompt, Row};
use super::{http, middle};
use crate::{ConnectionState, say_grpc};

const HELP: [(&str, &str); 14] = [
    ("j k ↓ ↑", "move"),
    ("g G", "first, last"),
    ("1 2 3 Tab", "connections, HTTP requests, events"),
    ("Enter", "details of the connection or request"),
    ("/", "show only what has a text; Esc: all again"),
    ("s", "sort by age, sent, received, state"),
    ("r", "reverse the order"),
    ("x", "end the connection"),
    ("c", "record connections into a file, or stop"),
    ("?", "this help"),
    ("Esc", "back"),
    ("Ctrl-Z", "pause podline"),
    ("q Ctrl-C", "end podline"),
    ("", "Connections that are over stay for a while."),
];

pub(super) fn draw_help(frame: &mut Frame<'_>, area: Rect, look: Look) {
    let lines: Vec<Line<'_>> = HELP
        .iter()
        .map(|(keys, what)| {
            Line::from(vec![
                Span::styled(format!(" {keys:<9} "), look.title()),
                Span::raw(*what),
            ])
        })
        .collect();
    let height = u16::try_from(lines.len()).unwrap_or(u16::MAX).saturating_add(2);
    let place = middle(area, 56, height);
    frame.render_widget(Clear, place);
    frame.render_widget(
        Paragraph::new(lines).block(Block::bordered().title(" keys ")),
        place,
    );
}

/// All that is known of the connection or HTTP request that keys act on.
pub(super) fn draw_detail(frame: &mut Frame<'_>, area: Rect, model: &Model, look: Look) {
    let detail = match model.pane {
        Pane::Connections => model.selected().map(|row| {
            let title = format!(" connection {} ", row.connection.connection.id);
            (title, facts(row))
        }),
        Pane::Http => model.request().map(|request| {
            let title = format!(" request on connection {} ", request.exchanged.connection.id);
            (title, request_facts(request))
        }),
        Pane::Log => None,
    };
    let Some((title, facts)) = detail else { return };
    let lines: Vec<Line<'_>> = facts
        .into_iter()
        .map(|(name, value)| {
            Line::from(vec![
                Span::styled(format!("{name:<11}"), look.title()),
                Span::raw(value),
            ])
        })
        .collect();
    let height = u16::try_from(lines.len()).unwrap_or(u16::MAX).saturating_add(3);
    let place = middle(area, 76, height);
    frame.render_widget(Clear, place);
    let detail = Paragraph::new(lines)
        .wrap(Wrap { trim: false })
        .block(Block::bordered().title(title));
    frame.render_widget(detail, place);
}

fn request_facts(request: &Request) -> Vec<(&'static str, String)> {
    let exchange = &request.exchanged.exchange;
    let mut facts = vec![
        ("forward", request.forward.to_string()),
        (
            "request",
            format!("{} {} {}", exchange.method, exchange.target, exchange.version),
        ),
        ("started", format!("{:.3}", request.exchanged.started)),
        ("status", http::status(exchange)),
        ("ending", exchange.ending.to_string()),
    ];
    if let Some(status) = say_grpc(exchange) {
        facts.push(("gRPC", status));
    }
    if let Some(waited) = exchange.first_byte {
        facts.push(("first byte", format!("after {}", span(waited))));
    }
    facts.push(("took", span(exchange.duration)));
    facts.push((
        "bodies",
        format!(
            "{} sent, {} received",
            bytes(exchange.request_body),
            bytes(exchange.response_body)
        ),
    ));
    let headers = exchange.request_headers.iter().map(|header| ("sent", header));
    let headers = headers.chain(
        exchange
            .response_headers
            .iter()
            .map(|header| ("received", header)),
    );
    facts.extend(headers.map(|(way, header)| (way, format!("{}: {}", header.name, header.value))));
    facts
}

fn facts(row: &Row) -> Vec<(&'static str, String)> {
    let connection = &row.connection;
    let mut facts = vec![
        ("forward", row.forward.to_string()),
        ("app", connection.connection.peer.to_string()),
        (
            "accepted",
            format!("{:.0} on {}", connection.accepted, connection.connection.local),
        ),
    ];
    if let Some(way) = &connection.way {
        let ip = way.pod_ip.map(|ip| format!(" ({ip})")).unwrap_or_default();
        let pod = Untrusted::new(format!("{}/{}", way.pod.namespace, way.pod.name));
        facts.push(("pod", format!("{pod}{ip} port {}", way.port)));
        facts.push(("session", way.session.to_string()));
    }
    facts.push((
        "sent",
        format!("{} ({} bytes)", bytes(connection.sent), connection.sent),
    ));
    facts.push((
        "received",
        format!("{} ({} bytes)", bytes(connection.received), connection.received),
    ));
    if let Some(waited) = connection.first_byte {
        facts.push(("first byte", format!("after {}", span(waited))));
    }
    let state = match &connection.state {
        ConnectionState::Ended(end) => format!("over after {}: {end}", span(connection.age)),
        _ => format!("{} for {}", row.state(), span(connection.age)),
    };
    facts.push(("state", state));
    facts
}

/// The last line: a question, what is being typed, or the keys.
pub(super) fn draw_foot(frame: &mut Frame<'_>, area: Rect, model: &Model, look: Look) {
    let line = match &model.prompt {
        Some(Prompt::End { id, .. }) => Line::styled(format!("end connection {id}? y/n"), look.bad()),
        Some(Prompt::Filter { .. }) => {
            // The cursor stands behind what was typed.
            let text = format!("/{}", model.filter);
            let column = u16::try_from(Span::raw(&text).width()).unwrap_or(u16::MAX);
            frame.set_cursor_position((area.x.saturating_add(column).min(area.right() - 1), area.y));
            Line::raw(text)
        }
        None => {
            let keys = match model.pane {
                Pane::Connections => {
                    "q quit  ? help  Tab pane  j k move  Enter details  / filter  s sort  x end  c capture"
                }
                Pane::Http => "q quit  ? help  Tab pane  j k move  Enter details  c capture",
                Pane::Log => "q quit  ? help  Tab pane  j k scroll  c capture",
            };
            Line::styled(keys, look.faint())
        }
    };
    frame.render_widget(Paragraph::new(line), area);
}
