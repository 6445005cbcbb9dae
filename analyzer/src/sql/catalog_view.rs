//! The catalog `weir` for DataFusion: stored tables by schema and name, and tables from outside.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use datafusion::{
    catalog::{CatalogProvider, SchemaProvider, TableProvider},
    error::Result,
    logical_expr::TableType,
};
use weir_model::observation::TableName;

use crate::{
    history::{self, table::HistoryTable},
    scan::provider::StoredTable,
    store::Shared,
};

/// The name of the catalog.
pub(super) const CATALOG: &str = "weir";
/// The schema of names without one.
pub(crate) const DEFAULT_SCHEMA: &str = "metrics";

type Outside = BTreeMap<(String, String), Arc<dyn TableProvider>>;

/// All schemas.
#[derive(Clone, Debug)]
pub(super) struct CatalogView {
    shared: Arc<Shared>,
    outside: Arc<Mutex<Outside>>,
}

impl CatalogView {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, outside: Arc::default() }
    }

    fn outside(&self) -> MutexGuard<'_, Outside> {
        self.outside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A table that ClickHouse has.
    fn exported(&self, schema: &str, name: &str) -> Option<Arc<dyn TableProvider>> {
        let history = self.shared.history.as_ref().filter(|_| schema == history::SCHEMA)?;
        let table = history.tables()?.remove(name)?;
        Some(Arc::new(HistoryTable::new(history, table)?))
    }

    /// Whether history is configured but its tables are not known yet.
    pub(super) fn waits_for_history(&self) -> bool {
        self.shared.history.as_ref().is_some_and(|history| history.tables().is_none())
    }

    /// Whether there is such a schema. Asked for each table of each query, so without a list of a hundred thousand.
    fn has_schema(&self, name: &str) -> bool {
        let has_tables = |history: &&history::History| history.tables().is_some_and(|tables| !tables.is_empty());
        name == DEFAULT_SCHEMA
            || self.outside().keys().any(|(schema, _)| schema == name)
            || self.shared.catalog().tables().any(|table| &*table.name.schema == name)
            || name == history::SCHEMA && self.shared.history.as_ref().filter(has_tables).is_some()
    }

    pub(super) fn register(&self, schema: &str, name: &str, table: Arc<dyn TableProvider>) {
        self.outside().insert((schema.to_owned(), name.to_owned()), table);
    }

    /// Every table, as `schema` and name.
    pub(super) fn tables(&self) -> BTreeSet<(String, String)> {
        let mut tables: BTreeSet<_> = self.outside().keys().cloned().collect();
        let catalog = self.shared.catalog();
        tables.extend(catalog.tables().map(|table| (table.name.schema.to_string(), table.name.name.to_string())));
        let exported = self.shared.history.as_ref().and_then(|history| history.tables()).unwrap_or_default();
        tables.extend(exported.into_keys().map(|name| (history::SCHEMA.to_owned(), name)));
        tables
    }
}

impl CatalogProvider for CatalogView {
    fn schema_names(&self) -> Vec<String> {
        let names = self.tables().into_iter().map(|(schema, _)| schema);
        names.chain([DEFAULT_SCHEMA.to_owned()]).collect::<BTreeSet<_>>().into_iter().collect()
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        self.has_schema(name).then(|| Arc::new(SchemaView { all: self.clone(), schema: name.to_owned() }) as _)
    }
}

/// One schema.
#[derive(Debug)]
struct SchemaView {
    all: CatalogView,
    schema: String,
}

#[async_trait]
impl SchemaProvider for SchemaView {
    fn table_names(&self) -> Vec<String> {
        let tables = self.all.tables().into_iter();
        tables.filter(|(schema, _)| *schema == self.schema).map(|(_, name)| name).collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        let outside = self.all.outside().get(&(self.schema.clone(), name.to_owned())).cloned();
        Ok(outside.or_else(|| self.all.exported(&self.schema, name)).or_else(|| {
            let id = self.all.shared.catalog().find(&TableName::new(self.schema.as_str(), name))?;
            Some(Arc::new(StoredTable::new(Arc::clone(&self.all.shared), id)))
        }))
    }

    /// Without building the table: `SHOW TABLES` asks this of every one.
    async fn table_type(&self, name: &str) -> Result<Option<TableType>> {
        Ok(self.table_exist(name).then_some(TableType::Base))
    }

    fn table_exist(&self, name: &str) -> bool {
        let outside = self.all.outside().contains_key(&(self.schema.clone(), name.to_owned()));
        outside
            || self.all.exported(&self.schema, name).is_some()
            || self.all.shared.catalog().find(&TableName::new(self.schema.as_str(), name)).is_some()
    }
}
