//! Observations: rows of logical tables, column by column, as every room hands them on.

use std::sync::Arc;

use crate::amount::Amount;

mod batch;
mod labels;
mod series;

pub use self::{
    batch::{Batch, Samples},
    labels::Labels,
    series::Series,
};

/// The bits of Prometheus's staleness marker: a NaN that ends a series. Stored like any value,
/// hidden from SQL (prometheus/model/value/value.go).
pub const STALE_NAN_BITS: u64 = 0x7ff0_0000_0000_0002;

/// Values of one field, one per row; `None` where a row has none.
#[derive(Clone, Debug, PartialEq)]
pub enum Column {
    /// Floats, bit for bit.
    F64(Vec<Option<f64>>),
    /// Whole numbers.
    I64(Vec<Option<i64>>),
    /// Truth values.
    Bool(Vec<Option<bool>>),
    /// Text.
    Text(Vec<Option<Arc<str>>>),
    /// Money.
    Amount(Vec<Option<Amount>>),
}

impl Column {
    /// How many rows it has.
    pub fn len(&self) -> usize {
        match self {
            Self::F64(values) => values.len(),
            Self::I64(values) => values.len(),
            Self::Bool(values) => values.len(),
            Self::Text(values) => values.len(),
            Self::Amount(values) => values.len(),
        }
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The name of its type, for messages.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::F64(_) => "float",
            Self::I64(_) => "integer",
            Self::Bool(_) => "boolean",
            Self::Text(_) => "text",
            Self::Amount(_) => "decimal",
        }
    }
}

/// The name of the field of single-value metrics.
pub const VALUE: &str = "value";

/// A table's full name: `metrics.node_load1`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableName {
    /// `metrics`, `ops`, `plan`, `cost`, ...
    pub schema: Arc<str>,
    /// The metric or measurement.
    pub name: Arc<str>,
}

impl TableName {
    /// A table of `schema`.
    pub fn new(schema: impl Into<Arc<str>>, name: impl Into<Arc<str>>) -> Self {
        Self { schema: schema.into(), name: name.into() }
    }

    /// A table of the default schema, `metrics`.
    pub fn metric(name: impl Into<Arc<str>>) -> Self {
        Self::new("metrics", name)
    }
}

impl std::fmt::Display for TableName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.schema, self.name)
    }
}

/// Rows of one table. `labels[series[i]]` are the labels of row `i`, `time[i]` its time in
/// nanoseconds since the epoch, and every column of `fields` has one entry per row.
#[derive(Clone, Debug, PartialEq)]
pub struct Rows {
    /// Whose rows.
    pub table: TableName,
    /// The distinct series in these rows.
    pub labels: Vec<Labels>,
    /// Per row: its series, as an index into `labels`.
    pub series: Vec<u32>,
    /// Per row: nanoseconds since 1970-01-01T00:00:00Z.
    pub time: Vec<i64>,
    /// The fields, each with its values.
    pub fields: Vec<(Arc<str>, Column)>,
}

impl Rows {
    /// No rows of `table`.
    pub fn empty(table: TableName) -> Self {
        Self { table, labels: Vec::new(), series: Vec::new(), time: Vec::new(), fields: Vec::new() }
    }

    /// How many rows.
    pub fn len(&self) -> usize {
        self.time.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.time.is_empty()
    }

    /// Appends a sample of a single-value metric.
    ///
    /// # Panics
    /// When the rows have other fields than `value`.
    pub fn push_sample(&mut self, labels: &Labels, time: i64, value: f64) {
        if self.fields.is_empty() {
            self.fields.push((VALUE.into(), Column::F64(Vec::new())));
        }
        let [(_, Column::F64(values))] = self.fields.as_mut_slice() else {
            panic!("a single-value metric has one float field");
        };
        values.push(Some(value));
        self.time.push(time);
        let series = self.series_of(labels);
        self.series.push(series);
    }

    /// The index of `labels`, appended when new. Looks at the newest only: rows come series by series.
    fn series_of(&mut self, labels: &Labels) -> u32 {
        if self.labels.last() != Some(labels) {
            self.labels.push(labels.clone());
        }
        self.labels.len() as u32 - 1
    }
}

/// One row being written: what most callers in this house need. Field order is the caller's.
#[derive(Clone, Debug)]
pub struct Row {
    rows: Rows,
}

impl Row {
    /// A row of `table` at `time` (nanoseconds since the epoch).
    pub fn new(table: TableName, time: i64, labels: Labels) -> Self {
        Self { rows: Rows { table, labels: vec![labels], series: vec![0], time: vec![time], fields: Vec::new() } }
    }

    fn with(mut self, name: &str, column: Column) -> Self {
        self.rows.fields.push((name.into(), column));
        self
    }

    /// With a float field.
    #[must_use]
    pub fn f64(self, name: &str, value: f64) -> Self {
        self.f64_or_null(name, Some(value))
    }

    /// With a float field; `None` where the row has no value.
    #[must_use]
    pub fn f64_or_null(self, name: &str, value: Option<f64>) -> Self {
        self.with(name, Column::F64(vec![value]))
    }

    /// With an integer field.
    #[must_use]
    pub fn i64(self, name: &str, value: i64) -> Self {
        self.i64_or_null(name, Some(value))
    }

    /// With an integer field; `None` where the row has no value.
    #[must_use]
    pub fn i64_or_null(self, name: &str, value: Option<i64>) -> Self {
        self.with(name, Column::I64(vec![value]))
    }

    /// With a boolean field.
    #[must_use]
    pub fn bool(self, name: &str, value: bool) -> Self {
        self.with(name, Column::Bool(vec![Some(value)]))
    }

    /// With a text field.
    #[must_use]
    pub fn text(self, name: &str, value: impl Into<Arc<str>>) -> Self {
        self.with(name, Column::Text(vec![Some(value.into())]))
    }

    /// With an amount of money; `None` where there is none, or none that an [`Amount`] holds.
    #[must_use]
    pub fn amount(self, name: &str, value: Option<Amount>) -> Self {
        self.with(name, Column::Amount(vec![value]))
    }

    /// The row as rows.
    pub fn into_rows(self) -> Rows {
        self.rows
    }
}

/// What rows must share to be joined: table, field names and their types.
type Shape = (TableName, Vec<(Arc<str>, &'static str)>);

/// Joins rows of equal tables and fields into one [`Rows`] each, in order of first appearance.
pub fn merge(all: impl IntoIterator<Item = Rows>) -> Vec<Rows> {
    let mut merged: indexmap::IndexMap<Shape, Rows> = indexmap::IndexMap::new();
    for rows in all {
        let shape = rows.fields.iter().map(|(name, column)| (Arc::clone(name), column.type_name())).collect();
        match merged.entry((rows.table.clone(), shape)) {
            indexmap::map::Entry::Vacant(entry) => {
                entry.insert(rows);
            }
            indexmap::map::Entry::Occupied(mut entry) => entry.get_mut().append(rows),
        }
    }
    merged.into_values().collect()
}

impl Rows {
    /// Appends rows whose table and fields are equal to these.
    fn append(&mut self, other: Self) {
        let base = self.labels.len() as u32;
        self.labels.extend(other.labels);
        self.series.extend(other.series.iter().map(|series| base + series));
        self.time.extend(other.time);
        for ((_, into), (_, from)) in self.fields.iter_mut().zip(other.fields) {
            match (into, from) {
                (Column::F64(into), Column::F64(from)) => into.extend(from),
                (Column::I64(into), Column::I64(from)) => into.extend(from),
                (Column::Bool(into), Column::Bool(from)) => into.extend(from),
                (Column::Text(into), Column::Text(from)) => into.extend(from),
                (Column::Amount(into), Column::Amount(from)) => into.extend(from),
                _ => unreachable!("merge joins only equal shapes"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merging_joins_equal_shapes_only() {
        let row = |name: &str, time| Row::new(TableName::metric(name), time, Labels::new([("i", name)]));
        let merged = merge([
            row("a", 1).f64("value", 1.0).into_rows(),
            row("b", 2).f64("value", 2.0).into_rows(),
            row("a", 3).f64("value", 3.0).into_rows(),
            row("a", 4).i64("value", 4).into_rows(),
        ]);
        let shapes: Vec<(String, usize)> = merged.iter().map(|rows| (rows.table.to_string(), rows.len())).collect();
        assert_eq!(shapes, [("metrics.a".to_owned(), 2), ("metrics.b".to_owned(), 1), ("metrics.a".to_owned(), 1)]);
        assert_eq!(merged[0].series, [0, 1]);
    }
}
