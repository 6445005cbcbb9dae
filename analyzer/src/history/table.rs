//! A table of `history` for DataFusion.

use std::{fmt, sync::Arc};

use arrow::datatypes::{Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::{
    catalog::{Session, TableProvider},
    error::{DataFusionError, Result},
    execution::{SendableRecordBatchStream, TaskContext},
    logical_expr::{Expr, TableProviderFilterPushDown, TableType},
    physical_plan::{
        ExecutionPlan,
        stream::RecordBatchStreamAdapter,
        streaming::{PartitionStream, StreamingTableExec},
    },
};
use futures::{StreamExt, stream};
use weir_model::observation::TableName;

use super::{
    Columns, History,
    decode::Decoder,
    names::stored_table,
    pushdown::{condition, selected},
    remote::{Remote, RemoteError},
};
use crate::{
    commit::with_causes,
    merge::BATCH_ROWS,
    scan::logical::{Column, Logical},
};

/// A table as the registry says it is.
pub(crate) struct HistoryTable {
    remote: Remote,
    name: TableName,
    logical: Logical,
}

impl fmt::Debug for HistoryTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HistoryTable({})", self.name)
    }
}

impl HistoryTable {
    pub(crate) fn new(history: &History, name: TableName) -> Option<Self> {
        let Columns { labels, fields } = history.columns(&name)?;
        Some(Self { remote: history.queries.clone(), name, logical: Logical::new(&fields, labels.iter()) })
    }

    /// `SELECT columns .. WHERE filters LIMIT limit` there.
    fn select(&self, columns: &[Column], filters: &[Expr], limit: Option<usize>) -> Result<String> {
        let selected: Vec<String> = columns.iter().map(selected).collect();
        // Rows are counted by a byte for each.
        let selected = if selected.is_empty() { "toUInt8(1)".to_owned() } else { selected.join(", ") };
        let mut conditions = vec!["stale = 0".to_owned()];
        for filter in filters {
            let unknown = || DataFusionError::Internal(format!("a filter that was not accepted: {filter}"));
            conditions.push(condition(filter, &self.logical).ok_or_else(unknown)?);
        }
        let table = self.remote.table(&stored_table(&self.name));
        let limit = limit.map_or(String::new(), |limit| format!(" LIMIT {limit}"));
        Ok(format!("SELECT {selected} FROM {table} FINAL WHERE {}{limit}", conditions.join(" AND ")))
    }
}

#[async_trait]
impl TableProvider for HistoryTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.logical.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        let pushed = |filter: &&Expr| match condition(filter, &self.logical) {
            Some(_) => TableProviderFilterPushDown::Exact,
            None => TableProviderFilterPushDown::Unsupported,
        };
        Ok(filters.iter().map(pushed).collect())
    }

    async fn scan(
        &self,
        _: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let all: Vec<usize> = (0..self.logical.columns.len()).collect();
        let projection = projection.unwrap_or(&all);
        let columns: Vec<Column> = projection.iter().map(|column| self.logical.columns[*column].clone()).collect();
        let schema = Arc::new(self.logical.schema.project(projection)?);
        let sql = self.select(&columns, filters, limit)?;
        let asked = Asked { remote: self.remote.clone(), sql, columns, schema: Arc::clone(&schema) };
        Ok(Arc::new(StreamingTableExec::try_new(schema, vec![Arc::new(asked)], None, [], false, limit)?))
    }
}

/// A query there.
struct Asked {
    remote: Remote,
    sql: String,
    columns: Vec<Column>,
    schema: Arc<Schema>,
}

impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sql)
    }
}

impl PartitionStream for Asked {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let schema = Arc::clone(&self.schema);
        let begun = (self.remote.clone(), self.sql.clone(), Decoder::new(Arc::clone(&schema), &self.columns));
        let batches = stream::once(async move {
            let (remote, sql, decoder) = begun;
            match remote.fetch(&sql) {
                Ok(cursor) => stream::try_unfold(Some((cursor, decoder)), next_batch).boxed(),
                Err(error) => stream::once(async { Err(failed(error)) }).boxed(),
            }
        });
        Box::pin(RecordBatchStreamAdapter::new(schema, batches.flatten().boxed()))
    }
}

type Reading = (clickhouse::query::BytesCursor, Decoder);

/// The next batch, and what comes after; `None` at the end.
async fn next_batch(reading: Option<Reading>) -> Result<Option<(arrow::array::RecordBatch, Option<Reading>)>> {
    let Some((mut cursor, mut decoder)) = reading else { return Ok(None) };
    while let Some(bytes) = cursor.next().await.map_err(failed)? {
        decoder.push(&bytes).map_err(external)?;
        if decoder.rows() >= BATCH_ROWS {
            return Ok(Some((decoder.take().map_err(external)?, Some((cursor, decoder)))));
        }
    }
    decoder.end().map_err(external)?;
    Ok(Some((decoder.take().map_err(external)?, None)))
}

fn failed(error: impl Into<RemoteError>) -> DataFusionError {
    external(error.into())
}

fn external(error: impl std::error::Error + Send + Sync + 'static) -> DataFusionError {
    DataFusionError::External(with_causes(&error).into())
}
