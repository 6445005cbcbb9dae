//! `ops.cardinality`: who has most series, and how near that is to which limit.

use std::sync::{Arc, LazyLock};

use arrow::{
    array::{ArrayRef, RecordBatch, StringArray, UInt64Array},
    datatypes::{DataType, Field, Schema, SchemaRef},
};
use async_trait::async_trait;
use datafusion::{
    catalog::{MemTable, Session, TableProvider},
    error::Result,
    logical_expr::{Expr, TableType},
    physical_plan::ExecutionPlan,
};

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

/// The table.
#[derive(Debug)]
pub(super) struct Cardinality(pub(super) Arc<Shared>);

impl Cardinality {
    fn entries(&self) -> Vec<Entry> {
        let (catalog, limits) = (self.0.catalog(), &self.0.settings.limits);
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
            entry(
                "tables",
                String::new(),
                String::new(),
                (catalog.tables().len(), limits.tables),
                catalog.refused_rows,
            ),
        ];
        entries.extend(top(tables));
        entries.extend(top(labels));
        entries.extend(top(sources));
        entries
    }

    fn batch(&self) -> Result<RecordBatch> {
        let entries = self.entries();
        let text = |of: fn(&Entry) -> &str| Arc::new(StringArray::from_iter_values(entries.iter().map(of))) as ArrayRef;
        let number =
            |of: fn(&Entry) -> u64| Arc::new(UInt64Array::from_iter_values(entries.iter().map(of))) as ArrayRef;
        let columns = vec![
            text(|entry| entry.kind),
            text(|entry| &entry.table),
            text(|entry| &entry.name),
            number(|entry| entry.count as u64),
            number(|entry| entry.limit as u64),
            number(|entry| entry.refused_rows),
        ];
        Ok(RecordBatch::try_new(schema(), columns)?)
    }
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

fn schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
        let field = |name, kind: &DataType| Field::new(name, kind.clone(), false);
        let (text, number) = (&DataType::Utf8, &DataType::UInt64);
        Arc::new(Schema::new(vec![
            field("kind", text),
            field("table", text),
            field("name", text),
            field("count", number),
            field("limit", number),
            field("refused_rows", number),
        ]))
    });
    SchemaRef::clone(&SCHEMA)
}

#[async_trait]
impl TableProvider for Cardinality {
    fn schema(&self) -> SchemaRef {
        schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let table = MemTable::try_new(schema(), vec![vec![self.batch()?]])?;
        table.scan(session, projection, filters, limit).await
    }
}
