//! One connection of the shell: the app behind it, as a task.

use std::{collections::VecDeque, future::pending, time::Duration};

use podline_tunnel::{self as tunnel, Chunk, PairReceiver, PairSender, Pool, Received};
use podline_wire::session;
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

use super::cluster::Cluster;
use crate::{
    app::{AppEnd, AppPlan, AppWrites},
    facts::End,
    node::FIRST_PORT,
    pattern,
    pool::CallerPlan,
};

/// How long a connection waits that got no lane, before it asks again.
const AGAIN: Duration = Duration::from_millis(500);

/// Runs the connection to its end. The error says what was wrong.
pub(super) async fn run(
    cluster: Cluster,
    pool: Pool,
    connection: usize,
    plan: CallerPlan,
) -> Result<(), String> {
    cluster.until(plan.app.starts).await;
    cluster.lock().facts[connection].asked = Some(cluster.now());
    let getting = get(&pool, connection, plan.hold);
    let got = match plan.gives_up {
        Some(patience) => timeout(patience, getting).await.ok(),
        None => Some(getting.await),
    };
    let Some((sender, receiver)) = got else {
        return Ok(());
    };
    {
        let mut state = cluster.lock();
        state.facts[connection].opened = Some(cluster.now());
        state.facts[connection].shared = state.plan.shares_lanes();
    }
    App {
        cluster,
        connection,
        plan: plan.app,
    }
    .run(sender, receiver)
    .await
}

async fn get(pool: &Pool, connection: usize, hold: Duration) -> (PairSender, PairReceiver) {
    loop {
        let Ok(lane) = pool.lend().await else {
            sleep(AGAIN).await;
            continue;
        };
        if !hold.is_zero() {
            sleep(hold).await;
        }
        // Nothing was sent where that fails, so it may have another.
        if let Ok(pair) = lane.open(FIRST_PORT + connection as u16) {
            return pair;
        }
    }
}

struct App {
    cluster: Cluster,
    connection: usize,
    plan: AppPlan,
}

impl App {
    async fn run(self, mut sender: PairSender, receiver: PairReceiver) -> Result<(), String> {
        let (consumed, seen) = watch::channel(0);
        let reset = async {
            match self.plan.end {
                AppEnd::Reset(time) => sleep(time).await,
                _ => pending().await,
            }
        };
        let ended = tokio::select! {
            biased;
            end = self.read(receiver, &consumed) => Some(end?),
            error = self.write(&mut sender, seen) => return Err(error),
            () = reset => None,
        };
        let now = self.cluster.now();
        let end = match ended {
            Some(end) => End::of(end),
            None => {
                sender.reset();
                End::Aborted
            }
        };
        let mut state = self.cluster.lock();
        let facts = &mut state.facts[self.connection];
        if end == End::Aborted {
            facts.aborted = Some(now);
        } else if facts.finished.is_none() {
            facts.stopped.get_or_insert(now);
        }
        facts.end = Some(end);
        facts.ended = Some(now);
        Ok(())
    }

    async fn read(
        &self,
        mut receiver: PairReceiver,
        consumed: &watch::Sender<u64>,
    ) -> Result<tunnel::PairEnd, String> {
        let key = if self.plan.source {
            pattern::downstream(self.connection)
        } else {
            pattern::upstream(self.connection)
        };
        let opened = self.cluster.now();
        let mut pieces = VecDeque::new();
        loop {
            if let Some((from, time)) = self.plan.pause
                && self.cluster.now() >= opened + from
            {
                self.cluster.until(opened + from + time).await;
            }
            match receiver.receive(&mut pieces).await {
                Received::Data => {
                    let mut state = self.cluster.lock();
                    let facts = &mut state.facts[self.connection];
                    for piece in pieces.drain(..) {
                        pattern::check(key, facts.received, &piece)
                            .map_err(|place| format!("the app got a wrong byte at {place}"))?;
                        facts.received += piece.len() as u64;
                    }
                    consumed.send_replace(facts.received);
                }
                Received::End(end) => return Ok(end),
            }
        }
    }

    /// Writes and ends; comes back only with what was wrong.
    async fn write(&self, sender: &mut PairSender, mut seen: watch::Receiver<u64>) -> String {
        let ends_after = async {
            match self.plan.end {
                AppEnd::After(time) => sleep(time).await,
                _ => pending().await,
            }
        };
        let ends_with = async |mut seen: watch::Receiver<u64>| match self.plan.end {
            AppEnd::Received(bytes) => {
                drop(seen.wait_for(|consumed| *consumed >= bytes).await);
            }
            _ => pending().await,
        };
        let whole = tokio::select! {
            biased;
            () = ends_after => Ok(true),
            () = ends_with(seen.clone()) => Ok(true),
            written = self.write_all(sender, &mut seen) => written,
        };
        match whole {
            Err(error) => return error,
            Ok(false) => pending().await,
            Ok(true) => {}
        }
        match self.plan.end {
            AppEnd::Received(bytes) => {
                drop(seen.wait_for(|consumed| *consumed >= bytes).await);
            }
            AppEnd::Reset(_) | AppEnd::Never => pending().await,
            AppEnd::After(time) => {
                let opened = self.cluster.lock().facts[self.connection].opened;
                self.cluster.until(opened.unwrap_or_default() + time).await;
            }
            AppEnd::Sent => {}
        }
        {
            let mut state = self.cluster.lock();
            let facts = &mut state.facts[self.connection];
            if facts.stopped.is_none() {
                facts.finished = Some(self.cluster.now());
            }
        }
        sender.finish();
        pending().await
    }

    /// True once all is written; false if the peer takes no more.
    async fn write_all(
        &self,
        sender: &mut PairSender,
        seen: &mut watch::Receiver<u64>,
    ) -> Result<bool, String> {
        match self.plan.writes {
            AppWrites::Bulk { total, chunk } => {
                let mut left = total;
                while left > 0 {
                    let length = left.min(chunk as u64) as usize;
                    if !self.send(sender, length).await {
                        return Ok(false);
                    }
                    left -= length as u64;
                }
            }
            AppWrites::Rounds { count, size, every } => {
                for _ in 0..count {
                    if !self.send(sender, size).await {
                        return Ok(false);
                    }
                    let sent = self.cluster.lock().facts[self.connection].sent;
                    let asked = self.cluster.now();
                    drop(seen.wait_for(|consumed| *consumed >= sent).await);
                    let took = self.cluster.now().saturating_since(asked);
                    if took > self.plan.patience
                        && asked + self.plan.patience < self.cluster.lock().plan.release
                    {
                        return Err(format!(
                            "an answer took {took:?}, and {:?} is the most that it may",
                            self.plan.patience
                        ));
                    }
                    sleep(every).await;
                }
            }
        }
        Ok(true)
    }

    /// False if the peer takes no more.
    async fn send(&self, sender: &mut PairSender, length: usize) -> bool {
        let mut left = length;
        while left > 0 {
            let Ok(room) = sender.ready().await else {
                let now = self.cluster.now();
                self.cluster.lock().facts[self.connection]
                    .stopped
                    .get_or_insert(now);
                return false;
            };
            let length = left.min(room);
            let mut chunk = Chunk::with_capacity(length);
            {
                let mut state = self.cluster.lock();
                let facts = &mut state.facts[self.connection];
                let bytes = pattern::bytes(pattern::upstream(self.connection), facts.sent, length);
                chunk.buffer().extend_from_slice(&bytes);
                facts.sent += length as u64;
            }
            sender.send(chunk);
            left -= length;
        }
        true
    }
}

impl End {
    fn of(end: tunnel::PairEnd) -> Self {
        Self::Pair(match end {
            tunnel::PairEnd::Clean { delivered } => session::PairEnd::Clean { delivered },
            tunnel::PairEnd::Failed { kind, text } => session::PairEnd::Failed { kind, text },
            tunnel::PairEnd::Reset => session::PairEnd::Reset,
            tunnel::PairEnd::StalledReader => return Self::StalledReader,
            tunnel::PairEnd::Unanswered => session::PairEnd::Unanswered,
            _ => return Self::SessionLost,
        })
    }
}
