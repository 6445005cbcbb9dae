//! Unit tests of alert rules, run by the engine that runs the rules: each test's input is written
//! into a store of its own, and queries see the times that the test names.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, ensure};
use tokio::runtime::Runtime;
use weir_analyzer::{Durability, Limits, Settings, settings::Clock};
use weir_collector::sink::Sink;
use weir_rules::{
    PACK_TESTS, PACKS,
    alert::{self, RuleGroup},
    testing::{Failure, START, TestCase, TestFile},
};

use crate::{alerts, config::read_file, store::Store};

/// How far from its start a test may write rows: whatever a person would, and within 64-bit
/// nanoseconds (292 years).
const SPAN: Duration = Duration::from_secs(100 * 365 * 86_400);

/// A file of tests with the rules that it tests.
#[derive(Debug)]
pub(crate) struct Suite {
    /// The test file's name.
    pub(crate) name: String,
    tests: Vec<TestCase>,
    groups: Vec<RuleGroup>,
}

impl Suite {
    /// The tests in `file`.
    ///
    /// # Errors
    /// When it or the rules it names cannot be read, or are wrong.
    pub(crate) fn read(file: &Path) -> anyhow::Result<Self> {
        let name = file.display().to_string();
        let TestFile { rules, tests } = TestFile::parse(&name, &read_file(file)?)?;
        let rules = file.parent().unwrap_or(Path::new(".")).join(rules);
        let text = read_file(&rules).with_context(|| format!("{name} names its `rules`"))?;
        Ok(Self { name, tests, groups: alert::parse(&rules.display().to_string(), &text)? })
    }

    /// The tests of the shipped rules.
    ///
    /// # Errors
    /// Not of those that ship.
    pub(crate) fn shipped() -> anyhow::Result<Vec<Self>> {
        let suite = |((name, text), (_, tests)): (&(&str, &str), &(&str, &str))| {
            let groups = alert::parse(&format!("packs/{name}"), text)?;
            let name = format!("packs/tests/{name}");
            Ok(Self { tests: TestFile::parse(&name, tests)?.tests, name, groups })
        };
        PACKS.iter().zip(PACK_TESTS).map(suite).collect()
    }

    /// How many tests there are.
    pub(crate) fn len(&self) -> usize {
        self.tests.len()
    }

    /// The rules that no test ever sees firing: nobody knows that they can.
    pub(crate) fn untested(&self) -> impl Iterator<Item = &str> {
        let rules = self.groups.iter().flat_map(|group| &group.rules).map(|rule| &*rule.alert);
        rules.filter(|alert| !self.tests.iter().any(|test| test.sees_firing(alert)))
    }

    /// Runs every test, in the order of the file.
    ///
    /// # Errors
    /// When an input cannot be stored.
    pub(crate) fn run(&self) -> anyhow::Result<Vec<Failure>> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let mut failures = Vec::new();
        for test in &self.tests {
            let failed = run(&runtime, test, &self.groups);
            failures.extend(failed.with_context(|| format!("{}: test `{}`", self.name, test.name))?);
        }
        Ok(failures)
    }
}

/// Where the tests of a file of rules are: `links.yaml` has `links.test.yaml` beside it.
pub(crate) fn beside(rules: &Path) -> PathBuf {
    rules.with_extension("test.yaml")
}

fn run(runtime: &Runtime, test: &TestCase, groups: &[RuleGroup]) -> anyhow::Result<Vec<Failure>> {
    let folder = tempfile::tempdir().context("making a temporary folder")?;
    let store = Store::of(weir_analyzer::Store::open(folder.path(), settings())?);
    let written = runtime.block_on(store.write(test.input().to_vec().into()))?;
    if let Some(rejected) = written.rejected.first() {
        ensure!(false, "{} rows of {} cannot be stored: {}", rejected.rows, rejected.table, rejected.reason);
    }
    let failures =
        test.run(groups, |sql, _| runtime.block_on(alerts::ask(&store, sql)).map_err(|error| error.to_string()));
    runtime.block_on(store.close());
    Ok(failures)
}

/// A store that lives as long as a test, at the test's time.
fn settings() -> Settings {
    Settings {
        durability: Durability::Relaxed,
        retention: SPAN,
        flush_on_close: false,
        limits: Limits { future: SPAN, ..Limits::default() },
        clock: Clock::new(|| START.0),
        ..Settings::default()
    }
}
