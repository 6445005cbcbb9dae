//! Predicates on fields, asked before labels are looked up.

use std::sync::Arc;

use arrow::{
    array::{AsArray, RecordBatch, RecordBatchOptions},
    compute::filter_record_batch,
    datatypes::SchemaRef,
};
use datafusion::{
    catalog::Session,
    common::DFSchema,
    error::{DataFusionError, Result},
    logical_expr::Expr,
    physical_expr::PhysicalExpr,
};

use super::{
    emit::Emitter,
    logical::{Column, Logical},
    predicate::schema_of,
};

/// Keeps the rows that satisfy an expression over fields.
#[derive(Debug)]
pub(crate) struct RowFilter {
    expr: Arc<dyn PhysicalExpr>,
    schema: SchemaRef,
    /// Where the stored rows have the columns of `schema`.
    columns: Vec<usize>,
}

impl RowFilter {
    /// Of `expr`, which reads the fields called `names` only.
    pub(crate) fn new(
        session: &dyn Session,
        expr: Expr,
        names: &[String],
        logical: &Logical,
        emitter: &Emitter,
    ) -> Result<Self> {
        let schema = schema_of(logical, names);
        let columns = names.iter().map(|name| match logical.column(name) {
            Some(Column::Field(field)) => emitter.stored(field),
            _ => None,
        });
        let missing = || DataFusionError::Internal(format!("a field of {expr} is not read"));
        let columns = columns.collect::<Option<Vec<_>>>().ok_or_else(missing)?;
        let expr = session.create_physical_expr(expr, &DFSchema::try_from(Arc::clone(&schema))?)?;
        Ok(Self { expr, schema, columns })
    }

    /// Those of the stored `rows` that satisfy it.
    pub(crate) fn keep(&self, rows: &RecordBatch) -> Result<RecordBatch> {
        let columns = self.columns.iter().map(|column| Arc::clone(rows.column(*column))).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
        let asked = RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?;
        let answer = self.expr.evaluate(&asked)?.into_array(rows.num_rows())?;
        Ok(filter_record_batch(rows, answer.as_boolean())?)
    }
}
