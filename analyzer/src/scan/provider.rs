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
    row_filter::RowFilter,
    rows::Reader,
    sources::{Files, clusters, partitions},
};
use crate::{
    catalog::{Catalog, TableId},
    data_file::Selection,
    retention,
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

    /// As [`Self::select`], of the table as it is now.
    pub(crate) fn chosen(&self, session: &dyn Session, filters: &[Expr]) -> Result<Selection> {
        self.select(session, &self.shared.catalog(), filters)
    }

    /// Whether any of `filters`, which were accepted, asks for fields.
    pub(crate) fn reads_fields(&self, filters: &[Expr]) -> bool {
        filters
            .iter()
            .any(|filter| !matches!(classify(filter, &self.logical), Some(Predicate::Labels(_) | Predicate::Time(_))))
    }

    /// What of `filters` is asked of fields, row by row.
    fn field_filters(&self, session: &dyn Session, filters: &[Expr], emitter: &Emitter) -> Result<Vec<RowFilter>> {
        let of_fields = |filter: &Expr| match classify(filter, &self.logical) {
            Some(Predicate::Fields(names)) => Some((filter.clone(), names)),
            _ => None,
        };
        let filters = filters.iter().filter_map(of_fields);
        filters.map(|(filter, names)| RowFilter::new(session, filter, &names, &self.logical, emitter)).collect()
    }

    /// The series and times that satisfy every one of `filters`.
    fn select(&self, session: &dyn Session, catalog: &Catalog, filters: &[Expr]) -> Result<Selection> {
        let table = catalog.table(self.id);
        let (mut series, mut time): (RoaringBitmap, _) = (table.all().clone(), TimeRange::ALL);
        for filter in filters {
            match classify(filter, &self.logical) {
                Some(Predicate::Time(range)) => time = time.intersect(range),
                Some(Predicate::Labels(names)) => {
                    series &= satisfying(session, (catalog, table), &self.logical, filter, &names)?;
                }
                Some(Predicate::Fields(_)) => {}
                None => return datafusion::common::internal_err!("a filter that was not accepted: {filter}"),
            }
        }
        Ok(Selection::new(series, time))
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
        let mut selection = self.select(session, &catalog, filters)?;
        selection.time = selection.time.intersect(retention::shown(&self.shared.settings, &table.name));
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
        let ids = selection.series.iter().collect();
        let asked = filters.iter().flat_map(Expr::column_refs);
        let asked: Vec<_> = asked.filter_map(|column| self.logical.column(&column.name)).cloned().collect();
        let emitter = Emitter::new((&catalog, table), (&columns, &asked), Arc::clone(&schema), ids);
        let clusters = clusters(snapshots, &selection);
        let split = (session.config().target_partitions(), self.shared.settings.partition_rows);
        let reader = Reader {
            files: Files { folder: self.shared.layout.data(), cache: Arc::clone(&self.shared.cache) },
            fields: emitter.fields.clone(),
            partitions: partitions(&clusters, &selection, split),
            filters: self.field_filters(session, filters, &emitter)?.into(),
            clusters: clusters.into(),
        };
        let table = table.name.to_string();
        Ok(Arc::new(SeriesScan::new((Arc::clone(&self.shared), table), (emitter, schema), reader)))
    }
}
