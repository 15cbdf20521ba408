//! What the pool wants done, performed and judged.

use std::time::Duration;

use podline_wire::{
    Time,
    pool::{Action, Health, RequestKey, SessionKey},
};

use super::{A_SECOND, Attempt, Keeper, Told};
use crate::pool::{member::Member, plan::PoolPlan};

/// Sessions being made at once, at most, and where nobody waits for them and some were made before.
const CONNECTING: usize = 16;
const CONNECTING_SPARE: usize = 4;

impl Keeper {
    pub(super) fn perform(&mut self, now: Time, plan: &PoolPlan) -> Result<(), String> {
        while let Some(action) = self.pool.poll_action() {
            self.note(now, || format!("{action:?}"));
            match action {
                Action::Close(key) => self.close(now, key)?,
                Action::Connect(key) => self.connect(now, key, plan)?,
                Action::Lend(request, key) => self.lend(now, request, key, plan)?,
                Action::Share(request, key) => self.share(request, key, plan)?,
                Action::Prove(key) => self.prove(now, key)?,
                Action::Refuse(request, _) => {
                    if !self.attempts.is_empty() {
                        return Err("a connection is refused while sessions are being made".into());
                    }
                    let connection = self
                        .waiting
                        .remove(&request)
                        .ok_or("nobody waits who is refused")?;
                    self.told.push_back(Told::Refused(connection));
                }
                other => return Err(format!("an unknown action: {other:?}")),
            }
        }
        Ok(())
    }

    pub(super) fn close(&mut self, now: Time, key: SessionKey) -> Result<(), String> {
        let mut member = self
            .members
            .remove(&key)
            .ok_or("a session is closed that is not")?;
        if member.link.client.session.pairs() > 0 {
            return Err(format!("{key:?} is closed under its connections"));
        }
        if member.lent > member.settled {
            return Err(format!("{key:?} is closed while a lane of it is lent"));
        }
        member.link.leave(now);
        self.left.insert(key, member);
        Ok(())
    }

    pub(super) fn connect(&mut self, now: Time, key: SessionKey, plan: &PoolPlan) -> Result<(), String> {
        let held = !self.waiting.is_empty();
        let long_ago = |at: &mut Time| now.saturating_since(*at) >= Duration::from_secs(1);
        while self.starts.pop_front_if(long_ago).is_some() {}
        if self.started_lately(now) >= A_SECOND {
            return Err(format!(
                "more than {A_SECOND} sessions are started within a second"
            ));
        }
        if now < if held { self.held_until } else { self.paused_until } {
            return Err("a session is started in the pause that the server asked for".into());
        }
        let founding = self.founded.is_none() && self.failed.is_none();
        let at_once = if held || founding {
            CONNECTING
        } else {
            CONNECTING_SPARE
        };
        if self.attempts.len() >= at_once {
            return Err(format!("more than {at_once} sessions are made at once"));
        }
        let useful = self.useful();
        let most = if held {
            plan.config.most
        } else {
            plan.config.isolated
        };
        if self.attempts.len() + useful >= most {
            return Err(format!("more than {most} sessions"));
        }
        if self.founded.is_none() {
            self.founders.insert(key);
        }
        self.starts.push_back(now);
        self.unattended = None;
        let connects = plan.connects;
        let attempt = match self.outage {
            Some(outage) => Attempt {
                until: now + outage.takes,
                made: false,
                retry_after: outage.retry_after,
            },
            None => Attempt {
                until: now
                    + connects.shortest
                    + (connects.longest - connects.shortest).mul_f64(self.rng.f64()),
                made: self.rng.u8(..) >= connects.failing || self.released,
                retry_after: connects.retry_after,
            },
        };
        self.attempts.insert(key, attempt);
        Ok(())
    }

    pub(super) fn lend(
        &mut self,
        now: Time,
        request: RequestKey,
        key: SessionKey,
        plan: &PoolPlan,
    ) -> Result<(), String> {
        let full = self.is_full(plan);
        let held_back = self.is_held_back(now);
        let isolated = self.useful() >= plan.config.isolated;
        self.check_lively(key)?;
        let connection = self
            .waiting
            .remove(&request)
            .ok_or("nobody waits who is lent to")?;
        let idle = self
            .members
            .values()
            .any(|member| member.is_idle() && member.takes_one_more(Health::Well));
        let member = self
            .members
            .get_mut(&key)
            .ok_or("a session is lent that is not")?;
        let report = member.link.client.report();
        // Where none can be made, a bad one is better than none.
        let worst = if self.failed.is_some() || full || held_back {
            Health::Late
        } else if isolated {
            Health::Fast
        } else {
            Health::Well
        };
        if !member.takes_one_more(worst) {
            return Err(format!(
                "{key:?} is lent, and has {} lanes lent: {report:?}",
                member.lent
            ));
        }
        if idle && !member.is_idle() {
            return Err(format!("{key:?} is lent while another session is idle"));
        }
        member.lent += 1;
        self.told.push_back(Told::Lent(connection, key, false));
        Ok(())
    }

    pub(super) fn share(
        &mut self,
        request: RequestKey,
        key: SessionKey,
        plan: &PoolPlan,
    ) -> Result<(), String> {
        if !self.is_full(plan) {
            return Err("a lane is shared, and there may be more sessions".into());
        }
        self.check_lively(key)?;
        if self.members.values().any(Member::was_said_to_take_one_more) {
            return Err("a lane is shared, and there is one that nobody has".into());
        }
        let connection = self
            .waiting
            .remove(&request)
            .ok_or("nobody waits who is lent to")?;
        let member = self
            .members
            .get_mut(&key)
            .filter(|member| member.was_said_to_share())
            .ok_or("a session's lane is shared that has none to share")?;
        member.lent += 1;
        self.told.push_back(Told::Lent(connection, key, true));
        Ok(())
    }

    /// A session whose peer may be dead is lent to nobody.
    pub(super) fn check_lively(&self, key: SessionKey) -> Result<(), String> {
        match self.members.get(&key) {
            Some(member) if member.link.client.session.is_silent() => {
                Err(format!("{key:?} is lent, and its peer may be dead"))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn prove(&mut self, now: Time, key: SessionKey) -> Result<(), String> {
        let member = self
            .members
            .get_mut(&key)
            .filter(|member| member.is_idle())
            .ok_or("a session is asked what its peer is that is not idle")?;
        if self.proving.replace((key, now)).is_some() {
            return Err("peers are asked twice what they are".into());
        }
        member.link.client.prove();
        Ok(())
    }
}
