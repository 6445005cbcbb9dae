//! `# HELP`, `# TYPE` and `# UNIT` lines.

use std::sync::Arc;

use indexmap::IndexMap;

use super::{
    Problem,
    cursor::{Cursor, unescape},
};

/// What a text says about a metric family, beside its samples.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// What it measures.
    pub help: String,
    /// How to read it.
    pub kind: MetricKind,
    /// Its unit (OpenMetrics only): `seconds`.
    pub unit: String,
}

/// How a metric family is to be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MetricKind {
    /// Not said; `untyped` in 0.0.4.
    #[default]
    Unknown,
    /// Only grows, or starts again.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Cumulative buckets.
    Histogram,
    /// Buckets that go up and down.
    GaugeHistogram,
    /// Quantiles.
    Summary,
    /// Facts as labels of a constant 1.
    Info,
    /// One of several states.
    StateSet,
}

impl MetricKind {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "unknown" | "untyped" => Self::Unknown,
            "counter" => Self::Counter,
            "gauge" => Self::Gauge,
            "histogram" => Self::Histogram,
            "gaugehistogram" => Self::GaugeHistogram,
            "summary" => Self::Summary,
            "info" => Self::Info,
            "stateset" => Self::StateSet,
            _ => return None,
        })
    }
}

/// The rest of a line after `#`. Any other keyword makes it a comment.
pub(super) fn parse(mut cursor: Cursor<'_>, into: &mut IndexMap<Arc<str>, Metadata>) -> Result<(), Problem> {
    cursor.skip_blanks();
    let keyword = cursor.word();
    if !["HELP", "TYPE", "UNIT"].contains(&keyword) {
        return Ok(());
    }
    cursor.skip_blanks();
    let name = cursor.name(true, "a metric name")?;
    cursor.skip_blanks();
    let metadata = into.entry(name.into()).or_default();
    match keyword {
        "HELP" => metadata.help = unescape(cursor.rest()),
        "UNIT" => cursor.rest().trim_end().clone_into(&mut metadata.unit),
        _ => {
            let kind = MetricKind::parse(cursor.rest().trim_end());
            metadata.kind = kind.ok_or_else(|| cursor.expected("a metric type"))?;
        }
    }
    Ok(())
}
