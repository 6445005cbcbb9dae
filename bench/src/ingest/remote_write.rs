//! Remote write 1.0: 100,000 series every ten seconds.

use anyhow::Context;

use super::{
    Programs, SENDERS,
    measure::{Load, Taken, all, measure},
};
use crate::{
    node_metrics::{NAMES, Size, TARGETS, name_of, write_bodies},
    outcome::{Good, Target},
    scale::Scale,
    server::{Kind, Server},
    weir_sql::WeirSql,
};

/// Samples of each series: 100,000 x 150 are 15 M, fourteen times what Weir flushes at (2^20 rows).
const ROUNDS: usize = 150;
/// With `--full`: 60 M.
const ROUNDS_FULL: usize = 600;

/// As Prometheus sends it.
const HEADERS: [&str; 4] = [
    "Content-Type: application/x-protobuf",
    "Content-Encoding: snappy",
    "X-Prometheus-Remote-Write-Version: 0.1.0",
    "User-Agent: weir-bench",
];

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
    let size = Size { targets, rounds, end_ms: jiff::Timestamp::now().as_second() * 1_000 };
    let files = write_bodies(size, SENDERS, folder.path())?;
    let load = Load { path: "/api/v1/write", headers: &HEADERS, files, values: size.samples() };
    let taken = kinds.map(|kind| measure(kind, &programs.of(kind)?, &load, |server| count(server, size)));
    all(taken)
}

fn targets_of(weir: &Taken, victoria_metrics: &Taken, prometheus: &Taken) -> Vec<Target> {
    let per_cpu_s = Some(weir.values_per_cpu_s());
    let against = |name, taken: &Taken, factor| {
        let (peer, figure) = (taken.kind.name(), Some(taken.values_per_cpu_s()));
        Target::against(name, per_cpu_s, Good::High, factor, "/CPU-s", peer, figure)
    };
    let mib = |taken: &Taken| Some(taken.peak_bytes as f64 / f64::from(1 << 20));
    let peer = victoria_metrics.kind.name();
    vec![
        against("remote write, samples", victoria_metrics, 1.0),
        against("remote write, samples", prometheus, 2.0),
        Target::against("remote write, peak memory", mib(weir), Good::Low, 1.5, "MiB", peer, mib(victoria_metrics)),
    ]
}

/// Samples stored, of each metric by its name: PromQL counts no two metrics at once.
fn count(server: &Server, size: Size) -> anyhow::Result<u64> {
    let mut sql = WeirSql::connect(server.address())?;
    // From before the first sample to after the last.
    let (window, at) = (size.rounds * 10 + 60, size.end_ms / 1_000 + 1);
    let counts = (0..NAMES).map(name_of).map(|name| match server.kind() {
        Kind::Weir => sql.count(&format!("SELECT count(*) FROM \"{name}\" WHERE job = 'node-exporter'")),
        _ => {
            let query = format!("sum(count_over_time({name}{{job=\"node-exporter\"}}[{window}s]))");
            Ok(server.promql(&query, at)? as u64)
        }
    });
    counts.sum()
}
