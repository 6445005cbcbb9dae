//! A million active series by remote write: memory, samples for a CPU second beside what 100,000 series cost, and the
//! label pickers of dashboards. VictoriaMetrics takes the same; what the pickers answer is compared.
//!
//! Weir runs with its defaults, which allow this: 4 M series in all, 1 M in a table, 500,000 of a source.

mod picker;

use std::{collections::BTreeSet, time::Instant};

use anyhow::{Context, ensure};

use crate::{
    load::Load,
    node_metrics::{Size, TARGETS, count_samples, write_bodies},
    outcome::{Good, Outcome, Target, percentile, say},
    programs::Programs,
    scale::Scale,
    sender::SENDERS,
    server::{Kind, Server},
    taken::{self, Taken, take_in},
};
use picker::{Asker, Picker};

/// As many samples of 100,000 series as of a million: 15 M.
const FEW: (usize, usize) = (TARGETS, 150);
const MANY: (usize, usize) = (10 * TARGETS, 15);
/// With `--full`: 60 M.
const FEW_FULL: (usize, usize) = (TARGETS, 600);
const MANY_FULL: (usize, usize) = (10 * TARGETS, 60);
/// Questions of each picker.
const RUNS: usize = 100;
/// The most memory it may hold.
const PEAK_MIB: f64 = 4_096.0;
/// Of what 100,000 series give for a CPU second.
const RATE: f64 = 0.5;
/// How long a picker may take.
const PICKER_MS: f64 = 50.0;

/// A server with its series.
#[derive(Debug)]
struct Held {
    taken: Taken,
    /// Milliseconds of each picker.
    pickers: Vec<Vec<f64>>,
    /// What the pickers offer, asked before they are timed.
    offered: Vec<BTreeSet<String>>,
}

/// Runs the bench.
pub(crate) fn run(scale: Scale) -> anyhow::Result<Outcome> {
    let programs = Programs::with_stores()?;
    let [few, many] = scale.of([(2, 30), (20, 3)], [FEW, MANY], [FEW_FULL, MANY_FULL]);
    let [few, many] = [few, many].map(|(targets, rounds)| Size::until_now(targets, rounds));
    let runs = scale.of(3, RUNS, 3 * RUNS);
    let few = few_series(&programs, few)?;
    let folder = tempfile::Builder::new().prefix("weir-bench-bodies-").tempdir().context("a folder for requests")?;
    let load = Load::remote_write(write_bodies(many, SENDERS, folder.path())?, many.samples());
    let peer = hold(&programs, Kind::VictoriaMetrics, &load, many, runs)?;
    let weir = hold(&programs, Kind::Weir, &load, many, runs)?;
    for (picker, (ours, theirs)) in Picker::ALL.iter().zip(weir.offered.iter().zip(&peer.offered)) {
        let differ: Vec<_> = ours.symmetric_difference(theirs).take(3).collect();
        ensure!(differ.is_empty(), "Weir and VictoriaMetrics differ at {}: {differ:?}", picker.name());
        ensure!(!ours.is_empty(), "{} offers nothing", picker.name());
    }
    Ok(Outcome::new("cardinality", targets_of(&few, &weir, &peer)))
}

/// What a tenth of the series costs.
fn few_series(programs: &Programs, size: Size) -> anyhow::Result<Taken> {
    let folder = tempfile::Builder::new().prefix("weir-bench-bodies-").tempdir().context("a folder for requests")?;
    let load = Load::remote_write(write_bodies(size, SENDERS, folder.path())?, size.samples());
    let server = Server::start(Kind::Weir, &programs.of(Kind::Weir)?)?;
    let taken = take_in(&server, &load, |server| count_samples(server, size))?;
    taken::print(&taken);
    Ok(taken)
}

/// Sends all series to a new server, and asks its pickers.
fn hold(programs: &Programs, kind: Kind, load: &Load, size: Size, runs: usize) -> anyhow::Result<Held> {
    let server = Server::start(kind, &programs.of(kind)?)?;
    let mut taken = take_in(&server, load, |server| count_samples(server, size))?;
    let mut asker = Asker::connect(&server, size)?;
    let (mut pickers, mut offered) = (Vec::new(), Vec::new());
    for picker in Picker::ALL {
        offered.push(picker.sent(asker.ask(picker, 0)?));
        let run = |number| {
            let begun = Instant::now();
            asker.ask(picker, number)?;
            Ok(begun.elapsed().as_secs_f64() * 1e3)
        };
        pickers.push((0..runs).map(run).collect::<anyhow::Result<Vec<f64>>>()?);
    }
    taken.peak_bytes = server.usage()?.peak_bytes;
    taken::print(&taken);
    for (picker, ms) in Picker::ALL.iter().zip(&pickers) {
        let [p50, p95] = [0.5, 0.95].map(|of| percentile(ms, of).unwrap_or(f64::NAN));
        say(&format!("{:<16} {:<28} p50 {p50:>8.2} ms, p95 {p95:>8.2}", kind.name(), picker.name()));
    }
    Ok(Held { taken, pickers, offered })
}

fn targets_of(few: &Taken, weir: &Held, peer: &Held) -> Vec<Target> {
    let (ours, theirs) = (&weir.taken, &peer.taken);
    let name = theirs.kind.name();
    let rate = Some(ours.values_per_cpu_s());
    let mut targets = vec![
        Target::new("peak memory", Some(ours.peak_mib()), Good::Low, PEAK_MIB, "MiB")
            .beside(name, Some(theirs.peak_mib())),
        Target::against("samples", rate, Good::High, RATE, "/CPU-s", "a tenth", Some(few.values_per_cpu_s())),
        Target::new("samples, beside", rate, Good::High, RATE * few.values_per_cpu_s(), "/CPU-s")
            .beside(name, Some(theirs.values_per_cpu_s())),
    ];
    for (picker, (ours, theirs)) in Picker::ALL.iter().zip(weir.pickers.iter().zip(&peer.pickers)) {
        let title = format!("{}, p95", picker.name());
        let target = Target::new(title, percentile(ours, 0.95), Good::Low, PICKER_MS, "ms");
        targets.push(target.beside(name, percentile(theirs, 0.95)));
    }
    targets
}
