//! A stored table for DataFusion.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::{
    catalog::{Session, TableProvider},
    error::Result,
    logical_expr::{Expr, TableProviderFilterPushDown, TableType},
    physical_plan::ExecutionPlan,
};
use roaring::RoaringBitmap;

use super::{
    choose::satisfying,
    emit::Emitter,
    exec::SeriesScan,
    logical::Logical,
    predicate::{Predicate, classify, pushdown},
    rows::Reader,
    sources::{clusters, partitions},
};
use crate::{
    catalog::{Catalog, TableId},
    data_file::Selection,
    store::Shared,
    time_range::TimeRange,
};

/// A table as it was when it was looked up; its rows are those of the moment of the scan.
#[derive(Debug)]
pub(crate) struct StoredTable {
    shared: Arc<Shared>,
    id: TableId,
    logical: Logical,
}

impl StoredTable {
    pub(crate) fn new(shared: Arc<Shared>, id: TableId) -> Self {
        let logical = Logical::of(shared.catalog().table(id));
        Self { shared, id, logical }
    }

    /// The rows that satisfy every one of `filters`.
    fn select(&self, session: &dyn Session, catalog: &Catalog, filters: &[Expr]) -> Result<Selection> {
        let table = catalog.table(self.id);
        let (mut series, mut time): (RoaringBitmap, _) = (table.all().clone(), TimeRange::ALL);
        for filter in filters {
            match classify(filter, &self.logical) {
                Some(Predicate::Time(range)) => time = time.intersect(range),
                Some(Predicate::Labels(names)) => {
                    series &= satisfying(session, (catalog, table), &self.logical, filter, &names)?;
                }
                None => return datafusion::common::internal_err!("a filter that was not accepted: {filter}"),
            }
        }
        Ok(Selection { series: Arc::new(series), time })
    }
}

#[async_trait]
impl TableProvider for StoredTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.logical.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(filters.iter().map(|filter| pushdown(filter, &self.logical)).collect())
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let catalog = self.shared.catalog();
        let table = catalog.table(self.id);
        let selection = self.select(session, &catalog, filters)?;
        let snapshots = {
            let state = self.shared.state();
            let wanted = !selection.series.is_empty() && !selection.time.is_empty();
            let shapes = table.shapes().into_iter().filter(|_| wanted);
            shapes.map(|shape| state.snapshot(shape)).collect::<Vec<_>>()
        };
        let all: Vec<usize> = (0..self.logical.columns.len()).collect();
        let projection = projection.unwrap_or(&all);
        let schema = Arc::new(self.logical.schema.project(projection)?);
        let columns: Vec<_> = projection.iter().map(|column| self.logical.columns[*column].clone()).collect();
        let emitter =
            Emitter::new((&catalog, table), &columns, Arc::clone(&schema), selection.series.iter().collect())?;
        let clusters = clusters(snapshots, &selection);
        let reader = Reader {
            folder: self.shared.layout.data(),
            fields: emitter.fields.clone(),
            partitions: partitions(&clusters, &selection, session.config().target_partitions()),
            clusters: clusters.into(),
        };
        Ok(Arc::new(SeriesScan::new(table.name.to_string(), (emitter, schema), reader)))
    }
}
