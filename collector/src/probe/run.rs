//! Repeats a probe. Probes overlap only while answers are outstanding, so never more than
//! `timeout / interval` of them; all of them live in one task.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    ops::ControlFlow,
    time::Duration,
};

use futures::{StreamExt, stream::FuturesUnordered};
use tokio::{
    sync::mpsc::{self, error::TrySendError},
    time::{Instant, Interval, MissedTickBehavior, interval_at, timeout},
};
use weir_model::time::Now;

use super::{Outcome, ProbeKind, ProbeResult, ProbeSpec, Reason, http, quality::Quality, stamp, tcp};
use crate::{
    clock,
    counters::{PROBE_RESULTS_DROPPED, PROBES},
};

/// Probes until nobody reads the results any more.
///
/// A result that finds the channel full is dropped and counted: waiting for room would stretch
/// the round trips of the probes under way.
pub async fn run(spec: ProbeSpec, results: mpsc::Sender<ProbeResult>) {
    let reporter = Reporter { quality: Quality::default(), spec: &spec, results };
    match &spec.kind {
        ProbeKind::Stamp { address } => stamp::sender::run(&spec, *address, reporter).await,
        ProbeKind::Tcp { .. } | ProbeKind::Http(_) => connecting(&spec, reporter).await,
    }
}

async fn connecting(spec: &ProbeSpec, mut reporter: Reporter<'_>) {
    let mut ticks = ticks(spec);
    let mut in_flight = FuturesUnordered::new();
    loop {
        let has_room = (in_flight.len() as u128) < spec.in_flight_max();
        tokio::select! {
            _ = ticks.tick(), if has_room => in_flight.push(attempt(spec)),
            Some(attempt) = in_flight.next() => {
                if reporter.report(attempt).is_break() {
                    return;
                }
            }
        }
    }
}

/// When to send. Late ticks delay the later ones: catching up would be a burst, which measures
/// itself. Probes of an agent start at their own phase, so that they do not all leave together.
pub(super) fn ticks(spec: &ProbeSpec) -> Interval {
    let mut hasher = DefaultHasher::new();
    (&spec.target, spec.kind.name(), spec.kind.address()).hash(&mut hasher);
    let phase = u128::from(hasher.finish()) % spec.interval.as_nanos();
    let start = Instant::now() + Duration::from_nanos(u64::try_from(phase).unwrap_or_default());
    let mut ticks = interval_at(start, spec.interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// A probe that is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Attempt {
    pub(super) sent: Now,
    pub(super) outcome: Outcome,
}

async fn attempt(spec: &ProbeSpec) -> Attempt {
    let sent = clock::now();
    let outcome = match timeout(spec.timeout, once(spec)).await {
        Ok(Ok(())) => Outcome::Ok { rtt: clock::mono().since(sent.mono) },
        Ok(Err(reason)) => Outcome::Fail { reason },
        Err(_) => Outcome::Fail { reason: Reason::Timeout },
    };
    Attempt { sent, outcome }
}

async fn once(spec: &ProbeSpec) -> Result<(), Reason> {
    match &spec.kind {
        ProbeKind::Tcp { address } => tcp::connect(*address, spec.source).await.map(drop),
        ProbeKind::Http(probe) => http::get(probe, spec.source).await,
        ProbeKind::Stamp { .. } => Err(Reason::Other("STAMP keeps a session; it has its own loop")),
    }
}

/// Turns attempts into results, in the order in which they end.
#[derive(Debug)]
pub(super) struct Reporter<'a> {
    quality: Quality,
    spec: &'a ProbeSpec,
    results: mpsc::Sender<ProbeResult>,
}

impl Reporter<'_> {
    /// Breaks when nobody reads any more.
    pub(super) fn report(&mut self, attempt: Attempt) -> ControlFlow<()> {
        PROBES.add(1);
        self.quality.observe(attempt.outcome);
        let result = ProbeResult {
            target: self.spec.target.clone(),
            probe: self.spec.kind.name(),
            at: attempt.sent.wall,
            sent_mono: attempt.sent.mono,
            outcome: attempt.outcome,
            jitter: self.quality.jitter(),
            loss: self.quality.loss(),
        };
        match self.results.try_send(result) {
            Ok(()) => ControlFlow::Continue(()),
            Err(TrySendError::Full(_)) => {
                PROBE_RESULTS_DROPPED.add(1);
                ControlFlow::Continue(())
            }
            Err(TrySendError::Closed(_)) => ControlFlow::Break(()),
        }
    }
}
