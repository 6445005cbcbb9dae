//! Remote write 1.0: 100,000 series every ten seconds.

use anyhow::Context;

use crate::{
    load::Load,
    node_metrics::{Size, TARGETS, count_samples, write_bodies},
    outcome::{Good, Target},
    programs::Programs,
    scale::Scale,
    sender::SENDERS,
    server::Kind,
    taken::{Taken, all, measure},
};

/// Samples of each series: 100,000 x 150 are 15 M, fourteen times what Weir flushes at (2^20 rows).
const ROUNDS: usize = 150;
/// With `--full`: 60 M.
const ROUNDS_FULL: usize = 600;

/// Runs this half.
pub(super) fn run(programs: &Programs, scale: Scale) -> anyhow::Result<Vec<Target>> {
    let (targets, rounds) = scale.of((3, 5), (TARGETS, ROUNDS), (TARGETS, ROUNDS_FULL));
    // The peers first: their figures stand should ours fail.
    let kinds = [Kind::Prometheus, Kind::VictoriaMetrics, Kind::Weir];
    let [prometheus, victoria_metrics, weir] = take(programs, targets, rounds, kinds)?;
    Ok(targets_of(&weir, &victoria_metrics, &prometheus))
}

/// Sends the same to one server of each kind.
fn take<const N: usize>(
    programs: &Programs,
    targets: usize,
    rounds: usize,
    kinds: [Kind; N],
) -> anyhow::Result<[Taken; N]> {
    let folder = tempfile::Builder::new().prefix("weir-bench-bodies-").tempdir().context("a folder for requests")?;
    let size = Size::until_now(targets, rounds);
    let files = write_bodies(size, SENDERS, folder.path())?;
    let load = Load::remote_write(files, size.samples());
    let taken = kinds.map(|kind| measure(kind, &programs.of(kind)?, &load, |server| count_samples(server, size)));
    all(taken)
}

fn targets_of(weir: &Taken, victoria_metrics: &Taken, prometheus: &Taken) -> Vec<Target> {
    let per_cpu_s = Some(weir.values_per_cpu_s());
    let against = |name, taken: &Taken, factor| {
        let (peer, figure) = (taken.kind.name(), Some(taken.values_per_cpu_s()));
        Target::against(name, per_cpu_s, Good::High, factor, "/CPU-s", peer, figure)
    };
    let peer = victoria_metrics.kind.name();
    vec![
        against("remote write, samples", victoria_metrics, 1.0),
        against("remote write, samples", prometheus, 2.0),
        Target::against(
            "remote write, peak memory",
            Some(weir.peak_mib()),
            Good::Low,
            1.5,
            "MiB",
            peer,
            Some(victoria_metrics.peak_mib()),
        ),
    ]
}
