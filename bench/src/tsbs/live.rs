//! Questions about rows that were just written and are not in any file yet.

use std::path::Path;

use anyhow::{Context, ensure};

use super::{
    dialect::Dialect,
    latency::median_of_medians,
    question::{self, Kind},
    stores::time_weir,
};
use crate::{
    devops::{self, Size},
    load::Load,
    outcome::{Good, Target},
    sender::SENDERS,
    server::{Kind as ServerKind, Server},
    weir_sql::WeirSql,
};

/// 100 hosts for twelve hours are 432,000 rows: less than Weir flushes at (2^20), as long as the longest window.
const HOSTS: usize = 100;
const HOURS: i64 = 12;
/// Timed runs of each question.
const RUNS: usize = 5;
/// How long an answer may take.
const LATENCY_MS: f64 = 5.0;

/// Runs this part.
pub(super) fn run(weir: &Path, instances: usize) -> anyhow::Result<Vec<Target>> {
    let size = Size::until_now(HOSTS, HOURS);
    let folder = tempfile::Builder::new().prefix("weir-bench-bodies-").tempdir().context("a folder for the set")?;
    let files = devops::write_bodies(size, SENDERS, folder.path())?;
    let server = Server::start(ServerKind::Weir, weir)?;
    Load::line_protocol(ServerKind::Weir, files, size.values()).send(&server)?;
    let mut sql = WeirSql::connect(server.address())?;
    let mut targets = Vec::new();
    for questions in question::draw(size, instances)? {
        let Some(kind) = questions.first().map(|question| question.kind).filter(|kind| kind.is_of_live_data()) else {
            continue;
        };
        let runs = questions.iter().map(|question| time_weir(&mut sql, &Dialect::Weir.sql(question)?, RUNS));
        let figure = median_of_medians(&runs.collect::<anyhow::Result<Vec<_>>>()?);
        targets.push(Target::new(name(kind), figure, Good::Low, LATENCY_MS, "ms"));
    }
    let live = server.gauge("weir_live_rows")?;
    ensure!(live >= size.rows(), "only {live} of {} rows are live still: nothing to measure", size.rows());
    Ok(targets)
}

fn name(kind: Kind) -> String {
    format!("live data, {}", kind.name())
}
