use thiserror::Error;

use crate::client::ConnectionError;
use crate::contender::Contender;
use crate::forwarder::{Forwarder, ForwarderError, Launch};
use crate::process::ProcessError;
use crate::sheet::{Figure, Sheet};

/// The forwarders that take part in one measurement, all running at once and measured in turns.
pub(crate) struct Lineup {
    forwarders: Vec<Forwarder>,
    figures: &'static [Figure],
}

/// Why a turn gave no value.
#[derive(Debug, Error)]
pub(crate) enum TurnError {
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    #[error(transparent)]
    Forwarder(#[from] ForwarderError),
    #[error(transparent)]
    Process(#[from] ProcessError),
}

impl Lineup {
    /// Starts every contender with the workload's `ports`. One that does not start is noted as failed in `figures` and
    /// left out.
    pub(crate) async fn start(
        launches: &[Launch],
        ports: &[u16],
        figures: &'static [Figure],
        sheet: &mut Sheet,
    ) -> Self {
        let mut forwarders = Vec::new();
        for launch in launches {
            match Forwarder::start(launch, ports).await {
                Ok(forwarder) => forwarders.push(forwarder),
                Err(error) => sheet.failed(figures, launch.contender, &error),
            }
        }
        Self { forwarders, figures }
    }

    /// Gives every forwarder its turn in each of `count` rounds and one before them whose values are dropped.
    pub(crate) async fn rounds<Value>(
        &mut self,
        count: usize,
        sheet: &mut Sheet,
        mut turn: impl AsyncFnMut(&Forwarder) -> Result<Value, TurnError>,
        mut keep: impl FnMut(&mut Sheet, Contender, Value),
    ) {
        self.round(0, sheet, &mut turn, |_, _, _| {}).await;
        for round in 1..=count {
            self.round(round, sheet, &mut turn, &mut keep).await;
        }
    }

    /// Gives every forwarder one turn. One that has ended is left out from then on.
    pub(crate) async fn round<Value>(
        &mut self,
        round: usize,
        sheet: &mut Sheet,
        mut turn: impl AsyncFnMut(&Forwarder) -> Result<Value, TurnError>,
        mut keep: impl FnMut(&mut Sheet, Contender, Value),
    ) {
        for index in order(self.forwarders.len(), round) {
            let forwarder = &self.forwarders[index];
            match turn(forwarder).await {
                Ok(value) => keep(sheet, forwarder.contender(), value),
                Err(error) => sheet.failed(self.figures, forwarder.contender(), &error),
            }
        }
        let figures = self.figures;
        self.forwarders.retain_mut(|forwarder| match forwarder.check() {
            Ok(()) => true,
            Err(error) => {
                sheet.failed(figures, forwarder.contender(), &error);
                false
            }
        });
    }

    pub(crate) async fn stop(self) {
        for forwarder in self.forwarders {
            forwarder.stop().await;
        }
    }
}

/// The order of turns in a round: every other one is reversed, so that what goes before whom does not always fall to the same.
pub(crate) fn order(contenders: usize, round: usize) -> impl Iterator<Item = usize> {
    (0..contenders).map(move |turn| {
        if round.is_multiple_of(2) {
            turn
        } else {
            contenders - 1 - turn
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_other_round_is_reversed() {
        assert_eq!(order(3, 0).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(order(3, 1).collect::<Vec<_>>(), [2, 1, 0]);
        assert_eq!(order(3, 2).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(order(0, 1).count(), 0);
    }
}
