//! An agent: probes, the health machines they feed, and the uplink to the daemon.

use std::{collections::BTreeMap, time::Duration};

use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};
use weir_collector::{
    clock,
    probe::{self, Outcome, ProbeResult, ProbeSpec},
    stream::Uplink,
};
use weir_detect::health::{HealthMachine, HealthPolicy, ProbeOutcome};
use weir_model::{
    health::{Health, StateChange, Target},
    id::VantageId,
    observation::{Labels, Row, Rows, TableName, merge},
};

/// Results waiting for the machines: a second of 100 targets at 10 ms.
const RESULTS_MAX: usize = 10_000;
/// How often measurements are sent on. Changes of health do not wait for it.
const BATCH_EVERY: Duration = Duration::from_secs(1);

/// What an agent is to do.
#[derive(Clone, Debug)]
pub(crate) struct AgentPlan {
    /// Its name.
    pub(crate) vantage: VantageId,
    /// What it probes.
    pub(crate) probes: Vec<ProbeSpec>,
    /// How health is judged.
    pub(crate) policy: HealthPolicy,
}

/// Probes until the future is dropped.
pub(crate) async fn run(plan: AgentPlan, uplink: Uplink) -> anyhow::Result<()> {
    let mut machines = BTreeMap::new();
    let (results, mut measured) = mpsc::channel(RESULTS_MAX);
    let mut probing = JoinSet::new();
    for spec in plan.probes {
        let target = spec.target().clone();
        uplink.change(first_word(&plan.vantage, &target));
        machines.insert(target.clone(), HealthMachine::new(plan.vantage.clone(), target, plan.policy)?);
        probing.spawn(probe::run(spec, results.clone()));
    }
    let mut batches = interval(BATCH_EVERY);
    batches.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut gathered = Vec::new();
    loop {
        tokio::select! {
            Some(result) = measured.recv() => {
                if let Some(change) = judge(&mut machines, &result) {
                    tracing::debug!(%change.target, %change.to, change.reason, "health changed");
                    uplink.change(change);
                }
                gathered.push(result);
            }
            _ = batches.tick() => {
                let now = clock::now();
                for machine in machines.values_mut() {
                    if let Some(change) = machine.handle_timeout(now) {
                        uplink.change(change);
                    }
                }
                let mut rows = probe::rows(&plan.vantage, &gathered);
                rows.extend(health_rows(&plan.vantage, &machines));
                gathered.clear();
                uplink.rows(rows);
            }
        }
    }
}

/// Tells the quorum that this vantage watches `target`, before it has an opinion.
fn first_word(vantage: &VantageId, target: &Target) -> StateChange {
    StateChange {
        vantage: vantage.clone(),
        target: target.clone(),
        from: Health::Unknown,
        to: Health::Unknown,
        reason: "watching".to_owned(),
        at: clock::wall(),
    }
}

fn judge(machines: &mut BTreeMap<Target, HealthMachine>, result: &ProbeResult) -> Option<StateChange> {
    let outcome = match result.outcome {
        Outcome::Ok { rtt } => ProbeOutcome::Answered { round_trip: rtt },
        Outcome::Fail { .. } => ProbeOutcome::Lost,
    };
    machines.get_mut(&result.target)?.handle_probe(outcome, clock::now())
}

/// A row of `metrics.node_health` per node: 1 up, 0.5 degraded, 0 down, absent while unknown.
fn health_rows(vantage: &VantageId, machines: &BTreeMap<Target, HealthMachine>) -> Vec<Rows> {
    let now = clock::wall().0;
    let row = |(target, machine): (&Target, &HealthMachine)| {
        let value = match machine.health() {
            Health::Unknown => return None,
            Health::Up => 1.0,
            Health::Degraded => 0.5,
            Health::Down => 0.0,
        };
        let labels =
            Labels::new([("vantage", vantage.as_str()), ("target_kind", target.kind()), ("target", target.id())]);
        let row = Row::new(TableName::metric("node_health"), now, labels).f64("value", value);
        Some(row.f64("loss", machine.loss()).text("health", machine.health().as_str()).into_rows())
    };
    merge(machines.iter().filter_map(row))
}
