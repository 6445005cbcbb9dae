//! TSBS "devops, cpu-only": latencies of its questions in Weir, DuckDB and ClickHouse, on the same rows and two threads
//! each. What the stores answer is compared before anything is timed.
//!
//! Weir is asked over HTTP, its time ends when the Arrow stream is read; the others live in Python, their time ends when
//! the Arrow table is there.

mod answer;
mod dialect;
mod embedded;
mod latency;
mod live;
mod question;
mod stores;

use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::{
    devops::{self, Size},
    load::Load,
    outcome::{Good, Outcome, Target},
    peers,
    scale::Scale,
    sender::SENDERS,
    server::{self, Kind as ServerKind, Server},
};
use latency::geometric_mean;
use question::Kind;
use stores::{Latencies, Stores};

/// Hosts and hours: 2.6 M rows; with `--full` the second as well, 8.6 M.
const SMALL: (usize, i64) = (100, 72);
const LARGE: (usize, i64) = (4_000, 6);
/// Questions of each kind, and with `--full`.
const INSTANCES: usize = 10;
const INSTANCES_FULL: usize = 30;
/// How much slower than the better peer a kind may be.
const RATIO: f64 = 2.0;
/// Bytes on disk of a value.
const BYTES_PER_VALUE: f64 = 2.0;

/// Runs the bench.
pub(crate) fn run(scale: Scale) -> anyhow::Result<Outcome> {
    let weir = server::build()?;
    let python = program("sql", "python")?;
    let instances = scale.of(2, INSTANCES, INSTANCES_FULL);
    let sizes: &[(usize, i64)] = scale.of(&[(20, 13)], &[SMALL], &[SMALL, LARGE]);
    let mut targets = Vec::new();
    for &(hosts, hours) in sizes {
        targets.extend(run_size(&weir, &python, Size::until_now(hosts, hours), instances)?);
    }
    targets.extend(live::run(&weir, instances)?);
    Ok(Outcome::new("tsbs", targets))
}

fn run_size(weir: &Path, python: &Path, size: Size, instances: usize) -> anyhow::Result<Vec<Target>> {
    let folder = tempfile::Builder::new().prefix("weir-bench-bodies-").tempdir().context("a folder for the set")?;
    let csv = folder.path().join("cpu.csv");
    devops::write_csv(size, &csv)?;
    let files = devops::write_bodies(size, SENDERS, folder.path())?;
    let victoria_metrics = program("stores", "victoria-metrics")?;
    let peer = load(ServerKind::VictoriaMetrics, &victoria_metrics, &files, size)?;
    let peer_bytes = peer.settle()? as f64 / size.values() as f64;
    let mut stores = Stores::start(python, &csv, load(ServerKind::Weir, weir, &files, size)?, size)?;
    let questions = question::draw(size, instances)?;
    stores.compare(&questions)?;
    let latencies = stores.time(&questions)?;
    let bytes = stores.into_weir().settle()? as f64 / size.values() as f64;
    let mut targets = targets_of(size, &latencies);
    let name = format!("{} hosts, bytes a value", size.hosts);
    let target = Target::new(name, Some(bytes), Good::Low, BYTES_PER_VALUE, "B");
    targets.push(target.beside(ServerKind::VictoriaMetrics.name(), Some(peer_bytes)));
    Ok(targets)
}

/// A server that has taken everything in, and rests.
fn load(kind: ServerKind, program: &Path, files: &[PathBuf], size: Size) -> anyhow::Result<Server> {
    let server = Server::start(kind, program)?;
    let load = Load::line_protocol(kind, files.to_vec(), size.values());
    load.send(&server).with_context(|| format!("loading {}", kind.name()))?;
    server.wait_until_idle()?;
    Ok(server)
}

fn targets_of(size: Size, latencies: &[Latencies]) -> Vec<Target> {
    let kinds = Kind::ALL.iter().zip(latencies).map(|(kind, latencies)| {
        let (peer, figure) = latencies.better_peer();
        let name = format!("{} hosts, {}", size.hosts, kind.name());
        Target::against(name, latencies.weir, Good::Low, RATIO, "ms", peer, figure)
    });
    let mean = |of: fn(&Latencies) -> Option<f64>| geometric_mean(&latencies.iter().map(of).collect::<Vec<_>>());
    let means = Latencies { weir: mean(|l| l.weir), duckdb: mean(|l| l.duckdb), chdb: mean(|l| l.chdb) };
    let (peer, figure) = means.better_peer();
    let name = format!("{} hosts, geometric mean", size.hosts);
    let mean = Target::against(name, means.weir, Good::Low, 1.0, "ms", peer, figure);
    kinds.chain([mean]).collect()
}

fn program(group: &str, name: &str) -> anyhow::Result<PathBuf> {
    peers::programs(group)?.remove(name).with_context(|| format!("bench/scripts/peers brings no {name}"))
}

#[cfg(test)]
mod tests;
