//! Scenarios: what there is, how long it runs, who asks for what, and what goes wrong.
//!
//! ```yaml
//! name: a bad day
//! estate: demo                  # demo, multicloud, or the name of an inventory file
//! starts: 2026-01-01            # bills are whole when this is the first of a month
//! duration: 30d
//! step: 5m                      # for how long a rate of demand holds
//! seed: 1
//! demand:                       # or {csv: file}, or {parquet: file} (rows that the caller reads)
//!   generator: {total: 50Mbps, daily: 0.5, peak: 20h, spread: 1h, weekend: 0.8, noise: 0.1, object: 20000,
//!               domains: {www.aurora.test: 0.6, api.borealis.test: 0.4}}
//! scale: 1                      # multiplies all demand
//! vantages: 3                   # how many probe every node
//! probe_every: 200ms            # and how often
//! probe_timeout: 500ms
//! latency_max: 250ms            # median round trip of probes beyond which a node is degraded
//! executor_delay: 100ms         # from a plan to the first answer by it
//! policy: {plan_every: 1h}      # the keys of the daemon's `scheduler` section
//! faults: [kill edge-3 at 2d, restore edge-3 at 2d6h]
//! ```

mod bounds;
pub mod fault;

use std::{sync::Arc, time::Duration};

use weir_billing::{contract_check::check_contract, usage::SLOT_SECONDS};
use weir_detect::{health::HealthPolicy, quorum::QuorumPolicy};
use weir_model::{
    estate::Estate,
    inventory,
    time::UnixNanos,
    yaml::{Diagnostics, Fields, Reader, Spanned},
};
use weir_scheduler::policy::Policy;

pub(crate) use bounds::{fraction, positive, unknown_name};

use crate::{DEMO_ESTATE, demand::Demand, estates};
use bounds::{span, span_or};
use fault::Fault;

/// Longest run: 400 days are 115,200 steps of 5 minutes; a longer one belongs in several.
pub const DURATION_MAX: Duration = Duration::from_secs(400 * 86_400);
/// Shortest step: a month of them is 2.6 million, minutes of work.
pub const STEP_MIN: Duration = Duration::from_secs(1);
/// Longest interval between probes, and longest wait for one: a third of the silence after which a
/// vantage has no say.
pub const PROBE_EVERY_MAX: Duration = Duration::from_secs(10);
/// Shortest of both: a fifth of the demo's interval.
pub const PROBE_EVERY_MIN: Duration = Duration::from_millis(10);
/// Most vantages: work grows with them, certainty does not; one in each of 64 metros is a planet.
pub const VANTAGES_MAX: u32 = 64;
/// Most faults: one a minute for a week.
pub const FAULTS_MAX: usize = 10_080;

/// One slot of a bill.
pub(crate) const SLOT: Duration = Duration::from_secs(SLOT_SECONDS.unsigned_abs());

/// How nodes are watched.
#[derive(Clone, Debug)]
pub struct Detection {
    /// How many vantages probe every node.
    pub vantages: u32,
    /// How often each does.
    pub probe_every: Duration,
    /// When a probe counts as lost.
    pub probe_timeout: Duration,
    /// How a vantage judges.
    pub health: HealthPolicy,
    /// How vantages form a verdict.
    pub quorum: QuorumPolicy,
}

/// What is to happen.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// What it is called.
    pub name: String,
    /// What there is.
    pub estate: Arc<Estate>,
    /// When it begins.
    pub starts: UnixNanos,
    /// How long it runs: whole slots of 5 minutes.
    pub duration: Duration,
    /// For how long a rate of demand holds.
    pub step: Duration,
    /// The seed of a run that names no other.
    pub seed: u64,
    /// Who asks for what.
    pub demand: Demand,
    /// Multiplies all demand.
    pub scale: f64,
    /// What goes wrong, in order of time.
    pub faults: Vec<Fault>,
    /// How it is noticed.
    pub detection: Detection,
    /// From a plan to the first answer by it.
    pub executor_delay: Duration,
    /// What is wanted of the scheduler.
    pub policy: Policy,
}

impl Scenario {
    /// Reads the scenario in `text`; `file` is its name in messages. Other files that it names
    /// (an inventory, a CSV of demand) are asked of `files`, which returns their text, or why not.
    ///
    /// # Errors
    /// Everything that is wrong with it and with the files it names.
    pub fn read(file: &str, text: &str, files: &dyn Fn(&str) -> Result<String, String>) -> Result<Self, Diagnostics> {
        let mut elsewhere = Diagnostics::default();
        let read = Reader::read(file, text, |reader, mut fields| {
            let scenario = read(reader, &mut fields, &mut Files { read: files, errors: &mut elsewhere });
            fields.finish();
            // What is missing has been noted here or elsewhere.
            Some(scenario)
        });
        match read {
            Ok(Some(scenario)) if elsewhere.is_empty() => Ok(scenario),
            Ok(_) => Err(elsewhere),
            Err(errors) => Err(errors.and(elsewhere)),
        }
    }
}

/// The files that a scenario names, and what is wrong in them.
pub(crate) struct Files<'a> {
    read: &'a dyn Fn(&str) -> Result<String, String>,
    errors: &'a mut Diagnostics,
}

impl Files<'_> {
    /// The text of the file named at `name`.
    pub(crate) fn text(&self, reader: &Reader, name: &Spanned<String>) -> Option<String> {
        let text = (self.read)(&name.value);
        text.map_err(|why| reader.error(name.mark, format!("`{}` cannot be read: {why}", name.value))).ok()
    }

    /// What was read of another file; its errors are kept.
    pub(crate) fn keep<T>(&mut self, read: Result<T, Diagnostics>) -> Option<T> {
        read.map_err(|errors| *self.errors = std::mem::take(self.errors).and(errors)).ok()
    }
}

/// Reads the keys of a scenario. `None`: something is wrong, and noted.
fn read(reader: &Reader, fields: &mut Fields<'_>, files: &mut Files<'_>) -> Option<Scenario> {
    let name = fields.required("name");
    let estate = estate(reader, fields, files);
    let starts = fields.required("starts");
    let duration =
        fields.required_spanned("duration").map(|written| span(fields, "duration", written, SLOT..=DURATION_MAX));
    let step = span_or(fields, "step", SLOT, STEP_MIN..=DURATION_MAX);
    if let Some(duration) = duration.as_ref().filter(|duration| !is_whole(duration.value)) {
        reader.error(duration.mark, "`duration` must be whole slots of 5 minutes, which is what bills count");
    }
    let seed = fields.or("seed", 1u64);
    let demand = Demand::read(reader, fields, files, estate.as_deref());
    let scale = positive(fields, "scale", 1.0);
    let detection = detection(fields);
    let executor_delay = fields.or("executor_delay", Duration::from_millis(100));
    let policy = policy(fields, estate.as_deref());
    let faults = faults(reader, fields, estate.as_deref(), duration.as_ref().map(|duration| duration.value));
    Some(Scenario {
        name: name?,
        estate: estate?,
        starts: starts?,
        duration: duration?.value,
        step,
        seed,
        demand: demand?,
        scale,
        faults,
        detection,
        executor_delay,
        policy,
    })
}

fn is_whole(span: Duration) -> bool {
    span.as_nanos().is_multiple_of(SLOT.as_nanos())
}

/// The inventory called `demo` or `multicloud`, or the one in a file.
fn estate(reader: &Reader, fields: &mut Fields<'_>, files: &mut Files<'_>) -> Option<Arc<Estate>> {
    let name: Spanned<String> = fields.required_spanned("estate")?;
    let text = match name.value.as_str() {
        "demo" => DEMO_ESTATE.to_owned(),
        "multicloud" => match estates::multicloud() {
            Ok(text) => text,
            Err(error) => {
                reader.error(name.mark, error.to_string());
                return None;
            }
        },
        _ => files.text(reader, &name)?,
    };
    let estate = files.keep(inventory::parse(&name.value, &text))?;
    for contract in &estate.contracts {
        if let Err(error) = check_contract(contract) {
            reader.error(name.mark, format!("a contract of estate `{}` cannot be billed: {error}", name.value));
        }
    }
    Some(Arc::new(estate))
}

fn detection(fields: &mut Fields<'_>) -> Detection {
    let defaults = HealthPolicy::default();
    let vantages = fields.optional_spanned::<u32>("vantages");
    if let Some(vantages) = vantages.as_ref().filter(|vantages| !(1..=VANTAGES_MAX).contains(&vantages.value)) {
        fields.reader().error(vantages.mark, format!("`vantages` must be 1 to {VANTAGES_MAX}"));
    }
    let probes = PROBE_EVERY_MIN..=PROBE_EVERY_MAX;
    let probe_every = span_or(fields, "probe_every", Duration::from_millis(200), probes.clone());
    let probe_timeout = span_or(fields, "probe_timeout", Duration::from_millis(500), probes);
    let latency_max = fields.or("latency_max", defaults.latency_max);
    Detection {
        vantages: vantages.map_or(3, |vantages| vantages.value),
        probe_every,
        probe_timeout,
        health: HealthPolicy { latency_max, ..defaults },
        quorum: QuorumPolicy::default(),
    }
}

/// The `policy` section, read as the daemon reads `scheduler`.
fn policy(fields: &mut Fields<'_>, estate: Option<&Estate>) -> Policy {
    let mark = fields.mark();
    let section = fields.map("policy");
    let mark = section.as_ref().map_or(mark, Fields::mark);
    let policy = section.map_or_else(Policy::default, |mut section| {
        let policy = Policy::read(&mut section);
        section.finish();
        policy
    });
    for currency in estate.iter().flat_map(|estate| policy.rates_missing(estate)) {
        let message = format!("a contract charges in {currency}, and `rates` of `policy` has no rate for it");
        fields.reader().error_with_hint(
            mark,
            message,
            format!("write what one {currency} is worth in {}", policy.accounting),
        );
    }
    policy
}

fn faults(reader: &Reader, fields: &mut Fields<'_>, estate: Option<&Estate>, duration: Option<Duration>) -> Vec<Fault> {
    let written: Vec<Spanned<String>> = fields.scalars("faults");
    // Without an estate every name would be unknown.
    let Some(estate) = estate else { return Vec::new() };
    if written.len() > FAULTS_MAX {
        reader.error(written[FAULTS_MAX].mark, format!("at most {FAULTS_MAX} faults are allowed"));
    }
    let mut faults = Vec::new();
    for written in written.iter().take(FAULTS_MAX) {
        let Some(fault) = fault::read(reader, written, estate) else { continue };
        if duration.is_some_and(|duration| fault.at >= duration) {
            reader.error(written.mark, format!("`{fault}` is after the end: nothing would come of it"));
        }
        faults.push(fault);
    }
    faults.sort_by_key(|fault| fault.at);
    faults
}

#[cfg(test)]
mod tests;
