//! What a bench found, as a table and as JSON.

use std::{fs, path::Path, process::Command};

use anyhow::Context;
use serde::Serialize;

/// A line of what the targets do not say.
#[allow(clippy::print_stdout, reason = "the bench's result")]
pub(crate) fn say(line: &str) {
    println!("{line}");
}

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

    /// A figure that is to be at most, or at least, `factor` times a peer's. Without the peer's it does not hold.
    pub(crate) fn against(
        name: impl Into<String>,
        figure: Option<f64>,
        good: Good,
        factor: f64,
        unit: &'static str,
        peer: &'static str,
        peer_figure: Option<f64>,
    ) -> Self {
        let target = peer_figure.map(|figure| figure * factor);
        let measured = figure.filter(|_| target.is_some());
        let mut result = Self::new(name, measured, good, target.unwrap_or_default(), unit).beside(peer, peer_figure);
        result.figure = figure;
        result
    }

    /// With a peer's figure that the target does not depend on.
    pub(crate) fn beside(self, peer: &'static str, peer_figure: Option<f64>) -> Self {
        Self { peer: Some(peer), peer_figure, ..self }
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
        println!("{:<44} {:>14} {:>14} {:<6}", "", "figure", "target", "");
        for target in &self.targets {
            let figure = target.figure.map_or_else(|| "none".to_owned(), |figure| format!("{figure:.4}"));
            let holds = if target.holds { "holds" } else { "DOES NOT HOLD" };
            let beside = match (target.peer, target.peer_figure) {
                (Some(peer), Some(figure)) => format!("; {peer} {figure:.4}"),
                (Some(peer), None) => format!("; {peer} none"),
                _ => String::new(),
            };
            let (name, unit) = (&target.name, target.unit);
            println!("{name:<44} {figure:>14} {:>14.4} {unit:<6} {holds}{beside}", target.target);
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
        let against = |figure, peer| Target::against("t", figure, Good::High, 2.0, "", "p", peer).holds;
        assert!(against(Some(2.0), Some(1.0)) && !against(Some(1.9), Some(1.0)));
        assert!(!against(Some(2.0), None) && !against(None, Some(1.0)));
    }
}
