//! What a bench found, as a table and as JSON.

use std::{fs, path::Path, process::Command};

use anyhow::Context;
use serde::Serialize;

/// What a bench found.
#[derive(Debug, Serialize)]
pub(crate) struct Outcome {
    bench: &'static str,
    commit: String,
    machine: String,
    targets: Vec<Target>,
}

/// Which way a figure is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Good {
    /// At most the target.
    Low,
    /// At least the target.
    High,
}

/// A figure and what it was to be.
#[derive(Debug, Serialize)]
pub(crate) struct Target {
    name: String,
    kind: &'static str,
    /// `None` when nothing could be measured: then it does not hold.
    figure: Option<f64>,
    unit: &'static str,
    peer: Option<&'static str>,
    peer_figure: Option<f64>,
    target: f64,
    holds: bool,
}

impl Target {
    /// A figure that is to be at most, or at least, `target`.
    pub(crate) fn new(
        name: impl Into<String>,
        figure: Option<f64>,
        good: Good,
        target: f64,
        unit: &'static str,
    ) -> Self {
        let holds = figure.is_some_and(|figure| match good {
            Good::Low => figure <= target,
            Good::High => figure >= target,
        });
        Self { name: name.into(), kind: "target", figure, unit, peer: None, peer_figure: None, target, holds }
    }
}

impl Outcome {
    /// Of `bench`, on this machine at this commit.
    pub(crate) fn new(bench: &'static str, targets: Vec<Target>) -> Self {
        let commit = said("git", &["rev-parse", "--short", "HEAD"]);
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        let machine = format!("{} cores, {}", cores, said("uname", &["-srm"]));
        Self { bench, commit, machine, targets }
    }

    /// Whether every target holds.
    pub(crate) fn holds(&self) -> bool {
        self.targets.iter().all(|target| target.holds)
    }

    /// Prints the table.
    #[allow(clippy::print_stdout, reason = "the bench's result")]
    pub(crate) fn print(&self) {
        println!("{} at {} on {}", self.bench, self.commit, self.machine);
        println!("{:<36} {:>12} {:>12} {:>10}", "", "figure", "target", "");
        for target in &self.targets {
            let figure = target.figure.map_or_else(|| "none".to_owned(), |figure| format!("{figure:.4}"));
            let holds = if target.holds { "holds" } else { "DOES NOT HOLD" };
            println!("{:<36} {figure:>12} {:>12.4} {:<4} {holds}", target.name, target.target, target.unit);
        }
    }

    /// Writes it as JSON.
    pub(crate) fn write(&self, file: &Path) -> anyhow::Result<()> {
        let text = serde_json::to_string_pretty(self)?;
        fs::write(file, text).with_context(|| format!("writing {}", file.display()))
    }
}

/// What a command says, or `?` where there is none.
fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    output.map_or_else(|_| "?".to_owned(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The value that a part `of` of the values do not exceed (nearest rank).
pub(crate) fn percentile(values: &[f64], of: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (of * sorted.len() as f64).ceil().max(1.0) as usize;
    sorted.get(rank - 1).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_ranks() {
        let values = [4.0, 1.0, 3.0, 2.0];
        assert_eq!([0.5, 0.75, 0.95].map(|of| percentile(&values, of)), [Some(2.0), Some(3.0), Some(4.0)]);
        assert_eq!(percentile(&[], 0.5), None);
    }

    #[test]
    fn what_was_not_measured_does_not_hold() {
        assert!(!Target::new("t", None, Good::Low, 1.0, "ms").holds);
        assert!(Target::new("t", Some(1.0), Good::Low, 1.0, "ms").holds);
        assert!(!Target::new("t", Some(1.1), Good::Low, 1.0, "ms").holds);
        assert!(!Target::new("t", Some(0.9), Good::High, 1.0, "").holds);
    }
}
