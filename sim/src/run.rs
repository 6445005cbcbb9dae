//! The run: the clock and what happens on it.

use std::{ops::ControlFlow, sync::Arc};

use weir_billing::ledger::LedgerError;
use weir_detect::{
    health::HealthPolicyError,
    quorum::{QuorumError, QuorumPolicyError},
};
use weir_model::{
    contract::PriceOverflow,
    health::Target,
    id::{ContractOrd, NodeOrd},
    time::{Mono, Now, UnixNanos},
};

use crate::{
    accounts::Accounts,
    backhaul::Condition,
    control::Control,
    demand::Stream,
    fault_log::FaultLog,
    outcome::{Outcome, Summary},
    probing::Probing,
    scenario::{
        SLOT, Scenario,
        fault::{Action, Fault},
    },
    seed::Seed,
    traffic::{Blame, Traffic},
};

/// Where the monotonic clock of a run begins: late enough for what was before, such as warm caches
/// and the first probes.
const ORIGIN: Mono = Mono(86_400_000_000_000);

/// Why a run has no outcome.
#[derive(Debug, thiserror::Error)]
pub enum SimError {
    /// The caller asked for it.
    #[error("the run was stopped")]
    Stopped,
    /// The scenario's demand is in a file that nobody has read.
    #[error("the demand in `{0}` has not been read: put its rows into the scenario first")]
    DemandUnread(String),
    /// The scenario's detection contradicts itself.
    #[error(transparent)]
    Health(#[from] HealthPolicyError),
    /// Likewise.
    #[error(transparent)]
    QuorumPolicy(#[from] QuorumPolicyError),
    /// There is more to watch than a quorum can.
    #[error(transparent)]
    Quorum(#[from] QuorumError),
    /// A contract cannot be billed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A price rises beyond what can be counted.
    #[error(transparent)]
    Price(#[from] PriceOverflow),
}

/// Runs `scenario` with `seed`. `progress` is told what part is done, 0 to 1, before every step,
/// and may stop the run.
///
/// # Errors
/// When it was stopped, or the scenario cannot be run.
pub fn run(
    scenario: &Scenario,
    seed: u64,
    progress: &mut dyn FnMut(f64) -> ControlFlow<()>,
) -> Result<Outcome, SimError> {
    let mut world = World::new(scenario, seed)?;
    while let Some(now) = world.next() {
        if world.step_begins == now && progress(world.done()).is_break() {
            return Err(SimError::Stopped);
        }
        world.happen(now)?;
    }
    world.end(seed)
}

/// Everything that changes in a run.
#[derive(Debug)]
struct World<'a> {
    scenario: &'a Scenario,
    demand: Stream<'a>,
    traffic: Traffic,
    probing: Probing,
    control: Control,
    accounts: Accounts,
    log: FaultLog,
    /// Faults that have happened.
    happened: usize,
    step_begins: Mono,
    slot_begins: Mono,
    last: Mono,
    end: Mono,
}

impl<'a> World<'a> {
    /// The world as it is at the start: all is well, and has been for long.
    fn new(scenario: &'a Scenario, seed: u64) -> Result<Self, SimError> {
        let (estate, seed) = (&scenario.estate, Seed::root(seed));
        let now = Now { mono: ORIGIN, wall: scenario.starts };
        let mut demand = scenario.demand.play(estate, seed.child("demand"), scenario.step)?;
        let mut traffic = Traffic::new(estate, scenario.scale, ORIGIN);
        demand.step(scenario.starts, traffic.rates_mut());
        let mut world = Self {
            scenario,
            demand,
            traffic,
            probing: Probing::new(estate, &scenario.detection, seed.child("probes"), now)?,
            control: Control::new(Arc::clone(estate), &scenario.policy, scenario.executor_delay, now),
            accounts: Accounts::open(estate, scenario.starts)?,
            log: FaultLog::default(),
            happened: 0,
            step_begins: ORIGIN + scenario.step,
            slot_begins: ORIGIN,
            last: ORIGIN,
            end: ORIGIN + scenario.duration,
        };
        world.brief_controller(now);
        if let Some(plan) = world.control.first_plan() {
            world.traffic.apply(&plan, ORIGIN);
        }
        Ok(world)
    }

    /// A controller that knows nothing is told what agents and edges tell it within seconds: how
    /// every node is, and what is asked for. Then it plans.
    fn brief_controller(&mut self, now: Now) {
        self.tell_health(now);
        self.control.measure(&self.traffic.asked(), now);
        self.control.wake(now);
    }

    fn tell_health(&mut self, now: Now) {
        for (target, health) in self.probing.verdicts() {
            self.control.hear(target, health, "as agents report it", now);
        }
    }

    /// When something happens next; `None` at the end.
    fn next(&self) -> Option<Mono> {
        if self.last == self.end {
            return None;
        }
        let fault = self.scenario.faults.get(self.happened).map(|fault| ORIGIN + fault.at);
        let slot_ends = self.slot_begins + SLOT;
        let sources = [fault, self.probing.next(), self.control.next(), self.traffic.next_expiry(self.last)];
        let next = sources.into_iter().flatten().fold(slot_ends.min(self.step_begins), Mono::min);
        Some(next.min(self.end))
    }

    fn done(&self) -> f64 {
        self.last.since(ORIGIN).as_secs_f64() / self.scenario.duration.as_secs_f64()
    }

    fn at(&self, mono: Mono) -> Now {
        Now { mono, wall: self.scenario.starts + mono.since(ORIGIN) }
    }

    /// Everything that happens at `instant`: what is measured first, then what breaks, then who
    /// notices, then who decides, then who acts.
    fn happen(&mut self, instant: Mono) -> Result<(), SimError> {
        let now = self.at(instant);
        if self.slot_begins + SLOT == instant {
            self.end_slot(now)?;
        }
        if self.step_begins == instant {
            self.begin_step(now);
        }
        while let Some(fault) = self.scenario.faults.get(self.happened).filter(|fault| ORIGIN + fault.at <= instant) {
            self.happened += 1;
            self.break_something(fault, now)?;
        }
        for verdict in self.probing.play(now, self.traffic.conditions())? {
            if let Some(node) = self.node_of(&verdict.target) {
                self.log.noticed(node, instant);
            }
            self.control.hear(&verdict.target, verdict.to, &verdict.text, now);
        }
        self.control.wake(now);
        while let Some((made, plan)) = self.control.arrived(instant) {
            self.traffic.apply(&plan, instant);
            self.log.switched(made, instant);
        }
        if self.traffic.next_expiry(self.last).is_some_and(|expiry| expiry <= instant) {
            self.traffic.accrue(instant);
        }
        self.last = instant;
        Ok(())
    }

    fn node_of(&self, target: &Target) -> Option<NodeOrd> {
        match target {
            Target::Node(id) => self.scenario.estate.node_ord(id.as_str()),
            Target::Link(_) => None,
        }
    }

    fn end_slot(&mut self, now: Now) -> Result<(), SimError> {
        self.traffic.accrue(now.mono);
        let start = self.at(self.slot_begins).wall;
        self.accounts.record(start, &self.traffic.take_slot())?;
        self.slot_begins = now.mono;
        Ok(())
    }

    fn begin_step(&mut self, now: Now) {
        self.traffic.accrue(now.mono);
        let arrived = self.traffic.take_arrived(self.scenario.step.as_secs_f64());
        self.control.measure(&arrived, now);
        self.demand.step(now.wall, self.traffic.rates_mut());
        self.step_begins = now.mono + self.scenario.step;
    }

    fn break_something(&mut self, fault: &Fault, now: Now) -> Result<(), SimError> {
        let mut blame = None;
        match &fault.action {
            Action::Kill(node) => blame = Some(self.set(*node, now, |condition| condition.dead = true)),
            Action::Restore(node) => blame = Some(self.set(*node, now, |condition| *condition = Condition::default())),
            Action::Slow(node, delay) => {
                blame = Some(self.set(*node, now, |condition| condition.slow_ms = delay.as_secs_f64() * 1e3));
            }
            Action::Loss(node, part) => blame = Some(self.set(*node, now, |condition| condition.loss = *part)),
            Action::Surge(domain, factor) => self.traffic.set_surge(*domain, *factor, now.mono),
            Action::Price(contract, _) => self.reprice(*contract, now)?,
            Action::RestartController => {
                // What agents know they tell when they connect; demand comes with the next slot.
                self.control.restart(now);
                self.tell_health(now);
            }
        }
        self.log.open(fault, blame, now.mono);
        Ok(())
    }

    fn set(&mut self, node: NodeOrd, now: Now, change: impl FnOnce(&mut Condition)) -> Blame {
        let mut condition = self.traffic.conditions()[node.index()];
        change(&mut condition);
        self.probing.watch(node, now.mono);
        self.traffic.set_condition(node, condition, now.mono)
    }

    /// The prices of a contract change: of every contract the latest factor up to now holds.
    fn reprice(&mut self, changed: ContractOrd, now: Now) -> Result<(), SimError> {
        let mut estate = (*self.scenario.estate).clone();
        for fault in &self.scenario.faults[..self.happened] {
            if let Action::Price(contract, factor) = &fault.action {
                let original = &self.scenario.estate.contracts[contract.index()].billing;
                let billing = &mut estate.contracts[contract.index()].billing;
                billing.clone_from(original);
                billing.scale_prices(*factor)?;
            }
        }
        self.accounts.amend(changed, &estate.contracts[changed.index()], now.wall)?;
        self.control.reprice(Arc::new(estate), now);
        Ok(())
    }

    fn end(mut self, seed: u64) -> Result<Outcome, SimError> {
        self.traffic.accrue(self.end);
        for node in self.log.nodes() {
            let blame = self.traffic.take_blame(node);
            self.log.settle(node, blame, Some(self.end));
        }
        let summary = Summary {
            name: self.scenario.name.clone(),
            seed,
            starts: self.scenario.starts,
            duration: self.scenario.duration,
            probes: self.probing.played(),
            control: *self.control.tally(),
        };
        let ends: UnixNanos = self.at(self.end).wall;
        let accounts = self.accounts.close(ends)?;
        Ok(Outcome::new(&self.scenario.estate, summary, accounts, &self.traffic, self.log.into_records()))
    }
}

/// The longest that a run's clock may reach fits its 64 bits: 400 days and the origin are 3.5e16 ns.
const _: () = assert!(crate::scenario::DURATION_MAX.as_nanos() + (ORIGIN.0 as u128) < u64::MAX as u128);

#[cfg(test)]
mod tests;
