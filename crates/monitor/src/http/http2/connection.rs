use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use podline_wire::Time;

use super::super::dissector::{Context, ROOM};
use super::super::lost::Lost;
use super::super::under_way::{ROOM_FOR_HEADERS, UnderWay};
use super::super::{Direction, Ending, Exchange, Grpc, GrpcStatus, Protocol, Version};
use super::block::{self, Request, Response};
use super::frames::{Frames, Piece};
use super::hpack::Decoder;

/// RFC 9113, 6.5.2.
const HEADER_TABLE_SIZE: u16 = 0x1;

/// A connection that speaks HTTP/2.
#[derive(Debug)]
pub(in super::super) struct Http2 {
    app: Side,
    pod: Side,
    streams: Streams,
    /// The highest stream that the app has opened.
    last: u32,
}

/// What one of the two says.
#[derive(Debug)]
struct Side {
    frames: Frames,
    headers: Decoder,
}

/// The streams that are under way, in the order of being opened. There are few, so that looking through them is
/// cheaper than a map.
#[derive(Debug, Default)]
struct Streams(Vec<(u32, UnderWay)>);

impl Http2 {
    /// A connection that begins with the app's preface.
    pub(in super::super) fn new() -> Self {
        let side = |is_client| Side {
            frames: Frames::new(is_client),
            headers: Decoder::new(block::keeps),
        };
        Self {
            app: side(true),
            pod: side(false),
            streams: Streams::default(),
            last: 0,
        }
    }

    /// A connection that was upgraded by a request, which is its first stream. `settings` are those of the app, as they
    /// are in a header.
    pub(in super::super) fn upgraded(exchange: UnderWay, settings: &[u8]) -> Self {
        let mut upgraded = Self::new();
        upgraded.streams.0.push((1, exchange));
        upgraded.last = 1;
        let settings = URL_SAFE_NO_PAD.decode(settings).unwrap_or_default();
        for setting in settings.chunks_exact(6) {
            if let [id @ .., a, b, c, d] = setting
                && *id == HEADER_TABLE_SIZE.to_be_bytes()
            {
                upgraded
                    .pod
                    .headers
                    .allow(u32::from_be_bytes([*a, *b, *c, *d]) as usize);
            }
        }
        upgraded
    }

    /// Bytes on the heap.
    pub(in super::super) fn kept(&self) -> usize {
        self.streams.kept() + self.app.kept() + self.pod.kept()
    }

    /// Takes all of `input`.
    pub(in super::super) fn handle(
        &mut self,
        direction: Direction,
        mut input: &[u8],
        context: &mut Context<'_>,
    ) -> Result<(), Lost> {
        let Self {
            app,
            pod,
            streams,
            last,
        } = self;
        let (mine, other) = match direction {
            Direction::Received => (pod, app),
            Direction::Sent => (app, pod),
        };
        let kept_beside = streams.kept() + other.kept() + mine.headers.kept();
        let mut room = ROOM.saturating_sub(kept_beside);
        while let Some(piece) = mine.frames.read(&mut input, context.now, room)? {
            match piece {
                Piece::Data {
                    stream,
                    payload,
                    ends,
                } => streams.data(direction, stream, payload, ends, context),
                Piece::GoAway { last } => {
                    if direction == Direction::Received {
                        streams.go_away(last, context);
                    }
                }
                Piece::Headers {
                    stream,
                    block,
                    ends,
                    began,
                } => {
                    match direction {
                        Direction::Received => {
                            let response = Response::decode(&mut mine.headers, block)?;
                            streams.answer(stream, response, ends, began, context);
                        }
                        Direction::Sent => {
                            let request = Request::decode(&mut mine.headers, block, context.show_query)?;
                            streams.ask(stream, request, ends, began, last, context);
                        }
                    }
                    // What is told and what is under way grow by header blocks only.
                    let kept = streams.kept() + other.kept() + mine.headers.kept();
                    room = ROOM.checked_sub(kept).ok_or(Lost)?;
                    context.findings.shrink_to(room);
                }
                Piece::Promise { block } => {
                    // What the pod pushes is nobody's request; but its headers are in the table.
                    mine.headers.decode(block, |_, _| {})?;
                    room = ROOM.saturating_sub(streams.kept() + other.kept() + mine.headers.kept());
                }
                Piece::Reset { stream, code } => streams.reset(direction, stream, code, context),
                Piece::Setting { id, value } => {
                    if id == HEADER_TABLE_SIZE {
                        other.headers.allow(value as usize);
                    }
                }
            }
        }
        context.findings.shrink_to(ROOM.saturating_sub(self.kept()));
        Ok(())
    }

    /// The connection is over; `is_clean` if it was closed, not reset.
    pub(in super::super) fn end(self, is_clean: bool, context: &mut Context<'_>) {
        for (_, exchange) in self.streams.0 {
            let ending = match is_clean {
                false => Ending::Reset,
                true if exchange.is_answered() => Ending::Cut,
                true => Ending::Unanswered,
            };
            exchange.tell(ending, context.now, context.findings);
        }
    }

    /// The connection cannot be followed any further.
    pub(in super::super) fn abandon(self, context: &mut Context<'_>) {
        for (_, exchange) in self.streams.0 {
            exchange.tell(Ending::Unfollowed, context.now, context.findings);
        }
    }
}

impl Side {
    fn kept(&self) -> usize {
        self.frames.kept() + self.headers.kept()
    }
}

impl Streams {
    fn kept(&self) -> usize {
        let under_way: usize = self.0.iter().map(|(_, exchange)| exchange.weight()).sum();
        under_way + self.0.capacity() * size_of::<(u32, UnderWay)>()
    }

    fn find(&mut self, stream: u32) -> Option<(usize, &mut UnderWay)> {
        let mut all = self.0.iter_mut().enumerate();
        all.find(|(_, (id, _))| *id == stream)
            .map(|(index, (_, exchange))| (index, exchange))
    }

    fn data(
        &mut self,
        direction: Direction,
        stream: u32,
        payload: u64,
        ends: bool,
        context: &mut Context<'_>,
    ) {
        let Some((index, exchange)) = self.find(stream) else {
            return;
        };
        let counted = exchange.exchange_mut();
        match direction {
            Direction::Received => counted.response_body += payload,
            Direction::Sent => counted.request_body += payload,
        }
        if ends {
            self.end(index, direction, context);
        }
    }

    /// A header block of the app's: a request, or the trailers of one.
    fn ask(
        &mut self,
        stream: u32,
        request: Request,
        ends: bool,
        began: Time,
        last: &mut u32,
        context: &mut Context<'_>,
    ) {
        let index = match self.find(stream) {
            Some((index, _)) => index,
            // A stream that is over, or no request.
            None if stream <= *last || stream.is_multiple_of(2) => return,
            None => {
                *last = stream;
                let Some(method) = request.method else {
                    return;
                };
                if request.is_grpc {
                    context.findings.recognise(Protocol::Grpc);
                }
                let exchange = Exchange {
                    started: began,
                    version: Version::Http2,
                    stream: Some(stream),
                    method,
                    target: request.target.unwrap_or_default(),
                    host: request.host,
                    grpc: request.is_grpc.then(Grpc::default),
                    ..Exchange::empty()
                };
                let keeps_headers = self.kept() < ROOM_FOR_HEADERS;
                let exchange = UnderWay::new(exchange, request.headers, keeps_headers);
                self.0.push((stream, exchange));
                self.0.len() - 1
            }
        };
        if ends {
            self.end(index, Direction::Sent, context);
        }
    }

    /// A header block of the pod's: a response, an interim one, or the trailers of one.
    fn answer(
        &mut self,
        stream: u32,
        response: Response,
        ends: bool,
        began: Time,
        context: &mut Context<'_>,
    ) {
        let keeps_headers = self.kept() < ROOM_FOR_HEADERS;
        let Some((index, exchange)) = self.find(stream) else {
            return;
        };
        if let Some(grpc) = &mut exchange.exchange_mut().grpc
            && response.grpc_status.is_some()
        {
            grpc.status = response.grpc_status;
        }
        if let Some(status @ 200..) = response.status
            && !exchange.is_answered()
        {
            exchange.handle_response(status, began, response.headers, keeps_headers);
        }
        if ends {
            self.end(index, Direction::Received, context);
        }
    }

    /// One of the two has said all of a stream.
    fn end(&mut self, index: usize, direction: Direction, context: &mut Context<'_>) {
        let (_, exchange) = &mut self.0[index];
        match direction {
            Direction::Received => exchange.handle_response_done(context.now),
            Direction::Sent => exchange.handle_request_done(),
        }
        if exchange.is_complete() {
            self.tell(index, Ending::Complete, context);
        }
    }

    fn reset(&mut self, by: Direction, stream: u32, code: u32, context: &mut Context<'_>) {
        let Some((index, exchange)) = self.find(stream) else {
            return;
        };
        if !exchange.is_response_done()
            && let Some(grpc) = &mut exchange.exchange_mut().grpc
            && grpc.status.is_none()
        {
            grpc.status = Some(GrpcStatus::of_reset(code));
        }
        self.tell(index, Ending::StreamReset { by, code }, context);
    }

    /// The pod does not answer the streams above `last`.
    fn go_away(&mut self, last: u32, context: &mut Context<'_>) {
        while let Some(index) = self.0.iter().position(|(id, _)| *id > last) {
            self.tell(index, Ending::Unanswered, context);
        }
    }

    fn tell(&mut self, index: usize, ending: Ending, context: &mut Context<'_>) {
        let (_, exchange) = self.0.remove(index);
        exchange.tell(ending, context.now, context.findings);
        if self.0.is_empty() {
            // What many at once took is not kept for those to come.
            self.0 = Vec::new();
        }
    }
}
