//! `ops.cardinality`: who has most series, and how near that is to which limit.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray, UInt64Array};
use datafusion::error::Result;

use crate::store::Shared;

/// Where it is read.
pub(super) const SCHEMA: &str = "ops";
/// See [`SCHEMA`].
pub(super) const NAME: &str = "cardinality";
/// Entries of each kind: the culprit is among the first ten.
const ENTRIES_MAX: usize = 100;

/// A count and its limit.
#[derive(Debug, PartialEq, Eq)]
struct Entry {
    kind: &'static str,
    table: String,
    /// The label, or the source.
    name: String,
    count: usize,
    limit: usize,
    refused_rows: u64,
}

/// The rows of the table.
pub(super) fn rows(shared: &Shared) -> Result<RecordBatch> {
    let entries = entries(shared);
    let text = |of: fn(&Entry) -> &str| Arc::new(StringArray::from_iter_values(entries.iter().map(of))) as ArrayRef;
    let number = |of: fn(&Entry) -> u64| Arc::new(UInt64Array::from_iter_values(entries.iter().map(of))) as ArrayRef;
    let columns = [
        ("kind", text(|entry| entry.kind)),
        ("table", text(|entry| &entry.table)),
        ("name", text(|entry| &entry.name)),
        ("count", number(|entry| entry.count as u64)),
        ("limit", number(|entry| entry.limit as u64)),
        ("refused_rows", number(|entry| entry.refused_rows)),
    ];
    Ok(RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, false)))?)
}

fn entries(shared: &Shared) -> Vec<Entry> {
    let (catalog, limits) = (shared.catalog(), &shared.settings.limits);
    let entry = |kind, table: String, name: String, (count, limit): (usize, usize), refused_rows| Entry {
        kind,
        table,
        name,
        count,
        limit,
        refused_rows,
    };
    let tables = catalog.tables().map(|table| {
        let counts = (table.series_count(), limits.series_per_table);
        entry("table", table.name.to_string(), String::new(), counts, table.refused_rows)
    });
    let labels = catalog.tables().flat_map(|table| {
        let counts = table.label_counts();
        counts.map(|(label, count)| {
            entry("label", table.name.to_string(), label.to_string(), (count, limits.values_per_label), 0)
        })
    });
    let sources = catalog.sources.iter().map(|(source, count)| {
        entry("source", String::new(), source.to_string(), (count, limits.series_per_source), 0)
    });
    let refused = catalog.tables().map(|table| table.refused_rows).sum::<u64>() + catalog.refused_rows;
    let series = (catalog.series_count(), limits.series);
    let mut entries = vec![
        entry("series", String::new(), String::new(), series, refused),
        entry("tables", String::new(), String::new(), (catalog.tables().len(), limits.tables), catalog.refused_rows),
    ];
    entries.extend(top(tables));
    entries.extend(top(labels));
    entries.extend(top(sources));
    entries
}

/// The largest, and of the others those whose rows were refused.
fn top(entries: impl Iterator<Item = Entry>) -> Vec<Entry> {
    let mut entries: Vec<Entry> = entries.collect();
    entries.sort_by(|a, b| {
        (b.refused_rows, b.count, &a.table, &a.name).cmp(&(a.refused_rows, a.count, &b.table, &b.name))
    });
    entries.truncate(ENTRIES_MAX);
    entries
}
