use std::collections::VecDeque;
use std::time::Duration;

use podline_tunnel::{Lane, PairEnd, PairEnded, PairReceiver, PairSender, Pool, Received};
use tokio::time::{Instant, timeout_at};

use super::{Answer, Ask, PROBE_DEADLINE, Probe, Talk};
use crate::End;
use crate::carrier::chunk_of;
use crate::reason::reason;

/// How long a server may take to answer, before its port is only asked whether it is open. A server that looks up a name
/// first, as those of SSH and FTP do, takes seconds.
const ANSWER_DEADLINE: Duration = Duration::from_secs(5);

/// What a probe found.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) probe: Probe,
    /// From the opening until the runtime had answered it.
    pub(crate) round_trip: Duration,
}

/// Probes `port` of the pool's pod: by `lane`, and by one more where a server was asked and did not answer.
///
/// # Errors
/// Nothing could be found out of the port.
pub(crate) async fn run(pool: &Pool, lane: Lane, port: u16, ask: Option<&Ask>) -> Result<Told, End> {
    let Some(ask) = ask else {
        return open(lane, port).await;
    };
    match answer(lane, port, ask).await? {
        Some(told) => Ok(told),
        None => open(pool.lend().await.map_err(End::SessionLost)?, port).await,
    }
}

/// Whether `port` is open, by a connection that is finished in its opening.
async fn open(lane: Lane, port: u16) -> Result<Told, End> {
    let until = Instant::now() + PROBE_DEADLINE;
    let mut receiver = lane.open_finished(port).map_err(End::SessionLost)?;
    let round_trip = answered(&mut receiver, until).await?;
    let mut came = VecDeque::new();
    let probe = match timeout_at(until, receiver.receive(&mut came)).await {
        Ok(Received::Data) => {
            let first = came.front().map(|bytes| &bytes[..]).unwrap_or_default();
            Probe::Serving(Answer::said(first))
        }
        Ok(Received::End(end)) => Probe::of(end)?,
        Err(_) => Probe::Dropped,
    };
    Ok(Told { probe, round_trip })
}

/// What comes back from `port`; None if nothing did, so that it may be closed to packets too.
async fn answer(lane: Lane, port: u16, ask: &Ask) -> Result<Option<Told>, End> {
    let until = Instant::now() + ANSWER_DEADLINE;
    let mut talk = Talk::new(ask, port).map_err(|error| End::PodError(reason(&error)))?;
    let first = chunk_of(&talk.take_output());
    let (mut sender, mut receiver) = lane.open_with(port, first).map_err(End::SessionLost)?;
    let round_trip = answered(&mut receiver, until).await?;
    let end = timeout_at(until, converse(&mut talk, &mut sender, &mut receiver)).await;
    let probe = match (talk.answer(true), end) {
        (Some(answer), _) => Probe::Serving(answer),
        (None, Ok(Some(end))) => Probe::of(end)?,
        (None, Ok(None) | Err(_)) => return Ok(None),
    };
    Ok(Some(Told { probe, round_trip }))
}

/// Waits until the runtime has answered the opening; gives how long that took.
async fn answered(receiver: &mut PairReceiver, until: Instant) -> Result<Duration, End> {
    let opened = Instant::now();
    let answered = timeout_at(until, receiver.answered()).await;
    answered.map_err(|_| End::Unanswered)?;
    Ok(opened.elapsed())
}

/// Talks until there is an answer, or the end.
async fn converse(talk: &mut Talk, sender: &mut PairSender, receiver: &mut PairReceiver) -> Option<PairEnd> {
    let mut came = VecDeque::new();
    while talk.answer(false).is_none() {
        if let Received::End(end) = receiver.receive(&mut came).await {
            return Some(end);
        }
        for bytes in came.drain(..) {
            talk.handle(&bytes);
        }
        // Where the peer takes no more, the end is on its way.
        let _ended = send(sender, &talk.take_output()).await;
    }
    None
}

async fn send(sender: &mut PairSender, mut bytes: &[u8]) -> Result<(), PairEnded> {
    while !bytes.is_empty() {
        let (piece, rest) = bytes.split_at(bytes.len().min(sender.ready().await?));
        if let Some(chunk) = chunk_of(piece) {
            sender.send(chunk);
        }
        bytes = rest;
    }
    Ok(())
}
