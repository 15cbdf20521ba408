use std::collections::VecDeque;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use podline::Untrusted;

use super::prompt::edit;
use super::rows::rows;
use super::{Key, Prompt, Row, Sort};
use crate::pcap::{CaptureNotice, CaptureState, CaptureStatus};
use crate::{
    Exchanged, Fact, ForwardName, ForwardSnapshot, Next, Saying, Weight, What, say, say_capture, say_end,
};

/// Lines of the log that are kept.
const LOG: usize = 500;
/// HTTP requests that are kept.
const EXCHANGES: usize = 500;
/// Rows that a page key moves by.
const PAGE: isize = 10;

/// What is shown, and how keys change it. Knows no terminal.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) forwards: Vec<ForwardSnapshot>,
    pub(super) rows: Vec<Row>,
    pub(super) log: VecDeque<Line>,
    /// The last HTTP requests.
    pub(super) exchanges: VecDeque<Request>,
    /// The capture that runs, or the last one.
    pub(super) capture: Option<CaptureStatus>,
    /// How it goes with the next one.
    pub(super) next_capture: NextCapture,
    pub(super) pane: Pane,
    pub(super) filter: String,
    pub(super) sort: Sort,
    pub(super) is_reversed: bool,
    pub(super) prompt: Option<Prompt>,
    pub(super) has_detail: bool,
    pub(super) has_help: bool,
    /// The connection that keys act on; the first row, whichever that is, if it is none of those that are shown.
    selected: Option<(usize, u64)>,
    /// The number of the HTTP request that keys act on; the latest if it is none of those that are kept.
    chosen: Option<u64>,
    /// Counts the HTTP requests.
    last_request: u64,
    /// How many lines the log is scrolled back.
    pub(super) scrolled: usize,
    /// Whose time of day is shown.
    pub(super) zone: TimeZone,
}

/// One line of the log.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) at: Timestamp,
    /// Of which forward; none if of all.
    pub(super) forward: Option<Arc<ForwardName>>,
    pub(super) saying: Saying,
}

/// One line of the HTTP log.
#[derive(Clone, Debug)]
pub(super) struct Request {
    /// Counts them, from 1.
    number: u64,
    pub(super) forward: Arc<ForwardName>,
    pub(super) exchanged: Exchanged,
}

/// What the lower part of the screen shows.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Pane {
    #[default]
    Connections,
    Http,
    Log,
}

/// How it goes with a capture that a key asked for.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) enum NextCapture {
    /// It could not be started, and why.
    Failed(Untrusted),
    #[default]
    None,
    Starting,
}

/// What a key asks for that is done elsewhere.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Command {
    /// Start a capture, or end the one that runs.
    Capture,
    /// End this connection.
    EndConnection { forward: usize, id: u64 },
    /// Leave the view, which ends the forwards.
    Quit,
    /// Hand the terminal back to the shell for a while.
    Suspend,
}

impl Pane {
    pub(super) const ALL: [Self; 3] = [Self::Connections, Self::Http, Self::Log];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::Http => "http",
            Self::Log => "events",
        }
    }

    fn next(self) -> Self {
        match self {
            Self::Connections => Self::Http,
            Self::Http => Self::Log,
            Self::Log => Self::Connections,
        }
    }
}

impl Model {
    /// Nothing yet. Times of day will be shown in `zone`.
    pub(super) fn new(zone: TimeZone) -> Self {
        Self {
            forwards: Vec::new(),
            rows: Vec::new(),
            log: VecDeque::new(),
            exchanges: VecDeque::new(),
            capture: None,
            next_capture: NextCapture::None,
            pane: Pane::default(),
            filter: String::new(),
            sort: Sort::default(),
            is_reversed: false,
            prompt: None,
            has_detail: false,
            has_help: false,
            selected: None,
            chosen: None,
            last_request: 0,
            scrolled: 0,
            zone,
        }
    }

    /// All forwards as they are now.
    pub(super) fn handle_forwards(&mut self, forwards: Vec<ForwardSnapshot>) {
        self.forwards = forwards;
        self.arrange();
    }

    /// The capture that runs, or the last one, as it is now.
    pub(super) fn handle_capture(&mut self, status: Option<CaptureStatus>) {
        let Some(status) = status else { return };
        let before = self.capture.replace(status.clone());
        let before = before.filter(|before| before.number == status.number);
        if before.is_none() {
            let place = status.path.iter().map(|path| format!(" into {}", path.display()));
            let sentence = format!("connections are recorded{}", place.collect::<String>());
            self.push(
                Timestamp::now(),
                None,
                Saying::note(Untrusted::new(sentence).to_string()),
            );
        }
        let was_over = before.is_some_and(|before| before.state.is_over());
        if let CaptureState::Over(end) = status.state
            && !was_over
        {
            let saying = say_capture(&CaptureNotice::Ended {
                end,
                path: status.path,
                summary: status.summary,
            });
            self.push(Timestamp::now(), None, saying);
        }
    }

    /// How it goes with the next capture.
    pub(super) fn handle_next_capture(&mut self, next: NextCapture) {
        if let NextCapture::Failed(reason) = &next {
            let saying = Saying::warning(format!("no capture was started: {reason}"));
            self.push(Timestamp::now(), None, saying);
        }
        self.next_capture = next;
    }

    /// Something happened.
    pub(super) fn handle_next(&mut self, next: &Next) {
        match next {
            Next::Fact(fact) => self.handle_fact(fact),
            Next::Skipped(number) => {
                let saying =
                    Saying::warning(format!("{number} events were not shown, for there were too many"));
                self.push(Timestamp::now(), None, saying);
            }
        }
    }

    fn handle_fact(&mut self, fact: &Fact) {
        let saying = match &fact.what {
            What::Closed(closed) => {
                let connection = &closed.connection;
                say_end(connection.id, connection.local.port(), &closed.outcome)
            }
            What::Exchanged(exchanged) => {
                self.handle_exchanged(fact, exchanged);
                None
            }
            What::Happened(event) => say(event),
            What::Overlooked { exchanges, .. } => Some(Saying::warning(format!(
                "{exchanges} requests were not shown, for there were too many"
            ))),
            What::Accepted(_)
            | What::Opened { .. }
            | What::Probed(_)
            | What::Ready
            | What::Recognised { .. } => None,
        };
        if let Some(saying) = saying.filter(|saying| saying.weight != Weight::Detail) {
            self.push(fact.at, Some(fact.forward.clone()), saying);
        }
    }

    fn handle_exchanged(&mut self, fact: &Fact, exchanged: &Exchanged) {
        if self.exchanges.len() == EXCHANGES {
            self.exchanges.pop_front();
        }
        self.last_request += 1;
        self.exchanges.push_back(Request {
            number: self.last_request,
            forward: fact.forward.clone(),
            exchanged: exchanged.clone(),
        });
    }

    fn push(&mut self, at: Timestamp, forward: Option<Arc<ForwardName>>, saying: Saying) {
        if self.log.len() == LOG {
            self.log.pop_front();
        }
        self.log.push_back(Line { at, forward, saying });
        // Whoever has scrolled back goes on reading the same lines.
        if self.scrolled > 0 {
            self.scrolled = (self.scrolled + 1).min(self.log.len());
        }
    }

    /// The place of the selected connection among the rows.
    pub(super) fn place(&self) -> usize {
        let is_selected = |row: &Row| self.selected.is_some_and(|selected| row.is(selected));
        self.rows.iter().position(is_selected).unwrap_or(0)
    }

    /// The selected connection, if there is one.
    pub(super) fn selected(&self) -> Option<&Row> {
        self.rows.get(self.place())
    }

    /// The place of the chosen HTTP request.
    pub(super) fn request_place(&self) -> usize {
        let is_chosen = |request: &Request| self.chosen == Some(request.number);
        let last = self.exchanges.len().saturating_sub(1);
        self.exchanges.iter().position(is_chosen).unwrap_or(last)
    }

    /// The chosen HTTP request, if there is one.
    pub(super) fn request(&self) -> Option<&Request> {
        self.exchanges.get(self.request_place())
    }

    pub(super) fn handle_key(&mut self, key: Key) -> Option<Command> {
        match (key, self.prompt.clone()) {
            (Key::Interrupt, _) => Some(Command::Quit),
            (Key::Suspend, _) => Some(Command::Suspend),
            (key, Some(Prompt::End { forward, id })) => {
                self.prompt = None;
                (key == Key::Character('y')).then_some(Command::EndConnection { forward, id })
            }
            (key, Some(Prompt::Filter { before })) => {
                self.handle_filter_key(key, before);
                None
            }
            (key, None) => self.handle_plain_key(key),
        }
    }

    fn handle_filter_key(&mut self, key: Key, before: String) {
        match key {
            Key::Enter => self.prompt = None,
            Key::Escape => {
                self.filter = before;
                self.prompt = None;
            }
            key => edit(&mut self.filter, key),
        }
        self.arrange();
    }

    fn handle_plain_key(&mut self, key: Key) -> Option<Command> {
        if self.has_help {
            // Any key leaves the help; one that quits means the help.
            self.has_help = false;
            return None;
        }
        match key {
            Key::Character('c') => return Some(Command::Capture),
            Key::Character('q') => return Some(Command::Quit),
            Key::Character('?') => self.has_help = true,
            Key::Escape if self.has_detail => self.has_detail = false,
            Key::Escape => {
                self.filter.clear();
                self.arrange();
            }
            Key::Tab => self.turn_to(self.pane.next()),
            Key::Character('1') => self.turn_to(Pane::Connections),
            Key::Character('2') => self.turn_to(Pane::Http),
            Key::Character('3') => self.turn_to(Pane::Log),
            Key::Character('j') | Key::Down => self.move_by(1),
            Key::Character('k') | Key::Up => self.move_by(-1),
            Key::PageDown => self.move_by(PAGE),
            Key::PageUp => self.move_by(-PAGE),
            Key::Character('g') | Key::Home => self.move_by(isize::MIN),
            Key::Character('G') | Key::End => self.move_by(isize::MAX),
            Key::Enter => self.has_detail = !self.has_detail && self.has_rows(),
            key if self.pane == Pane::Connections => self.handle_connections_key(key),
            _ => {}
        }
        None
    }

    fn handle_connections_key(&mut self, key: Key) {
        match key {
            Key::Character('/') => {
                self.prompt = Some(Prompt::Filter {
                    before: self.filter.clone(),
                });
            }
            Key::Character('s') => {
                self.sort = self.sort.next();
                self.arrange();
            }
            Key::Character('r') => {
                self.is_reversed = !self.is_reversed;
                self.arrange();
            }
            Key::Character('x') => {
                if let Some(row) = self.selected().filter(|row| !row.is_over()) {
                    let (forward, id) = row.key();
                    self.prompt = Some(Prompt::End { forward, id });
                }
            }
            _ => {}
        }
    }

    fn move_by(&mut self, rows: isize) {
        match self.pane {
            Pane::Connections => {
                let last = self.rows.len().saturating_sub(1);
                let place = self.place().saturating_add_signed(rows).min(last);
                self.select(place);
            }
            Pane::Http => {
                let last = self.exchanges.len().saturating_sub(1);
                let place = self.request_place().saturating_add_signed(rows).min(last);
                // Whoever stands on the latest goes on with what comes.
                let request = self.exchanges.get(place).filter(|_| place < last);
                self.chosen = request.map(|request| request.number);
            }
            // Back in time is up.
            Pane::Log => {
                let back = rows.checked_neg().unwrap_or(isize::MAX);
                let most = self.log.len().saturating_sub(1);
                self.scrolled = self.scrolled.saturating_add_signed(back).min(most);
            }
        }
    }

    fn turn_to(&mut self, pane: Pane) {
        self.pane = pane;
        self.has_detail = false;
    }

    /// Whether there is something to see details of.
    fn has_rows(&self) -> bool {
        match self.pane {
            Pane::Connections => !self.rows.is_empty(),
            Pane::Http => !self.exchanges.is_empty(),
            Pane::Log => false,
        }
    }

    /// Puts the cursor on the row at `place`. On the first one it stays there, whichever connection that is.
    fn select(&mut self, place: usize) {
        let row = self.rows.get(place).filter(|_| place > 0);
        self.selected = row.map(Row::key);
    }

    fn arrange(&mut self) {
        // The cursor stays with its connection, or where it was.
        let place = self.place();
        self.rows = rows(&self.forwards, &self.filter, self.sort, self.is_reversed);
        let is_there = |selected| self.rows.iter().any(|row| row.is(selected));
        if !self.selected.is_none_or(is_there) {
            self.select(place.min(self.rows.len().saturating_sub(1)));
        }
        self.has_detail &= self.has_rows();
    }
}
