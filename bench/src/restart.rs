//! From the start of the daemon to the first correct answer, with ten million samples: after SIGKILL with as much in
//! the log as the defaults let stay there, and after a clean end. VictoriaMetrics, which has no log, after a clean end.
//!
//! A metric is counted until that is right, then all 300 of them in one statement, which must be right at once, and
//! where that fails one after the other.

use std::{
    path::Path,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};

use crate::{
    load::Load,
    node_metrics::{
        INTERVAL_MS, ONE_GAUGE, SERIES_PER_TARGET, Size, TARGETS, count_samples, count_sql, name_of, write_bodies,
    },
    outcome::{Good, Outcome, Target, percentile, say},
    programs::Programs,
    scale::Scale,
    sender::SENDERS,
    server::{End, Kind, Server},
    weir_sql::WeirSql,
};

/// Rounds of 100,000 samples: 6.8 M that are in files and 3.2 M behind them, which take 64 MB: as much as stays in the
/// log until it is flushed (64 MiB).
const IN_FILES: usize = 68;
const IN_LOG: usize = 32;
/// Starts of each kind; the slowest counts.
const STARTS: usize = 3;
const STARTS_FULL: usize = 10;
/// To the first correct answer.
const ANSWERED_S: f64 = 3.0;
/// After which there is none.
const PATIENCE: Duration = Duration::from_secs(120);
/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// Starts of one kind.
#[derive(Debug, Default)]
struct Starts {
    /// Until a metric was counted right.
    one: Vec<f64>,
    /// Until all were; infinite where that failed.
    all: Vec<f64>,
    wrong_answers: u64,
}

/// Runs the bench.
pub(crate) fn run(scale: Scale) -> anyhow::Result<Outcome> {
    let programs = Programs::with_stores()?;
    let (targets, starts) = scale.of((2, 1), (TARGETS, STARTS), (TARGETS, STARTS_FULL));
    let all = Size::until_now(targets, IN_FILES + IN_LOG);
    let first = Size { rounds: IN_FILES, end_ms: all.end_ms - IN_LOG as i64 * INTERVAL_MS, ..all };
    let folder = tempfile::Builder::new().prefix("weir-bench-bodies-").tempdir().context("a folder for requests")?;
    let write = |size: Size, name| {
        let folder = folder.path().join(name);
        std::fs::create_dir(&folder)?;
        Ok::<_, anyhow::Error>(Load::remote_write(write_bodies(size, SENDERS, &folder)?, size.samples()))
    };
    let loads = [write(first, "first")?, write(Size { rounds: IN_LOG, ..all }, "then")?];

    let peer = filled(&programs, Kind::VictoriaMetrics, &loads, all)?;
    let (_, peer) = start(peer, End::Clean, all, starts)?;
    let weir = filled(&programs, Kind::Weir, &loads, all)?;
    let (weir, killed) = start(weir, End::Killed, all, starts)?;
    let (_, clean) = start(weir, End::Clean, all, starts)?;
    let wrong = (killed.wrong_answers + clean.wrong_answers) as f64;
    let most = |seconds: &[f64]| percentile(seconds, 1.0).filter(|seconds| seconds.is_finite());
    let of = |name, seconds: &[f64]| Target::new(name, most(seconds), Good::Low, ANSWERED_S, "s");
    let beside = |target: Target, seconds: &[f64]| target.beside(Kind::VictoriaMetrics.name(), most(seconds));
    Ok(Outcome::new(
        "restart",
        vec![
            of("killed, to a metric's count", &killed.one),
            of("killed, to the count of all metrics", &killed.all),
            beside(of("ended, to a metric's count", &clean.one), &peer.one),
            beside(of("ended, to the count of all metrics", &clean.all), &peer.all),
            Target::new("wrong answers before", Some(wrong), Good::Low, 0.0, ""),
        ],
    ))
}

/// A server with the first load in files and the second behind it.
fn filled(programs: &Programs, kind: Kind, [first, then]: &[Load; 2], all: Size) -> anyhow::Result<Server> {
    let program = programs.of(kind)?;
    let server = Server::start(kind, Path::new(&program))?;
    first.send(&server)?;
    let server = server.restart()?;
    then.send(&server)?;
    if kind != Kind::Weir {
        // Acknowledged is not visible yet there.
        server.wait_until_idle()?;
    }
    let stored = count_samples(&server, all)?;
    ensure!(stored == all.samples(), "{} stored {stored} of {} samples", kind.name(), all.samples());
    Ok(server)
}

/// Ends and starts it so often.
fn start(mut server: Server, end: End, size: Size, times: usize) -> anyhow::Result<(Server, Starts)> {
    let mut starts = Starts::default();
    for _ in 0..times {
        let in_log = if server.kind() == Kind::Weir { server.gauge("weir_live_rows")? } else { 0 };
        server = server.again(end)?;
        let one = wait_for(&server, size, &mut starts)?;
        let one_cpu_s = server.usage()?.cpu_s;
        let (name, counted) = (server.kind().name(), count(&server, size));
        let (all, all_cpu_s) = (server.running_for().as_secs_f64(), server.usage()?.cpu_s);
        let failed = counted.as_ref().err().map(|error| format!(" ({error:#})"));
        let counted = counted.or_else(|_| count_samples(&server, size))?;
        ensure!(counted == size.samples(), "{name} counts {counted} of {}", size.samples());
        let begun = Instant::now();
        count_samples(&server, size)?;
        say(&format!(
            "{name:<16} {end:?} with {in_log} samples in the log: a metric is counted after {one:.3} s \
             ({one_cpu_s:.2} CPU-s), all after {all:.3} ({all_cpu_s:.2}){}; one after the other takes {:.3} s then",
            failed.as_deref().unwrap_or_default(),
            begun.elapsed().as_secs_f64(),
        ));
        starts.one.push(one);
        starts.all.push(if failed.is_some() { f64::INFINITY } else { all });
    }
    Ok((server, starts))
}

/// Seconds from its start until it counts a metric right.
fn wait_for(server: &Server, size: Size, starts: &mut Starts) -> anyhow::Result<f64> {
    let mut last = None;
    let samples = size.samples() / (SERIES_PER_TARGET as u64);
    while server.running_for() < PATIENCE {
        match count_one(server, size) {
            Ok(counted) if counted == samples => return Ok(server.running_for().as_secs_f64()),
            Ok(_) => starts.wrong_answers += 1,
            Err(error) => last = Some(error),
        }
        thread::sleep(LOOK_EVERY);
    }
    let answer = last.map_or_else(|| "a wrong count".to_owned(), |error| format!("{error:#}"));
    bail!("{} does not answer: {answer}", server.kind().name())
}

/// The samples of a metric with a series for each target.
fn count_one(server: &Server, size: Size) -> anyhow::Result<u64> {
    let name = name_of(ONE_GAUGE);
    if server.kind() == Kind::Weir {
        return WeirSql::connect(server.address())?.count(&format!("SELECT count(*) FROM {name}"));
    }
    let query = format!("sum(count_over_time({name}[{}s]))", window_s(size));
    Ok(server.promql(&query, size.end_ms / 1_000 + 1)? as u64)
}

/// All samples, in one question.
fn count(server: &Server, size: Size) -> anyhow::Result<u64> {
    if server.kind() == Kind::Weir {
        return WeirSql::connect(server.address())?.count(&count_sql());
    }
    let query = format!("sum(count_over_time({{job=\"node-exporter\"}}[{}s]) keep_metric_names)", window_s(size));
    Ok(server.promql(&query, size.end_ms / 1_000 + 1)? as u64)
}

/// From before the first sample to after the last.
fn window_s(size: Size) -> usize {
    size.rounds * 10 + 60
}
