use std::collections::VecDeque;

use podline_wire::Time;

use super::super::dissector::{Context, ROOM};
use super::super::lost::Lost;
use super::super::under_way::{ROOM_FOR_HEADERS, UnderWay};
use super::super::{Direction, Ending, Exchange, Protocol, Version};
use super::Body;
use super::head::Head;
use super::message::{Method, Request, Response, Upgrade};

/// A connection that speaks HTTP/1.
///
/// Requests are answered in their order, so those under way are a queue: the first of them that has no whole response
/// is the one that the pod's bytes answer, and the last of them the one that the app's bytes belong to.
#[derive(Debug, Default)]
pub(in super::super) struct Http1 {
    request_head: Head,
    sending: Sending,
    response_head: Head,
    /// The body of the response that is coming.
    receiving: Option<Body>,
    last_received: Time,
    under_way: VecDeque<Asked>,
}

/// What the app's bytes are.
#[derive(Debug, Default)]
enum Sending {
    #[default]
    Head,
    Body(Body),
    /// What follows a CONNECT is for the tunnel, if there will be one.
    Tunnel {
        sent_any: bool,
    },
}

#[derive(Debug)]
struct Asked {
    exchange: UnderWay,
    method: Method,
    http2_settings: Option<Vec<u8>>,
}

/// What becomes of the connection.
pub(in super::super) enum Flow {
    /// It goes on as it was.
    GoesOn,
    /// It goes on with HTTP/2, whose first stream is this exchange. The app has said what its settings are.
    Http2 { exchange: UnderWay, settings: Vec<u8> },
    /// What follows is not HTTP any more.
    Tunnel(Protocol),
}

impl Http1 {
    /// Bytes on the heap.
    pub(in super::super) fn kept(&self) -> usize {
        let under_way: usize = self.under_way.iter().map(Asked::weight).sum();
        under_way
            + self.under_way.capacity() * size_of::<Asked>()
            + self.request_head.kept()
            + self.response_head.kept()
    }

    /// Takes what it can from `input`: all of it, if the connection goes on as it was.
    pub(in super::super) fn handle(
        &mut self,
        direction: Direction,
        input: &mut &[u8],
        context: &mut Context<'_>,
    ) -> Result<Flow, Lost> {
        match direction {
            Direction::Received => self.receive(input, context),
            Direction::Sent => self.send(input, context).map(|()| Flow::GoesOn),
        }
    }

    /// The connection is over; `is_clean` if it was closed, not reset.
    pub(in super::super) fn end(mut self, is_clean: bool, context: &mut Context<'_>) {
        let has_begun = self.response_head.is_begun();
        for (index, Asked { mut exchange, .. }) in self.under_way.drain(..).enumerate() {
            if index == 0 && is_clean && self.receiving == Some(Body::UntilEnd) {
                // The close comes late (the runtime waits a second with it), the last byte did not.
                exchange.handle_response_done(self.last_received);
            }
            let ending = match is_clean {
                false => Ending::Reset,
                true if exchange.is_answered() || index == 0 && has_begun => Ending::Cut,
                true => Ending::Unanswered,
            };
            exchange.tell(ending, context.now, context.findings);
        }
    }

    /// The connection cannot be followed any further.
    pub(in super::super) fn abandon(self, context: &mut Context<'_>) {
        for asked in self.under_way {
            asked
                .exchange
                .tell(Ending::Unfollowed, context.now, context.findings);
        }
    }

    fn send(&mut self, input: &mut &[u8], context: &mut Context<'_>) -> Result<(), Lost> {
        while !input.is_empty() {
            match &mut self.sending {
                Sending::Head => {
                    let room = ROOM.saturating_sub(self.kept() - self.request_head.kept());
                    let read = self.request_head.read(input, context.now, room, |head, began| {
                        Ok((Request::parse(head, context.show_query)?, began))
                    })?;
                    context.findings.shrink_to(ROOM.saturating_sub(self.kept()));
                    if let Some((request, began)) = read {
                        self.ask(request, began, context)?;
                    }
                }
                Sending::Body(body) => {
                    // A body is part of the request that came last, which stays until the body is whole.
                    let Some(asked) = self.under_way.back_mut() else {
                        return Err(Lost);
                    };
                    body.skip(input, &mut asked.exchange.exchange_mut().request_body)?;
                    if body.is_whole() {
                        self.handle_request_done(context);
                    }
                }
                Sending::Tunnel { sent_any } => {
                    *sent_any = true;
                    *input = &[];
                }
            }
        }
        Ok(())
    }

    fn ask(&mut self, request: Request, began: Time, context: &mut Context<'_>) -> Result<(), Lost> {
        context.findings.recognise(Protocol::Http1);
        let kept = self.kept();
        let exchange = Exchange {
            started: began,
            version: request.version,
            stream: None,
            method: request.method_name,
            target: request.target,
            host: request.host,
            ..Exchange::empty()
        };
        let asked = Asked {
            exchange: UnderWay::new(exchange, request.headers, kept < ROOM_FOR_HEADERS),
            method: request.method,
            http2_settings: request.http2_settings,
        };
        self.under_way.push_back(asked);
        let kept = self.kept();
        if kept > ROOM {
            return Err(Lost);
        }
        context.findings.shrink_to(ROOM - kept);
        match request.method {
            Method::Connect => {
                self.sending = Sending::Tunnel { sent_any: false };
                self.mark_request_done();
            }
            Method::Head | Method::Other => {
                self.sending = Sending::Body(request.body);
                if request.body.is_whole() {
                    self.handle_request_done(context);
                }
            }
        }
        Ok(())
    }

    fn mark_request_done(&mut self) {
        if let Some(asked) = self.under_way.back_mut() {
            asked.exchange.handle_request_done();
        }
    }

    fn handle_request_done(&mut self, context: &mut Context<'_>) {
        self.sending = Sending::Head;
        self.mark_request_done();
        self.tell_complete(context);
    }

    fn receive(&mut self, input: &mut &[u8], context: &mut Context<'_>) -> Result<Flow, Lost> {
        self.last_received = context.now;
        while !input.is_empty() {
            let Some(body) = &mut self.receiving else {
                let room = ROOM.saturating_sub(self.kept() - self.response_head.kept());
                let read = self.response_head.read(input, context.now, room, |head, began| {
                    Ok((Response::parse(head)?, began))
                })?;
                context.findings.shrink_to(ROOM.saturating_sub(self.kept()));
                if let Some((response, began)) = read
                    && !response.is_interim()
                    && let Some(flow) = self.answer(response, began, context)?
                {
                    return Ok(flow);
                }
                continue;
            };
            // The response belongs to the first request, which stays until it is whole.
            let Some(asked) = self.under_way.front_mut() else {
                return Err(Lost);
            };
            body.skip(input, &mut asked.exchange.exchange_mut().response_body)?;
            if body.is_whole() {
                self.handle_response_done(context);
            }
        }
        Ok(Flow::GoesOn)
    }

    /// The head of a final response has come. Gives what becomes of the connection, if it is another.
    fn answer(
        &mut self,
        response: Response,
        began: Time,
        context: &mut Context<'_>,
    ) -> Result<Option<Flow>, Lost> {
        let kept = self.kept();
        let Some(asked) = self.under_way.front_mut() else {
            return Err(Lost);
        };
        if asked.exchange.is_response_done() {
            return Err(Lost);
        }
        let (status, method) = (response.status, asked.method);
        let body = response.body(method);
        let upgrade = response.upgrade;
        asked
            .exchange
            .handle_response(status, began, response.headers, kept < ROOM_FOR_HEADERS);
        let kept = self.kept();
        if kept > ROOM {
            return Err(Lost);
        }
        context.findings.shrink_to(ROOM - kept);
        if status == 101 {
            return self.upgrade(upgrade, context).map(Some);
        }
        if method == Method::Connect {
            if (200..300).contains(&status) {
                self.handle_response_done(context);
                return Ok(Some(Flow::Tunnel(Protocol::Bytes)));
            }
            if let Sending::Tunnel { sent_any: true } = self.sending {
                // Those bytes were for no tunnel; they may have been requests.
                return Err(Lost);
            }
            self.sending = Sending::Head;
        }
        self.receiving = Some(body);
        if body.is_whole() {
            self.handle_response_done(context);
        }
        Ok(None)
    }

    fn upgrade(&mut self, upgrade: Upgrade, context: &mut Context<'_>) -> Result<Flow, Lost> {
        match upgrade {
            Upgrade::Http2 => {
                let Some(mut asked) = self.under_way.pop_front() else {
                    return Err(Lost);
                };
                let (Some(settings), true) = (asked.http2_settings.take(), asked.exchange.is_request_done())
                else {
                    self.under_way.push_front(asked);
                    return Err(Lost);
                };
                if self.request_head.is_begun() || !self.under_way.is_empty() {
                    self.under_way.push_front(asked);
                    return Err(Lost);
                }
                // The response comes in HTTP/2.
                let exchange = asked.exchange.exchange_mut();
                exchange.version = Version::Http2;
                exchange.stream = Some(1);
                asked.exchange.forget_response();
                Ok(Flow::Http2 {
                    exchange: asked.exchange,
                    settings,
                })
            }
            Upgrade::Other | Upgrade::WebSocket => {
                // What the app said behind it was for the other protocol already.
                self.mark_request_done();
                self.handle_response_done(context);
                Ok(Flow::Tunnel(match upgrade {
                    Upgrade::WebSocket => Protocol::WebSocket,
                    Upgrade::Http2 | Upgrade::Other => Protocol::Bytes,
                }))
            }
        }
    }

    fn handle_response_done(&mut self, context: &mut Context<'_>) {
        self.receiving = None;
        if let Some(asked) = self.under_way.front_mut() {
            asked.exchange.handle_response_done(context.now);
        }
        self.tell_complete(context);
    }

    /// Tells the first exchange if nothing of it is to come.
    fn tell_complete(&mut self, context: &mut Context<'_>) {
        if let Some(asked) = self.under_way.pop_front_if(|asked| asked.exchange.is_complete()) {
            asked
                .exchange
                .tell(Ending::Complete, context.now, context.findings);
        }
    }
}

impl Asked {
    /// Bytes on the heap.
    fn weight(&self) -> usize {
        self.exchange.weight() + self.http2_settings.as_ref().map_or(0, Vec::capacity)
    }
}
