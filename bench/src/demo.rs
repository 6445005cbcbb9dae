//! The demo estate, killed again and again: each run kills one edge at 8 s and restores it at 16 s.

use std::{path::Path, process::Command};

use anyhow::{Context, ensure};
use serde::Deserialize;

use crate::{
    binary,
    outcome::{Good, Outcome, Target, percentile},
    scale::Scale,
};

/// Edges that are killed, one a run.
const EDGES: [&str; 8] = ["edge-3", "edge-1", "edge-4", "edge-8", "edge-2", "edge-5", "edge-6", "edge-7"];
/// Runs without `--full`: 5 x 31 s. With it, all edges four times: 32 failovers, 17 minutes.
const RUNS: usize = 5;
/// Runs with `--full`.
const RUNS_FULL: usize = 32;

/// The keys of a report that are looked at.
#[derive(Debug, Deserialize)]
struct Report {
    requests: f64,
    failed_requests: f64,
    duration_s: f64,
    dispatch_accuracy: f64,
    share_accuracy: f64,
    split_pairs: f64,
    pairs: f64,
    failovers: Vec<Failover>,
    sql_p50_ms: Option<f64>,
    sql_p99_ms: Option<f64>,
}

impl Report {
    /// A figure of the one failover; what never happened took for ever.
    fn failover(&self, figure: fn(&Failover) -> Option<f64>) -> f64 {
        self.failovers.first().and_then(figure).unwrap_or(f64::INFINITY)
    }
}

#[derive(Debug, Deserialize)]
struct Failover {
    detect_ms: Option<f64>,
    switch_ms: Option<f64>,
    recover_ms: Option<f64>,
}

/// Runs the bench.
pub(crate) fn run(scale: Scale) -> anyhow::Result<Outcome> {
    let weir = binary::build("demo-binary", "demo")?;
    let runs = scale.of(1, RUNS, RUNS_FULL);
    let reports = EDGES.iter().cycle().take(runs).map(|edge| run_once(&weir, edge));
    let reports = reports.collect::<anyhow::Result<Vec<_>>>()?;
    let of = |figure: fn(&Report) -> Option<f64>| reports.iter().filter_map(figure).collect::<Vec<_>>();
    let p50 = |figure| percentile(&of(figure), 0.5);
    let worst = |figure| of(figure).into_iter().reduce(f64::min);
    let detect = of(|report| Some(report.failover(|failover| failover.detect_ms)));
    let switch = of(|report| Some(report.failover(|failover| failover.switch_ms)));
    let recover = of(|report| Some(report.failover(|failover| failover.recover_ms)));
    Ok(Outcome::new(
        "demo",
        vec![
            Target::new("detect, p50", percentile(&detect, 0.5), Good::Low, 200.0, "ms"),
            Target::new("switch, p50", percentile(&switch, 0.5), Good::Low, 250.0, "ms"),
            Target::new("switch, largest", percentile(&switch, 1.0), Good::Low, 250.0, "ms"),
            Target::new("recover, p50", percentile(&recover, 0.5), Good::Low, 2_500.0, "ms"),
            Target::new("recover, largest", percentile(&recover, 1.0), Good::Low, 2_500.0, "ms"),
            Target::new("dispatch accuracy, worst", worst(|r| Some(r.dispatch_accuracy)), Good::High, 0.999, ""),
            Target::new("share accuracy, worst", worst(|r| Some(r.share_accuracy)), Good::High, 0.97, ""),
            Target::new("pairs split, worst", worst(|r| Some(r.split_pairs / r.pairs)), Good::High, 1.0 / 3.0, ""),
            Target::new(
                "requests a second, worst",
                worst(|r| Some(r.requests / r.duration_s)),
                Good::High,
                500.0,
                "/s",
            ),
            Target::new("requests lost, p50", p50(|r| Some(r.failed_requests / r.requests)), Good::Low, 0.01, ""),
            Target::new("SQL p50", p50(|report| report.sql_p50_ms), Good::Low, 100.0, "ms"),
            Target::new("SQL p99, p50 of runs", p50(|report| report.sql_p99_ms), Good::Low, 1_000.0, "ms"),
        ],
    ))
}

fn run_once(weir: &Path, edge: &str) -> anyhow::Result<Report> {
    let file = std::env::temp_dir().join(format!("weir-bench-{}.json", std::process::id()));
    let faults = [format!("kill {edge} at 8s"), format!("restore {edge} at 16s")];
    let status = Command::new(weir)
        .args(["demo", "--duration", "30s", "--report"])
        .arg(&file)
        .args(faults.iter().flat_map(|fault| ["--fault", fault.as_str()]))
        .status()
        .with_context(|| format!("running {}", weir.display()))?;
    ensure!(status.success(), "the demo failed");
    let text = std::fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
    std::fs::remove_file(&file)?;
    serde_json::from_str(&text).context("the demo's report")
}
