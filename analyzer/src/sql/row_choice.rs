//! Which stored rows a predicate means, for whoever does something else to them than to show them.
//!
//! The predicate is planned as a query's would be, so that names, types and limits are the same; what the
//! scan of the table then takes over is what it means.

use std::sync::Arc;

use datafusion::{
    catalog::TableProvider,
    common::TableReference,
    datasource::provider_as_source,
    error::DataFusionError,
    execution::session_state::SessionState,
    logical_expr::{LogicalPlan, LogicalPlanBuilder, expr_rewriter::unnormalize_cols},
};
use roaring::RoaringBitmap;
use weir_model::observation::TableName;

use super::{DEFAULT_SCHEMA, SqlError, nearest::nearest, size_limit};
use crate::{
    catalog::{Catalog, TableId},
    data_file::Selection,
    scan::provider::StoredTable,
    store::Shared,
    time_range::TimeRange,
};

/// The rows of the stored table called `table` that satisfy `predicate`, which reads labels and time only.
pub(super) fn choose(
    state: &SessionState,
    shared: &Arc<Shared>,
    table: &str,
    predicate: Option<&str>,
) -> Result<(TableName, Selection), SqlError> {
    let (id, name) = find(&shared.catalog(), table)?;
    let stored = Arc::new(StoredTable::new(Arc::clone(shared), id));
    let invalid = |error: DataFusionError| SqlError::from_datafusion(&error);
    let Some(predicate) = predicate else { return Ok((name, stored.chosen(state, &[]).map_err(invalid)?)) };
    size_limit::check_text(predicate)?;
    let provider = Arc::clone(&stored) as Arc<dyn TableProvider>;
    let reference = TableReference::partial(&*name.schema, &*name.name);
    let filtered = || {
        let scan = LogicalPlanBuilder::scan(reference, provider_as_source(provider), None)?;
        let expr = state.create_logical_expr(predicate, scan.schema())?;
        scan.filter(expr)?.build()
    };
    let plan = size_limit::guard(filtered().map_err(invalid)?)?;
    let selection = match state.optimize(&plan).map_err(invalid)? {
        LogicalPlan::TableScan(scan) if !stored.reads_fields(&scan.filters) => {
            // As a scan is asked: without the table's name.
            stored.chosen(state, &unnormalize_cols(scan.filters))
        }
        LogicalPlan::EmptyRelation(_) => Ok(Selection::new(RoaringBitmap::new(), TimeRange::ALL)),
        _ => {
            let rule = "rows are deleted by conditions on labels, and on `time` joined to them by AND";
            return Err(SqlError::Invalid(format!("`{predicate}` asks for something else: {rule}")));
        }
    };
    Ok((name, selection.map_err(invalid)?))
}

/// The table called `text`: `schema.name` or, of metrics, `name`, exactly or with SQL's quotes.
fn find(catalog: &Catalog, text: &str) -> Result<(TableId, TableName), SqlError> {
    let parts = text.split_once('.').map(|(schema, name)| TableName::new(schema, name));
    let sql = TableReference::parse_str(text);
    let quoted = TableName::new(sql.schema().unwrap_or(DEFAULT_SCHEMA), sql.table());
    let names = parts.into_iter().chain([TableName::metric(text), quoted]);
    let found = names.into_iter().find_map(|name| Some((catalog.find(&name)?, name)));
    let shown = |name: &TableName| match &*name.schema {
        DEFAULT_SCHEMA => name.name.to_string(),
        _ => name.to_string(),
    };
    let known = || catalog.tables().map(|table| shown(&table.name));
    found.ok_or_else(|| SqlError::UnknownTable { name: text.to_owned(), nearest: nearest(text, known()) })
}
