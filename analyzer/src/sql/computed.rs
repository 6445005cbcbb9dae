//! Tables whose rows are made when they are asked for.

use std::{fmt, sync::Arc};

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use async_trait::async_trait;
use datafusion::{
    catalog::{MemTable, Session, TableProvider},
    error::Result,
    logical_expr::{Expr, TableType},
    physical_plan::ExecutionPlan,
};

/// A table of the rows that a function makes; each query sees those of its moment.
pub struct Computed {
    schema: SchemaRef,
    rows: Box<dyn Fn() -> Result<RecordBatch> + Send + Sync>,
}

impl fmt::Debug for Computed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Computed").field("schema", &self.schema).finish_non_exhaustive()
    }
}

impl Computed {
    /// Of what `rows` makes, which has the same columns every time.
    ///
    /// # Errors
    /// When it makes nothing now.
    pub fn new(rows: impl Fn() -> Result<RecordBatch> + Send + Sync + 'static) -> Result<Self> {
        Ok(Self { schema: rows()?.schema(), rows: Box::new(rows) })
    }
}

#[async_trait]
impl TableProvider for Computed {
    fn schema(&self) -> SchemaRef {
        SchemaRef::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let table = MemTable::try_new(self.schema(), vec![vec![(self.rows)()?]])?;
        table.scan(session, projection, filters, limit).await
    }
}
