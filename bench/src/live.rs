//! Half of what Weir can take in comes in: how soon an acknowledged sample is seen by SQL, and how much longer
//! dashboards take than when nothing comes in.
//!
//! The maximum is what it takes in of the first hour of data, in the same run. Half of it is sent over a fixed time by
//! a process of its own: series every ten seconds of their own time, which passes the faster for it, so that windows
//! are as full as ever. Senders, questions and the server share the machine's cores.

use std::{
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};

use crate::{
    dashboards::{ALIGNED_S, Expect, Latencies, ask_until},
    load::{Load, REMOTE_WRITE_HEADERS, REMOTE_WRITE_PATH},
    node_metrics::{INTERVAL_MS, SERIES_PER_TARGET, Size, TARGETS, count_samples, request, write_bodies},
    outcome::{Good, Outcome, Target, percentile, say},
    scale::Scale,
    sender::{SENDERS, Sending, Sent},
    server::{self, Kind, Server},
    weir_sql::WeirSql,
};

/// An hour of rounds, the longest window.
const HISTORY_ROUNDS: usize = 360;
/// Where that hour ends, before now: the rounds behind it, for which there are five hours until the future is refused,
/// are 1,800: at half the maximum of 6 M samples/s.
const HISTORY_AGE_S: i64 = 4 * 3_600;
/// How long half the maximum is sent, and how long nothing is, before and after: 120 refreshes, 600 probes.
const SECONDS: u64 = 60;
/// Between two probes.
const PROBE_EVERY: Duration = Duration::from_millis(100);
/// How long a probe is looked for.
const PROBE_PATIENCE: Duration = Duration::from_secs(10);
/// How far windows end behind what is due: senders may be a little late.
const LAG_S: f64 = 1.0;
/// Acknowledgement to visibility.
const VISIBLE_MS: f64 = 10.0;
/// Under load, of idle.
const SLOWER: f64 = 3.0;
/// Of half the maximum that must really have been sent.
const REACHED: f64 = 0.95;

/// What was measured under load.
#[derive(Debug)]
struct UnderLoad {
    sent: Sent,
    visible_ms: Vec<f64>,
    latencies: Latencies,
    cores: f64,
}

/// Runs the bench.
pub(crate) fn run(scale: Scale) -> anyhow::Result<Outcome> {
    let server = Server::start(Kind::Weir, &server::build()?)?;
    let (targets, seconds) = scale.of((2, 2), (TARGETS, SECONDS), (TARGETS, 10 * SECONDS));
    let end = jiff::Timestamp::now().as_second() - HISTORY_AGE_S;
    // The window that ends one interval after the last round is aligned.
    let end_ms = (end - end % ALIGNED_S) * 1_000 - INTERVAL_MS;
    let history = Size { targets, rounds: HISTORY_ROUNDS, end_ms, life: None };
    let maximum = take_history(&server, history)?;
    let before = idle(&server, history, seconds)?;
    let series = targets * SERIES_PER_TARGET;
    let aligned = ALIGNED_S * 1_000 / INTERVAL_MS;
    let rounds = (maximum / 2.0 * seconds as f64 / series as f64).ceil() as i64;
    let rounds = (rounds + aligned - 1) / aligned * aligned;
    let now = Size { rounds: rounds as usize, end_ms: end_ms + rounds * INTERVAL_MS, ..history };
    let loaded = load(&server, now, now.samples() as f64 / (maximum / 2.0))?;
    settle(&server, now, history.samples() + now.samples())?;
    let after = idle(&server, now, seconds)?;
    tell(&before, &loaded.latencies, &after);
    let reached = now.samples() as f64 / loaded.sent.wall_s;
    say(&format!(
        "maximum {maximum:.0} samples/s, then {reached:.0}/s over {:.1} s with {} sent again, {:.2} cores in Weir; \
         {} answers without rows; {} probes: p50 {:.2} ms, p99 {:.2}, most {:.2}",
        loaded.sent.wall_s,
        loaded.sent.retries,
        loaded.cores,
        loaded.latencies.empty,
        loaded.visible_ms.len(),
        percentile(&loaded.visible_ms, 0.5).unwrap_or_default(),
        percentile(&loaded.visible_ms, 0.99).unwrap_or_default(),
        percentile(&loaded.visible_ms, 1.0).unwrap_or_default(),
    ));
    let mut targets = vec![
        Target::new("rate under load", Some(reached), Good::High, REACHED * maximum / 2.0, "/s"),
        Target::new("acknowledged to visible, p99", percentile(&loaded.visible_ms, 0.99), Good::Low, VISIBLE_MS, "ms"),
    ];
    targets.extend(targets_of(&before, &loaded.latencies));
    Ok(Outcome::new("live", targets))
}

/// Sends the first hour as fast as it is taken; samples a second.
fn take_history(server: &Server, size: Size) -> anyhow::Result<f64> {
    let folder = tempfile::Builder::new().prefix("weir-bench-bodies-").tempdir().context("a folder for requests")?;
    let load = Load::remote_write(write_bodies(size, SENDERS, folder.path())?, size.samples());
    let sent = load.send(server)?;
    settle(server, size, size.samples())?;
    Ok(size.samples() as f64 / sent.wall_s)
}

/// Waits until the server rests, and counts.
fn settle(server: &Server, size: Size, samples: u64) -> anyhow::Result<()> {
    server.wait_until_idle()?;
    let stored = count_samples(server, size)?;
    ensure!(stored == samples, "Weir stored {stored} of {samples} samples");
    Ok(())
}

/// Dashboards alone, for so many seconds.
fn idle(server: &Server, size: Size, seconds: u64) -> anyhow::Result<Latencies> {
    let (mut sql, is_over) = (WeirSql::connect(server.address())?, AtomicBool::new(false));
    let end = (size.end_ms + INTERVAL_MS) / 1_000;
    let mut ask = || ask_until(&mut sql, &is_over, size.targets, |number| (number, end), Expect::AllRows);
    thread::scope(|scope| {
        let timer = scope.spawn(|| {
            thread::sleep(Duration::from_secs(seconds));
            is_over.store(true, Relaxed);
        });
        let latencies = ask();
        timer.join().map_err(|_| anyhow::anyhow!("a timer panicked"))?;
        latencies
    })
}

/// Dashboards and probes while `size` comes in over so many seconds.
fn load(server: &Server, size: Size, seconds: f64) -> anyhow::Result<UnderLoad> {
    let folder = tempfile::Builder::new().prefix("weir-bench-bodies-").tempdir().context("a folder for requests")?;
    let load = Load::remote_write(write_bodies(size, SENDERS, folder.path())?, size.samples());
    let mut sql = WeirSql::connect(server.address())?;
    let (begun, cpu_before, is_over) = (Instant::now(), server.usage()?.cpu_s, AtomicBool::new(false));
    let sending = load.start_over(server, seconds)?;
    // The round that is due.
    let now = || {
        let part = (begun.elapsed().as_secs_f64() - LAG_S).min(seconds) / seconds;
        let rounds_left = ((1.0 - part) * size.rounds as f64).ceil() as i64;
        (size.end_ms - rounds_left * INTERVAL_MS) / 1_000
    };
    thread::scope(|scope| {
        let probes = scope.spawn(|| probe_until(server, &is_over));
        let questions =
            scope.spawn(|| ask_until(&mut sql, &is_over, size.targets, |number| (number, now()), Expect::NotMore));
        let sent = wait(sending, || probes.is_finished() || questions.is_finished());
        let cores = server.usage().map(|usage| (usage.cpu_s - cpu_before) / begun.elapsed().as_secs_f64());
        is_over.store(true, Relaxed);
        let visible_ms = probes.join().map_err(|_| anyhow::anyhow!("probes panicked"))??;
        let latencies = questions.join().map_err(|_| anyhow::anyhow!("questions panicked"))??;
        Ok(UnderLoad { sent: sent?, visible_ms, latencies, cores: cores? })
    })
}

/// Until everything is sent, or something else has ended too early.
fn wait(mut sending: Sending, has_failed: impl Fn() -> bool) -> anyhow::Result<Sent> {
    while !sending.is_over()? {
        ensure!(!has_failed(), "something ended before the sender did");
        thread::sleep(PROBE_EVERY);
    }
    sending.wait()
}

/// Writes one sample after another, and looks for each when it is acknowledged: milliseconds until it is found.
fn probe_until(server: &Server, is_over: &AtomicBool) -> anyhow::Result<Vec<f64>> {
    let (mut writes, mut sql) = (server.connect()?, WeirSql::connect(server.address())?);
    let mut visible_ms = Vec::new();
    while !is_over.load(Relaxed) {
        let begun = Instant::now();
        let (value, time_ms) = (visible_ms.len() as f64, jiff::Timestamp::now().as_millisecond());
        let body = request(&[("__name__", "bench_probe"), ("prober", "live")], value, time_ms)?;
        writes.post(REMOTE_WRITE_PATH, &REMOTE_WRITE_HEADERS, &body)?.ok().context("writing a probe")?;
        let acknowledged = Instant::now();
        let time = jiff::Timestamp::from_millisecond(time_ms)?;
        let question =
            format!("SELECT count(*) FROM bench_probe WHERE prober = 'live' AND time = '{time}' AND value = {value}");
        while sql.count(&question)? != 1 {
            ensure!(acknowledged.elapsed() < PROBE_PATIENCE, "an acknowledged sample is not seen: {question}");
        }
        visible_ms.push(acknowledged.elapsed().as_secs_f64() * 1e3);
        thread::sleep(PROBE_EVERY.saturating_sub(begun.elapsed()));
    }
    Ok(visible_ms)
}

fn targets_of(idle: &Latencies, loaded: &Latencies) -> Vec<Target> {
    let of = |name: String, loaded, idle| Target::against(name, loaded, Good::Low, SLOWER, "ms", "idle", idle);
    let all = of("ten questions, p99".to_owned(), loaded.all(0.99), idle.all(0.99));
    let each = loaded.each(0.99).zip(idle.each(0.99));
    let each = each.map(|((name, loaded), (_, idle))| of(format!("{name}, p99"), loaded, idle));
    [all].into_iter().chain(each).collect()
}

/// What the targets do not say.
fn tell(before: &Latencies, loaded: &Latencies, after: &Latencies) {
    let counts = [before, loaded, after].map(Latencies::count);
    say(&format!("p50 and p99 in ms of {counts:?} answers: idle before, under load, idle after"));
    let both = |of: &Latencies| of.each(0.5).zip(of.each(0.99)).map(|(p50, p99)| (p50.1, p99.1)).collect::<Vec<_>>();
    let (before, after) = (both(before), both(after));
    for (index, ((name, p50), (_, p99))) in loaded.each(0.5).zip(loaded.each(0.99)).enumerate() {
        let figures = [before.get(index).copied(), Some((p50, p99)), after.get(index).copied()];
        let figures = figures.map(|both| {
            let (p50, p99) = both.unwrap_or_default();
            format!("{:>8.2} {:>8.2}", p50.unwrap_or(f64::NAN), p99.unwrap_or(f64::NAN))
        });
        say(&format!("{name:<24} {}", figures.join("   ")));
    }
}
