//! Line protocol: TSBS's cpu-only rows of ten fields.

use anyhow::Context;

use crate::{
    devops::{FIELDS, Size, write_bodies},
    load::Load,
    outcome::{Good, Target},
    programs::Programs,
    scale::Scale,
    sender::SENDERS,
    server::{Kind, Server},
    taken::{Taken, all, measure},
    weir_sql::WeirSql,
};

/// 100 hosts for three days are 25.9 M values; 4,000 hosts for six hours, with `--full`, are 86.4 M.
const SMALL: (usize, i64) = (100, 72);
const LARGE: (usize, i64) = (4_000, 6);
/// Bytes on disk of a value.
const BYTES_PER_VALUE: f64 = 2.0;

/// Runs this half.
pub(super) fn run(programs: &Programs, scale: Scale) -> anyhow::Result<Vec<Target>> {
    let sizes: &[(usize, i64)] = scale.of(&[(9, 1)], &[SMALL], &[SMALL, LARGE]);
    let mut targets = Vec::new();
    for &(hosts, hours) in sizes {
        let kinds = [Kind::VictoriaMetrics, Kind::Weir];
        let [victoria_metrics, weir] = take(programs, Size::until_now(hosts, hours), kinds)?;
        targets.extend(targets_of(hosts, &weir, &victoria_metrics));
    }
    Ok(targets)
}

/// Sends the same to one server of each kind.
fn take<const N: usize>(programs: &Programs, size: Size, kinds: [Kind; N]) -> anyhow::Result<[Taken; N]> {
    let folder = tempfile::Builder::new().prefix("weir-bench-bodies-").tempdir().context("a folder for requests")?;
    let files = write_bodies(size, SENDERS, folder.path())?;
    let taken = kinds.map(|kind| {
        let load = Load::line_protocol(kind, files.clone(), size.values());
        measure(kind, &programs.of(kind)?, &load, |server| count(server, size))
    });
    all(taken)
}

fn targets_of(hosts: usize, weir: &Taken, peer: &Taken) -> [Target; 3] {
    let name = |what| format!("line protocol, {hosts} hosts, {what}");
    let (ours, theirs) = (Some(weir.values_per_cpu_s()), Some(peer.values_per_cpu_s()));
    let peer_name = peer.kind.name();
    [
        Target::against(name("values"), ours, Good::High, 1.0, "/CPU-s", peer_name, theirs),
        Target::against(
            name("peak memory"),
            Some(weir.peak_mib()),
            Good::Low,
            1.5,
            "MiB",
            peer_name,
            Some(peer.peak_mib()),
        ),
        Target::new(name("bytes a value"), weir.bytes_per_value(), Good::Low, BYTES_PER_VALUE, "B")
            .beside(peer_name, peer.bytes_per_value()),
    ]
}

/// Values stored: of every field of every row.
fn count(server: &Server, size: Size) -> anyhow::Result<u64> {
    if server.kind() == Kind::Weir {
        let columns = FIELDS.map(|field| format!("count({field})")).join(" + ");
        return WeirSql::connect(server.address())?.count(&format!("SELECT {columns} FROM cpu"));
    }
    let window = size.hours * 3_600 + 60;
    let counts = FIELDS.iter().map(|field| {
        let query = format!("sum(count_over_time(cpu_{field}[{window}s]))");
        Ok(server.promql(&query, size.end)? as u64)
    });
    counts.sum()
}
