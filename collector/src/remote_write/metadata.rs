//! What is said of metrics: rows of `metrics.metadata`, one when a type, help or unit is first seen.

use indexmap::IndexSet;
use weir_model::{
    observation::{Labels, Row, Rows, TableName, merge},
    time::UnixNanos,
};

use super::wide::METRIC;

/// The table: label `metric`, fields `type`, `help` and `unit`.
pub(super) const TABLE: &str = "metadata";

/// What a request says of one metric.
#[derive(Clone, Copy, Debug)]
pub(super) struct Metadata<'a> {
    pub(super) metric: &'a str,
    /// As the wire has it.
    pub(super) kind: u64,
    pub(super) help: &'a str,
    pub(super) unit: &'a str,
}

impl<'a> Metadata<'a> {
    /// Of a series called `name`: classic histograms and summaries are one metric with several names of series.
    pub(super) fn of_series(name: &'a str, kind: u64, help: &'a str, unit: &'a str) -> Self {
        let suffixes: &[&str] = match kind {
            HISTOGRAM | GAUGE_HISTOGRAM => &["_bucket", "_count", "_sum"],
            SUMMARY => &["_count", "_sum"],
            _ => &[],
        };
        let family = suffixes.iter().find_map(|suffix| name.strip_suffix(suffix));
        let metric = family.filter(|family| !family.is_empty()).unwrap_or(name);
        Self { metric, kind, help, unit }
    }

    /// Whether it says anything.
    pub(super) fn is_empty(&self) -> bool {
        self.kind == 0 && self.help.is_empty() && self.unit.is_empty()
    }

    /// What sets it apart from other metadata.
    pub(super) fn identity(&self) -> String {
        format!("{:?} {} {:?} {:?}", self.metric, self.kind, self.help, self.unit)
    }
}

const HISTOGRAM: u64 = 3;
const GAUGE_HISTOGRAM: u64 = 4;
const SUMMARY: u64 = 5;

fn type_name(kind: u64) -> &'static str {
    match kind {
        1 => "counter",
        2 => "gauge",
        HISTOGRAM => "histogram",
        GAUGE_HISTOGRAM => "gaugehistogram",
        SUMMARY => "summary",
        6 => "info",
        7 => "stateset",
        _ => "unknown",
    }
}

/// Metadata being gathered, with what remembers it.
#[derive(Debug, Default)]
pub(super) struct MetadataRows {
    rows: Vec<Rows>,
    facts: IndexSet<u128>,
}

impl MetadataRows {
    pub(super) fn table() -> TableName {
        TableName::metric(TABLE)
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Appends what is new. Targets may say different things of one metric: rows of one request differ in
    /// time by a nanosecond, so that none replaces another.
    pub(super) fn push(&mut self, now: UnixNanos, fact: u128, metadata: &Metadata<'_>, text_bytes_max: usize) {
        if !self.facts.insert(fact) {
            return;
        }
        let row = Row::new(
            Self::table(),
            now.0.saturating_add(self.rows.len() as i64),
            Labels::new([(METRIC, metadata.metric)]),
        );
        let row = row.text("type", type_name(metadata.kind));
        let row = row.text("help", cut(metadata.help, text_bytes_max)).text("unit", cut(metadata.unit, text_bytes_max));
        self.rows.push(row.into_rows());
    }

    pub(super) fn facts(&self) -> Vec<u128> {
        self.facts.iter().copied().collect()
    }

    pub(super) fn into_rows(self) -> Vec<Rows> {
        merge(self.rows)
    }
}

/// A help text is for people: the beginning of a long one is better than none.
fn cut(text: &str, bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(bytes_max)]
}
