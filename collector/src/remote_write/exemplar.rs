//! Exemplars: rows of `metrics.exemplars`.

use std::sync::Arc;

use weir_model::observation::{Column, Labels, Rows, Series, TableName};
use xxhash_rust::xxh3::xxh3_64;

use super::wide;

/// The table; a row has the labels of its series, and the metric's name as label `metric`.
pub(super) const TABLE: &str = "exemplars";

/// Its fields: the value, the label `trace_id` or null, and the other labels as a JSON object or null.
const FIELDS: [&str; 3] = ["value", "trace_id", "labels"];

/// By convention the label that names the trace.
const TRACE_ID: &str = "trace_id";

/// A value that was measured, and what it was measured in.
#[derive(Debug, Default)]
pub(super) struct Exemplar<'a> {
    pub(super) labels: Vec<(&'a str, &'a str)>,
    pub(super) value: f64,
    pub(super) timestamp_ms: i64,
}

/// Exemplars being gathered.
#[derive(Debug, Default)]
pub(super) struct ExemplarRows {
    newest: Option<Series>,
    labels: Vec<Labels>,
    series: Vec<u32>,
    time: Vec<i64>,
    values: Vec<Option<f64>>,
    trace_ids: Vec<Option<Arc<str>>>,
    other_labels: Vec<Option<Arc<str>>>,
}

impl ExemplarRows {
    pub(super) fn table() -> TableName {
        TableName::metric(TABLE)
    }

    pub(super) fn len(&self) -> usize {
        self.time.len()
    }

    /// Appends an exemplar at `time`, a whole millisecond in nanoseconds since the epoch.
    ///
    /// Exemplars of one series and millisecond would replace each other. So the nanoseconds below it are taken
    /// from the exemplar itself: another one has others, and the same one, sent again, is the same row.
    pub(super) fn push(&mut self, series: &Series, time: i64, exemplar: &Exemplar<'_>) {
        if self.newest.as_ref() != Some(series) {
            self.newest = Some(series.clone());
            self.labels.push(wide::labels(series, &FIELDS, Some(&series.table().name)));
        }
        let trace_id = exemplar.labels.iter().find(|(name, _)| *name == TRACE_ID).map(|(_, value)| *value);
        let other_labels = object(exemplar.labels.iter().filter(|(name, _)| *name != TRACE_ID));
        let identity = format!("{:x} {trace_id:?} {other_labels:?}", exemplar.value.to_bits());
        self.time.push(time + (xxh3_64(identity.as_bytes()) % 1_000_000) as i64);
        self.series.push(self.labels.len() as u32 - 1);
        self.values.push(Some(exemplar.value));
        self.trace_ids.push(trace_id.map(Arc::from));
        self.other_labels.push(other_labels);
    }

    pub(super) fn into_rows(self) -> Option<Rows> {
        let columns = [Column::F64(self.values), Column::Text(self.trace_ids), Column::Text(self.other_labels)];
        let fields = FIELDS.iter().zip(columns).filter(|(_, column)| wide::has_values(column));
        let fields = fields.map(|(name, column)| (Arc::from(*name), column)).collect();
        let rows = Rows { table: Self::table(), labels: self.labels, series: self.series, time: self.time, fields };
        (!rows.is_empty()).then_some(rows)
    }
}

/// A JSON object in the order given; `None` of nothing.
fn object<'a>(pairs: impl Iterator<Item = &'a (&'a str, &'a str)>) -> Option<Arc<str>> {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let pairs: Vec<String> = pairs.map(|(name, value)| format!("{}:{}", quoted(name), quoted(value))).collect();
    (!pairs.is_empty()).then(|| format!("{{{}}}", pairs.join(",")).into())
}
