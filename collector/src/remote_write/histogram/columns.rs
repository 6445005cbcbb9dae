//! Histograms as rows, and back.

use std::sync::Arc;

use indexmap::IndexMap;
use weir_model::observation::{Column, Labels, Rows, STALE_NAN_BITS, Series, TableName, VALUE};

use super::{Buckets, Count, NativeHistogram, list};
use crate::remote_write::wide;

/// The fields of a native histogram's row; a label of one of these names becomes `label_...`. A field that no row
/// of a batch has is left out.
///
/// - `count`, `sum`, `schema`, `zero_threshold`, `zero_count`: as [`NativeHistogram`] has them, counts as floats.
/// - `count_int`, `zero_count_int`: the counts of integer histograms, exactly (64 bits; null in float histograms).
/// - `reset_hint`, `start_time_ms` (null when not known).
/// - `positive_spans`, `negative_spans`: JSON, `[[offset, length], ...]`.
/// - `positive_deltas`, `negative_deltas` of integer histograms, `positive_counts`, `negative_counts` of
///   float ones, `custom_values`: JSON lists; null when empty.
/// - `value`: the staleness marker, in rows that are one, so that these are hidden as all markers are.
pub const FIELDS: [&str; 17] = [
    "count",
    "count_int",
    "sum",
    "schema",
    "zero_threshold",
    "zero_count",
    "zero_count_int",
    "reset_hint",
    "start_time_ms",
    "positive_spans",
    "positive_deltas",
    "positive_counts",
    "negative_spans",
    "negative_deltas",
    "negative_counts",
    "custom_values",
    VALUE,
];

/// Histograms being gathered, by table.
#[derive(Debug, Default)]
pub(in crate::remote_write) struct HistogramRows {
    tables: IndexMap<TableName, Table>,
}

#[derive(Debug, Default)]
struct Table {
    /// Whose labels are the last of `labels`.
    newest: Option<Series>,
    labels: Vec<Labels>,
    series: Vec<u32>,
    time: Vec<i64>,
    floats: [Vec<Option<f64>>; 5],
    ints: [Vec<Option<i64>>; 5],
    texts: [Vec<Option<Arc<str>>>; 7],
}

impl HistogramRows {
    /// Appends a histogram of `series` at `time` (nanoseconds since the epoch).
    pub(in crate::remote_write) fn push(&mut self, series: &Series, time: i64, histogram: &NativeHistogram) {
        let table = match self.tables.get_mut(series.table()) {
            Some(table) => table,
            None => self.tables.entry(series.table().clone()).or_default(),
        };
        if table.newest.as_ref() != Some(series) {
            table.newest = Some(series.clone());
            table.labels.push(wide::labels(series, &FIELDS, None));
        }
        table.series.push(table.labels.len() as u32 - 1);
        table.time.push(time);
        table.push(histogram);
    }

    /// How many of each table.
    pub(in crate::remote_write) fn counts(&self) -> Vec<(TableName, u64)> {
        self.tables.iter().map(|(name, table)| (name.clone(), table.time.len() as u64)).collect()
    }

    pub(in crate::remote_write) fn into_rows(self) -> impl Iterator<Item = Rows> {
        self.tables.into_iter().map(|(name, table)| table.into_rows(name))
    }
}

impl Table {
    fn push(&mut self, histogram: &NativeHistogram) {
        let float = |count: Count| match count {
            Count::Int(count) => count as f64,
            Count::Float(count) => count,
        };
        // The bits of a u64; no histogram reaches the sign.
        let int = |count: Count| match count {
            Count::Int(count) => Some(count as i64),
            Count::Float(_) => None,
        };
        let is_stale = histogram.sum.to_bits() == STALE_NAN_BITS;
        let floats = [
            histogram.count.map(float),
            Some(histogram.sum),
            Some(histogram.zero_threshold),
            histogram.zero_count.map(float),
            is_stale.then_some(histogram.sum),
        ];
        let ints = [
            histogram.count.and_then(int),
            Some(i64::from(histogram.schema)),
            histogram.zero_count.and_then(int),
            Some(i64::from(histogram.reset_hint)),
            (histogram.start_time_ms != 0).then_some(histogram.start_time_ms),
        ];
        let NativeHistogram { positive, negative, .. } = histogram;
        let texts = [
            list::of_spans(&positive.spans),
            list::of_ints(&positive.deltas),
            list::of_floats(&positive.counts),
            list::of_spans(&negative.spans),
            list::of_ints(&negative.deltas),
            list::of_floats(&negative.counts),
            list::of_floats(&histogram.custom_values),
        ];
        push_each(&mut self.floats, floats);
        push_each(&mut self.ints, ints);
        push_each(&mut self.texts, texts);
    }

    fn into_rows(self, table: TableName) -> Rows {
        let [count, sum, zero_threshold, zero_count, value] = self.floats.map(Column::F64);
        let [count_int, schema, zero_count_int, reset_hint, start_time_ms] = self.ints.map(Column::I64);
        let [
            positive_spans,
            positive_deltas,
            positive_counts,
            negative_spans,
            negative_deltas,
            negative_counts,
            custom,
        ] = self.texts.map(Column::Text);
        let columns = [
            count,
            count_int,
            sum,
            schema,
            zero_threshold,
            zero_count,
            zero_count_int,
            reset_hint,
            start_time_ms,
            positive_spans,
            positive_deltas,
            positive_counts,
            negative_spans,
            negative_deltas,
            negative_counts,
            custom,
            value,
        ];
        let fields = FIELDS.iter().zip(columns).filter(|(_, column)| wide::has_values(column));
        let fields = fields.map(|(name, column)| (Arc::from(*name), column)).collect();
        Rows { table, labels: self.labels, series: self.series, time: self.time, fields }
    }
}

fn push_each<T, const N: usize>(columns: &mut [Vec<Option<T>>; N], row: [Option<T>; N]) {
    for (column, value) in columns.iter_mut().zip(row) {
        column.push(value);
    }
}

impl NativeHistogram {
    /// The histogram of row `row`: equal, bit for bit, to the one that was written. `None` when the row is no
    /// histogram's.
    pub fn of_row(rows: &Rows, row: usize) -> Option<Self> {
        let column = |name: &str| rows.fields.iter().find(|(field, _)| **field == *name).map(|(_, column)| column);
        let float = |name: &str| match column(name) {
            Some(Column::F64(values)) => values[row],
            _ => None,
        };
        let int = |name: &str| match column(name) {
            Some(Column::I64(values)) => values[row],
            _ => None,
        };
        let text = |name: &str| match column(name) {
            Some(Column::Text(values)) => values[row].as_deref(),
            _ => None,
        };
        let count = |exact, rounded| match int(exact) {
            Some(count) => Some(Count::Int(count as u64)),
            None => float(rounded).map(Count::Float),
        };
        let buckets = |spans, deltas, counts| {
            Some(Buckets {
                spans: list::spans(text(spans))?,
                deltas: list::ints(text(deltas))?,
                counts: list::floats(text(counts))?,
            })
        };
        Some(Self {
            timestamp_ms: rows.time[row].div_euclid(1_000_000),
            start_time_ms: int("start_time_ms").unwrap_or_default(),
            count: count("count_int", "count"),
            sum: float("sum")?,
            schema: i32::try_from(int("schema")?).ok()?,
            zero_threshold: float("zero_threshold")?,
            zero_count: count("zero_count_int", "zero_count"),
            negative: buckets("negative_spans", "negative_deltas", "negative_counts")?,
            positive: buckets("positive_spans", "positive_deltas", "positive_counts")?,
            reset_hint: i32::try_from(int("reset_hint")?).ok()?,
            custom_values: list::floats(text("custom_values"))?,
        })
    }
}
