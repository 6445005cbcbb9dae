//! The health of one target as one vantage sees it.
//!
//! A state machine fed with probe outcomes. Decisions use the monotonic clock only; the wall clock
//! only dates the change. The states and what leads to them:
//!
//! | state | entered when |
//! |---|---|
//! | `Down` | k of the last n probes were lost, with k grown by the target's usual loss |
//! | `Up` | after `Down` or `Unknown`: k of the last n probes were answered, and no hold is in force |
//! | `Degraded` | it answers, but the median latency or the loss over a longer window is above its limit |
//! | `Unknown` | at first, and when no outcome arrived for a while |
//!
//! Two holds bound how often it changes its mind: outages in quick succession double the span for
//! which `Up` is not believed (flap back-off), and `Degraded` is kept for a minimum span.

mod flap;
mod latency;
mod loss;
mod policy;
mod reason;
mod run;

use std::time::Duration;

use weir_model::{
    health::{Health, StateChange, Target},
    id::VantageId,
    time::{Mono, Now},
};

use flap::FlapBackoff;
use latency::LatencyWindow;
use loss::LossWindow;
pub use policy::{HealthPolicy, HealthPolicyError, Threshold, WINDOW_MAX};
use run::Run;

/// What became of one probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeOutcome {
    /// It was answered.
    Answered {
        /// From sending to the answer.
        round_trip: Duration,
    },
    /// It was not, within the prober's own time limit.
    Lost,
}

/// The health state machine of one (vantage, target).
#[derive(Clone, Debug)]
pub struct HealthMachine {
    vantage: VantageId,
    target: Target,
    policy: HealthPolicy,
    health: Health,
    /// When `health` was entered; `None` before the first outcome.
    entered: Option<Mono>,
    /// When the latest outcome of any kind arrived.
    heard: Option<Mono>,
    /// When the latest answer arrived.
    answered: Option<Mono>,
    /// Answers since `health` was entered.
    answers: u32,
    /// The current run of losses. Its outcomes reach `loss` only once it is known to be no outage.
    losing: Run,
    /// The current run of answers, kept while `Down` or `Unknown`.
    answering: Run,
    /// Everything is lost since the run that made it `Down`: not chance, so kept out of `loss`.
    outage: bool,
    loss: LossWindow,
    latency: LatencyWindow,
    flap: FlapBackoff,
}

impl HealthMachine {
    /// A machine that knows nothing yet.
    ///
    /// # Errors
    /// When `policy` contradicts itself.
    pub fn new(vantage: VantageId, target: Target, policy: HealthPolicy) -> Result<Self, HealthPolicyError> {
        policy.check()?;
        Ok(Self {
            vantage,
            target,
            health: Health::Unknown,
            entered: None,
            heard: None,
            answered: None,
            answers: 0,
            losing: Run::new(policy.down.misses()),
            answering: Run::new(policy.up.misses()),
            outage: false,
            loss: LossWindow::new(policy.loss_window, policy.loss_enter, policy.loss_leave),
            latency: LatencyWindow::new(policy.latency_window, policy.latency_max),
            flap: FlapBackoff::default(),
            policy,
        })
    }

    /// What the vantage thinks of the target.
    pub fn health(&self) -> Health {
        self.health
    }

    /// About whom.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The lost part of the longer window, 0 to 1, outages and the current run of losses left out.
    pub fn loss(&self) -> f64 {
        self.loss.fraction()
    }

    /// How many losses (in a row, when the policy's `down` has `count == of`) mean `Down` now.
    fn losses_for_down(&self) -> u32 {
        self.loss.losses_for_down(&self.policy)
    }

    /// Takes in what became of one probe.
    pub fn handle_probe(&mut self, outcome: ProbeOutcome, now: Now) -> Option<StateChange> {
        self.heard = Some(now.mono);
        match outcome {
            ProbeOutcome::Answered { round_trip } => {
                self.answered = Some(now.mono);
                self.answers = self.answers.saturating_add(1);
                self.latency.push(round_trip);
                self.count(false);
            }
            ProbeOutcome::Lost => self.count(true),
        }
        self.judge(now)
    }

    /// Looks at the clock: silence and holds end by time alone. Early calls change nothing.
    pub fn handle_timeout(&mut self, now: Now) -> Option<StateChange> {
        match self.silence_deadline() {
            Some(deadline) if deadline <= now.mono => self.enter(Health::Unknown, now),
            _ => self.judge(now),
        }
    }

    /// When [`Self::handle_timeout`] must be called next, and why.
    pub fn poll_timeout(&self) -> Option<(Mono, &'static str)> {
        let silence = self.silence_deadline().map(|deadline| (deadline, "silence"));
        let hold = match self.health {
            Health::Down | Health::Unknown if self.answers_again() && !self.outage => {
                self.flap.held_until().map(|deadline| (deadline, "end of flap hold"))
            }
            Health::Degraded if !self.is_impaired() => {
                self.degraded_until().map(|deadline| (deadline, "end of degraded hold"))
            }
            _ => None,
        };
        [silence, hold].into_iter().flatten().min_by_key(|(deadline, _)| *deadline)
    }

    fn silence_deadline(&self) -> Option<Mono> {
        let heard = self.heard.filter(|_| self.health != Health::Unknown)?;
        Some(heard + self.policy.silence)
    }

    fn degraded_until(&self) -> Option<Mono> {
        self.entered.map(|entered| entered + self.policy.degraded_hold)
    }

    /// Counts one outcome in the runs, and in the loss window what the runs are done with.
    fn count(&mut self, lost: bool) {
        if matches!(self.health, Health::Down | Health::Unknown) {
            self.answering.push(!lost);
            self.answering.settle();
            self.answering.keep_latest(self.policy.up.of);
        }
        if self.outage {
            if lost {
                return;
            }
            // The outage is over, and its run was no chance: it is dropped, not settled as loss.
            self.outage = false;
            self.losing.clear();
        }
        self.losing.push(lost);
        while let Some(lost) = self.losing.pop_settled() {
            self.loss.push(lost);
        }
        if self.losing.hits() >= self.policy.down.count && self.losing.hits() >= self.losses_for_down() {
            self.outage = true;
        }
    }

    /// Where the evidence leads from the current state.
    fn judge(&mut self, now: Now) -> Option<StateChange> {
        let held = self.flap.held_until().is_some_and(|deadline| now.mono < deadline);
        let next = match self.health {
            _ if self.outage => Health::Down,
            Health::Down | Health::Unknown if held || !self.answers_again() => self.health,
            _ if self.is_impaired() => Health::Degraded,
            Health::Degraded if self.degraded_until().is_some_and(|deadline| now.mono < deadline) => Health::Degraded,
            _ => Health::Up,
        };
        self.enter(next, now)
    }

    /// Whether enough answers came to leave `Down` or `Unknown`. Of a target that is known to lose
    /// many, a row of answers would take forever, so to leave `Unknown` they need not be in a row.
    fn answers_again(&self) -> bool {
        let lossy = self.health == Health::Unknown && self.loss.is_lossy() && self.answers >= self.policy.up.count;
        lossy || self.answering.hits() >= self.policy.up.count
    }

    fn is_impaired(&self) -> bool {
        self.loss.is_lossy() || self.latency.is_slow()
    }

    /// Enters `next`: words the change, then forgets what belongs to the state left.
    fn enter(&mut self, next: Health, now: Now) -> Option<StateChange> {
        if next == self.health {
            return None;
        }
        let reason = self.reason(next, now.mono);
        let from = std::mem::replace(&mut self.health, next);
        self.entered = Some(now.mono);
        self.answers = 0;
        self.answering.clear();
        match next {
            Health::Down => {
                self.latency.clear();
                // A target that was not up did not flap: it may have been down all the while.
                if from != Health::Unknown {
                    self.flap.note_outage(&self.policy, now.mono);
                }
            }
            Health::Unknown => {
                self.latency.clear();
                self.losing.clear();
                self.outage = false;
            }
            Health::Up | Health::Degraded => self.flap.release(),
        }
        let (vantage, target) = (self.vantage.clone(), self.target.clone());
        Some(StateChange { vantage, target, from, to: next, reason, at: now.wall })
    }
}

#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;
