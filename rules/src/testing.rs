//! Unit tests of rules, as YAML, in the spirit of `promtool test rules`.
//!
//! ```yaml
//! rules: ../link.yaml               # the rule file, relative to this file
//! tests:
//!   - name: a saturated link
//!     interval: 1m                  # of samples and of evaluation; 1m when absent
//!     input:
//!       - table: metrics.link_traffic
//!         columns: [link, in_bps float, out_bps float]    # a label, and two fields with their types
//!         series:                   # a sample every `interval`, from `start` (0m when absent)
//!           - {link: a, out_bps: 1e9 _ 9.5e9x8}
//!         rows:                     # single rows at `time` (0m when absent)
//!           - {time: -5m, link: a, out_bps: 3e9}
//!     alerts:
//!       - at: 9m
//!         alertname: LinkSaturated
//!         expect:                   # every instance that fires at that time, `[]` for none
//!           - labels: {link: a, severity: warning}
//!             annotations: {summary: a sends 9.5Gbit/s}
//! ```
//!
//! **Time** is relative to [`START`] and may be negative in the input. Rules are evaluated at
//! `0m`, `interval`, 2 `interval`, ... up to the last `at`, whatever their group's own interval is;
//! only those rules that some `alertname` of the test names. All input is there from the
//! beginning: a query that does not say `time <= $now` sees the future.
//!
//! **Columns** with a type (`float`, `integer`, `boolean`, `text`, `decimal`) are fields, the others labels.
//! What an entry does not give is null in a field and absent in a label.
//!
//! **Series** are promtool's notation, for numbers, and for booleans as 1 and 0: `5` is one
//! sample, `5x3` is 5 and three more, `1+2x3` is 1 3 5 7, `1-2x3` is 1 -1 -3 -5, `_` is none and
//! `_x3` is none three times. A field of text is the same in all samples. Where all fields are
//! null there is no row.
//!
//! **Expectations**: labels are all labels but `alertname`, and must be exactly those of one
//! instance. Of the annotations, those given must be equal.
//!
//! [`TestFile::parse`] reads such a file, [`TestCase::input`] is what to load, and
//! [`TestCase::run`] evaluates and compares. What runs the SQL is the caller's.

mod expectation;
mod input;
mod notation;
mod offset;
mod read;
mod run;

use std::{sync::Arc, time::Duration};

use weir_model::{observation::Rows, time::UnixNanos};

use self::expectation::Expectation;
pub use self::run::Failure;

/// The instant that tests call `0m`: 2026-01-01T00:00:00Z, a Thursday.
pub const START: UnixNanos = UnixNanos::from_secs(1_767_225_600);

/// Most rows of one input table: 1,000 series with a sample every minute of 100 minutes. Each
/// takes about 100 bytes: 10 MB.
pub const ROWS_MAX: usize = 100_000;

/// Most evaluations of a rule in one test: a week of minutes. At 1 ms a query that is 10 s.
pub const EVALUATIONS_MAX: u32 = 7 * 24 * 60;

/// A file of tests for one rule file.
#[derive(Clone, Debug)]
pub struct TestFile {
    /// The rule file as written: relative to this file.
    pub rules: String,
    /// In the order of the file.
    pub tests: Vec<TestCase>,
}

/// One test: an input, and what is expected of it.
#[derive(Clone, Debug)]
pub struct TestCase {
    /// What it shows.
    pub name: String,
    file: Arc<str>,
    interval: Duration,
    input: Vec<Rows>,
    expectations: Vec<Expectation>,
}

impl TestCase {
    /// The rows to load before it runs, and nothing else.
    pub fn input(&self) -> &[Rows] {
        &self.input
    }

    /// Whether it expects an instance of `alert` to fire: a rule that no test ever sees firing is
    /// not tested.
    pub fn sees_firing(&self, alert: &str) -> bool {
        self.expectations.iter().any(|expected| expected.alert.value == alert && !expected.instances.is_empty())
    }
}
