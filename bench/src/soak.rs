//! Ten minutes of everything at once: remote write of series that come and go, line protocol, dashboards. Memory is to
//! stay where it is, and no request may fail.
//!
//! Rows are flushed at 16 MiB, a quarter of the default: some forty flushes in ten minutes, so that no slope is the
//! ramp of one, and compactions with them. One of twenty targets is replaced every thirty seconds.

use std::{
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};

use crate::{
    dashboards::{Expect, Latencies, ask_until},
    devops,
    load::Load,
    node_metrics::{INTERVAL_MS, Size, count_samples, write_bodies},
    outcome::{Good, Outcome, Target, say},
    scale::Scale,
    sender::{SENDERS, Sending, Sent},
    server::{self, Kind, Server},
    weir_sql::WeirSql,
};

/// What Weir is told besides.
const CONFIGURATION: &str = "store: {flush_bytes: 16777216}\n";
/// How long.
const SECONDS: usize = 600;
const SECONDS_FULL: usize = 3_600;
/// Targets at a time: 20,000 series.
const TARGETS: usize = 20;
/// A round each second: 20,000 samples/s.
const ROUNDS_A_SECOND: usize = 1;
/// Rounds that a target lives: 600 / 20 = 30 s between two that leave, 2,000 new series a minute.
const LIFE: usize = 600;
/// How far questions are behind the round that is due: senders may be a little late.
const LAG_ROUNDS: usize = 3;
/// Before the first question: a few rounds more.
const WARM_UP: Duration = Duration::from_secs(5);
/// Hosts of line protocol. An hour of them, 360 rows each, is spread over 20 s: 1,800 rows/s, 18,000 values/s.
const HOSTS: usize = 100;
const SECONDS_FOR_HOUR: usize = 20;
/// Between two looks at the memory.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Of the mean, in a minute: ten times that in ten minutes is less than what a flush moves.
const SLOPE_PERCENT: f64 = 1.0;

/// What was seen.
#[derive(Debug)]
struct Seen {
    /// Seconds and MiB.
    memory: Vec<(f64, f64)>,
    sent: [Sent; 2],
    latencies: Latencies,
}

/// Runs the bench.
pub(crate) fn run(scale: Scale) -> anyhow::Result<Outcome> {
    let seconds = scale.of(10, SECONDS, SECONDS_FULL);
    let server = Server::start_configured(Kind::Weir, &server::build()?, CONFIGURATION)?;
    let samples = Size { life: Some(LIFE), ..Size::until_now(TARGETS, seconds * ROUNDS_A_SECOND) };
    let hosts = devops::Size::until_now(HOSTS, seconds.div_ceil(SECONDS_FOR_HOUR) as i64);
    let seen = mix(&server, samples, hosts, seconds as f64)?;
    server.wait_until_idle()?;
    let rows = WeirSql::connect(server.address())?.count("SELECT count(*) FROM cpu")?;
    let stored = count_samples(&server, samples)?;
    ensure!(stored == samples.samples(), "Weir stored {stored} of {} samples", samples.samples());
    ensure!(rows == hosts.rows(), "Weir stored {rows} of {} rows", hosts.rows());
    let second_half = seen.memory.iter().filter(|(at, _)| *at >= seconds as f64 / 2.0).copied().collect::<Vec<_>>();
    let (slope, mean) = (slope(&second_half).map(|per_s| per_s * 60.0), mean(&second_half));
    tell(&server, &seen, slope.unwrap_or(f64::NAN), mean)?;
    let percent = slope.map(|slope| slope / mean * 100.0);
    let failed = seen.sent.iter().map(|sent| sent.retries).sum::<u64>();
    let figure = |name| Ok::<_, anyhow::Error>(Some(server.gauge(name)? as f64));
    let none = |name, figure| Target::new(name, figure, Good::Low, 0.0, "");
    Ok(Outcome::new(
        "soak",
        vec![
            Target::new("memory, of its mean in a minute", percent, Good::Low, SLOPE_PERCENT, "%"),
            none("requests sent again", Some(failed as f64)),
            none("queries failed", figure("weir_queries_failed_total")?),
            none("queries refused", figure("weir_queries_refused_total")?),
            none("flushes failed", figure("weir_flush_errors_total")?),
        ],
    ))
}

/// Everything at once.
fn mix(server: &Server, samples: Size, hosts: devops::Size, seconds: f64) -> anyhow::Result<Seen> {
    let folder = tempfile::Builder::new().prefix("weir-bench-bodies-").tempdir().context("a folder for requests")?;
    let files = devops::write_bodies(hosts, SENDERS, folder.path())?;
    let lines = Load::line_protocol(Kind::Weir, files, hosts.values());
    let other = tempfile::Builder::new().prefix("weir-bench-bodies-").tempdir().context("a folder for requests")?;
    let series = Load::remote_write(write_bodies(samples, SENDERS, other.path())?, samples.samples());
    let (begun, is_over) = (Instant::now(), AtomicBool::new(false));
    let mut sending = [series.start_over(server, seconds)?, lines.start_over(server, seconds)?];
    // The target that has a place in the newest round that is surely there, and the time after that round.
    let about = |place| {
        let due = begun.elapsed().as_secs() as usize * ROUNDS_A_SECOND;
        let round = due.min(samples.rounds).saturating_sub(LAG_ROUNDS);
        (samples.target(place, round), (samples.time_ms(round) + INTERVAL_MS) / 1_000)
    };
    thread::scope(|scope| {
        let questions = scope.spawn(|| {
            let mut sql = WeirSql::connect(server.address())?;
            // The first rounds make the tables.
            while begun.elapsed() < WARM_UP && !is_over.load(Relaxed) {
                thread::sleep(LOOK_EVERY);
            }
            ask_until(&mut sql, &is_over, TARGETS, about, Expect::Any)
        });
        let memory = watch(server, begun, &mut sending, || questions.is_finished());
        is_over.store(true, Relaxed);
        let latencies = questions.join().map_err(|_| anyhow::anyhow!("questions panicked"))??;
        let [series, lines] = sending.map(Sending::wait);
        Ok(Seen { memory: memory?, sent: [series?, lines?], latencies })
    })
}

/// The memory each second until everything is sent.
fn watch(
    server: &Server,
    begun: Instant,
    sending: &mut [Sending; 2],
    has_failed: impl Fn() -> bool,
) -> anyhow::Result<Vec<(f64, f64)>> {
    let mut memory = Vec::new();
    while !(sending[0].is_over()? && sending[1].is_over()?) {
        ensure!(!has_failed(), "questions ended before the senders did");
        memory.push((begun.elapsed().as_secs_f64(), server.usage()?.held_bytes as f64 / f64::from(1 << 20)));
        thread::sleep(LOOK_EVERY);
    }
    Ok(memory)
}

fn mean(points: &[(f64, f64)]) -> f64 {
    points.iter().map(|(_, y)| y).sum::<f64>() / points.len() as f64
}

/// The slope of the line that fits best (least squares); `None` for fewer than two points.
fn slope(points: &[(f64, f64)]) -> Option<f64> {
    let count = points.len() as f64;
    let mean_x = points.iter().map(|(x, _)| x).sum::<f64>() / count;
    let mean_y = mean(points);
    let (above, below) = points.iter().fold((0.0, 0.0), |(above, below), (x, y)| {
        (above + (x - mean_x) * (y - mean_y), below + (x - mean_x) * (x - mean_x))
    });
    (points.len() > 1).then(|| above / below)
}

/// What the targets do not say.
fn tell(server: &Server, seen: &Seen, slope: f64, mean: f64) -> anyhow::Result<()> {
    let usage = server.usage()?;
    say(&format!(
        "memory: {slope:+.2} MiB a minute at a mean of {mean:.0} MiB, peak {:.0}; {} flushes, {} compactions, {} series, \
         {:.1} CPU-s",
        usage.peak_bytes as f64 / f64::from(1 << 20),
        server.gauge("weir_flushes_total")?,
        server.gauge("weir_compactions_total")?,
        server.gauge("weir_series")?,
        usage.cpu_s,
    ));
    let [series, lines] = seen.sent.map(|sent| format!("{} requests in {:.1} s", sent.requests, sent.wall_s));
    let (answers, empty) = (seen.latencies.count(), seen.latencies.empty);
    say(&format!("remote write: {series}; line protocol: {lines}; {answers} queries answered, {empty} without rows"));
    for (minute, points) in seen.memory.chunks(60).enumerate() {
        say(&format!("minute {:>2}: {:>6.0} MiB", minute + 1, self::mean(points)));
    }
    for ((name, p50), (_, p99)) in seen.latencies.each(0.5).zip(seen.latencies.each(0.99)) {
        say(&format!("{name:<24} p50 {:>8.2} ms, p99 {:>8.2}", p50.unwrap_or(f64::NAN), p99.unwrap_or(f64::NAN)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slope_is_that_of_the_line_that_fits_best() {
        let line = (0..10).map(|x| (f64::from(x), 7.0 - 2.0 * f64::from(x))).collect::<Vec<_>>();
        assert!((slope(&line).unwrap() + 2.0).abs() < 1e-12);
        let teeth = [(0.0, 1.0), (1.0, 2.0), (2.0, 2.0), (3.0, 1.0)];
        assert!(slope(&teeth).unwrap().abs() < 1e-12);
        assert_eq!(slope(&[(1.0, 1.0)]), None);
    }
}
