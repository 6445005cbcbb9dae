//! Probes, the health machines they feed, and the quorum of vantages.
//!
//! Every vantage probes every node. Not every probe of a month is played: a machine that has seen
//! nothing but the same for as long as its windows reach back stays as it is. So a node is watched
//! from a fault on until none of its machines has changed its mind for a whole loss window of
//! probes, nor waits for a hold to end; and at most for [`WINDOWS_MAX`] windows, because a loss
//! right at a limit keeps crossing it. In between its health is constant. Vantages themselves do
//! not fail, and the links are not probed.

use std::{collections::BTreeMap, time::Duration};

use rand_chacha::ChaCha8Rng;
use weir_detect::{
    health::{HealthMachine, ProbeOutcome},
    quorum::{Quorum, QuorumEvent, Verdict},
};
use weir_model::{
    estate::Estate,
    health::{Health, StateChange, Target},
    id::{NodeOrd, VantageId},
    time::{Mono, Now},
};

use crate::{
    backhaul::Condition,
    run::SimError,
    scenario::Detection,
    seed::{Seed, exponential, uniform},
};

/// Probes that every machine has seen when a run begins: enough to trust the loss (20) and the
/// latency (16) it measures.
const WARM_UP: u32 = 40;
/// Loss windows of probes after which a fault is watched no more.
const WINDOWS_MAX: u32 = 20;
/// Round trip of a probe to a healthy node: that of a vantage in the same region, with the
/// queueing of a lightly loaded host.
const ROUND_TRIP_MS: f64 = 5.0;
const JITTER_MS: f64 = 0.5;

/// One vantage's view of one node.
#[derive(Debug)]
struct Probe {
    node: NodeOrd,
    machine: HealthMachine,
    rng: ChaCha8Rng,
    /// Where in the interval its probes are sent.
    phase: Duration,
    /// Outcomes since it changed its mind, or since something was last done to its node.
    since_change: u32,
}

#[derive(Debug)]
enum Step {
    /// A probe is sent; until when the node is watched at most.
    Send { until: Mono },
    /// Its outcome is known.
    Know(ProbeOutcome),
}

/// All probes of all vantages.
#[derive(Debug)]
pub(crate) struct Probing {
    every: Duration,
    timeout: Duration,
    quiet_after: u32,
    vantages: usize,
    /// `probes[node * vantages + vantage]`
    probes: Vec<Probe>,
    quorum: Quorum,
    /// What comes next, by time and then by order of planning.
    agenda: BTreeMap<(Mono, u64), (usize, Step)>,
    planned: u64,
    played: u64,
}

impl Probing {
    /// Probes of every node of `estate`, all of them healthy for some time at `now`.
    pub(crate) fn new(estate: &Estate, detection: &Detection, seed: Seed, now: Now) -> Result<Self, SimError> {
        let mut probes = Vec::new();
        for (index, node) in estate.nodes.iter().enumerate() {
            for vantage in (1..=detection.vantages).map(|number| format!("vantage-{number}")) {
                let mut rng = seed.child(&vantage).child(node.id.as_str()).rng();
                let phase = detection.probe_every.mul_f64(uniform(&mut rng));
                let target = Target::Node(node.id.clone());
                let machine = HealthMachine::new(VantageId::from(vantage.as_str()), target, detection.health)?;
                probes.push(Probe { node: NodeOrd::of(index), machine, rng, phase, since_change: 0 });
            }
        }
        let mut probing = Self {
            every: detection.probe_every,
            timeout: detection.probe_timeout,
            quiet_after: detection.health.loss_window,
            vantages: detection.vantages as usize,
            probes,
            quorum: Quorum::new(detection.quorum)?,
            agenda: BTreeMap::new(),
            planned: 0,
            played: 0,
        };
        probing.warm_up(now)?;
        Ok(probing)
    }

    /// Every vantage says what it watches, then sees it answer for a while.
    fn warm_up(&mut self, now: Now) -> Result<(), SimError> {
        let watching = |(index, probe): (usize, &Probe)| StateChange {
            vantage: VantageId::from(format!("vantage-{}", index % self.vantages + 1).as_str()),
            target: probe.machine.target().clone(),
            from: Health::Unknown,
            to: Health::Unknown,
            reason: "watching".to_owned(),
            at: now.wall,
        };
        let first_words: Vec<StateChange> = self.probes.iter().enumerate().map(watching).collect();
        for word in &first_words {
            self.quorum.handle_change(word, now)?;
        }
        for probe in &mut self.probes {
            for left in (1..=WARM_UP).rev() {
                let before = self.every * left;
                let then = Mono(now.mono.0.saturating_sub(u64::try_from(before.as_nanos()).unwrap_or(u64::MAX)));
                let outcome = probe.outcome(Condition::default(), self.timeout).0;
                if let Some(change) = probe.machine.handle_probe(outcome, Now { mono: then, wall: now.wall }) {
                    self.quorum.handle_change(&change, now)?;
                }
            }
        }
        Ok(())
    }

    /// The verdicts as they stand.
    pub(crate) fn verdicts(&self) -> impl Iterator<Item = (&Target, Health)> {
        self.quorum.verdicts()
    }

    /// How many probes were played, those before the start not counted.
    pub(crate) fn played(&self) -> u64 {
        self.played
    }

    /// Something was done to `node`: it is watched from `now` on.
    pub(crate) fn watch(&mut self, node: NodeOrd, now: Mono) {
        let first = node.index() * self.vantages;
        let until = now + self.every * self.quiet_after * WINDOWS_MAX;
        self.agenda.retain(|_, (probe, step)| {
            let is_mine = (first..first + self.vantages).contains(probe);
            !(is_mine && matches!(step, Step::Send { .. }))
        });
        for index in first..first + self.vantages {
            self.probes[index].since_change = 0;
            let at = self.next_sending(index, now);
            self.plan(at, index, Step::Send { until });
        }
    }

    /// The first multiple of the interval, shifted by the probe's phase, after `now`.
    fn next_sending(&self, index: usize, now: Mono) -> Mono {
        let nanos = |span: Duration| u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        let (every, phase) = (nanos(self.every), nanos(self.probes[index].phase));
        let rounds = now.0.saturating_sub(phase) / every + 1;
        Mono(rounds * every + phase)
    }

    fn plan(&mut self, at: Mono, probe: usize, step: Step) {
        self.planned += 1;
        self.agenda.insert((at, self.planned), (probe, step));
    }

    /// When the next probe is sent or known.
    pub(crate) fn next(&self) -> Option<Mono> {
        self.agenda.keys().next().map(|(at, _)| *at)
    }

    /// Plays what is due at `now`; returns the verdicts that changed.
    pub(crate) fn play(&mut self, now: Now, conditions: &[Condition]) -> Result<Vec<Verdict>, SimError> {
        let mut verdicts = Vec::new();
        while let Some(entry) = self.agenda.first_entry().filter(|entry| entry.key().0 <= now.mono) {
            let (index, step) = entry.remove();
            match step {
                Step::Send { until } => self.send(index, until, now.mono, conditions),
                Step::Know(outcome) => verdicts.extend(self.know(index, outcome, now)?),
            }
        }
        Ok(verdicts)
    }

    fn send(&mut self, index: usize, until: Mono, now: Mono, conditions: &[Condition]) {
        let probe = &mut self.probes[index];
        self.played += 1;
        let (outcome, takes) = probe.outcome(conditions[probe.node.index()], self.timeout);
        self.plan(now + takes, index, Step::Know(outcome));
        let vantages = index - index % self.vantages..index - index % self.vantages + self.vantages;
        let quiet = self.probes[vantages].iter().all(|probe| probe.is_quiet(self.quiet_after));
        if now + self.every < until && !quiet {
            self.plan(now + self.every, index, Step::Send { until });
        }
    }

    fn know(&mut self, index: usize, outcome: ProbeOutcome, now: Now) -> Result<Vec<Verdict>, SimError> {
        let probe = &mut self.probes[index];
        probe.since_change = probe.since_change.saturating_add(1);
        let Some(change) = probe.machine.handle_probe(outcome, now) else { return Ok(Vec::new()) };
        probe.since_change = 0;
        let events = self.quorum.handle_change(&change, now)?;
        let verdict = |event| if let QuorumEvent::Verdict(verdict) = event { Some(verdict) } else { None };
        Ok(events.into_iter().filter_map(verdict).collect())
    }
}

impl Probe {
    /// What becomes of a probe of a node in this condition, and how long until that is known.
    fn outcome(&mut self, condition: Condition, timeout: Duration) -> (ProbeOutcome, Duration) {
        // Both are drawn whatever happens, so that a fault shifts no later draw.
        let jitter = exponential(&mut self.rng, JITTER_MS);
        let is_lost = uniform(&mut self.rng) >= condition.answers();
        let round_trip = Duration::from_secs_f64((ROUND_TRIP_MS + jitter + condition.slow_ms) / 1e3);
        if is_lost || round_trip > timeout {
            (ProbeOutcome::Lost, timeout)
        } else {
            (ProbeOutcome::Answered { round_trip }, round_trip)
        }
    }

    /// Whether nothing about it can be expected to change.
    fn is_quiet(&self, after: u32) -> bool {
        let waits = self.machine.poll_timeout().is_some_and(|(_, reason)| reason != "silence");
        self.since_change >= after && !waits
    }
}
