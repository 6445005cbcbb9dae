//! A store in a temporary directory, for tests.

use std::{path::Path, time::Duration};

use arrow::util::pretty::pretty_format_batches;
use tempfile::TempDir;
use weir_model::observation::{Labels, Row, Rows, TableName};

use crate::{
    settings::{Clock, Settings},
    sql::{QueryLimits, SqlError},
    store::Store,
    write::Written,
};

/// Now, for every store of a test: 2026-01-01T00:00:00Z.
pub(crate) const NOW: i64 = 1_767_225_600_000_000_000;
/// A second.
pub(crate) const SECOND: i64 = 1_000_000_000;

/// Settings with a clock that stands still.
pub(crate) fn settings() -> Settings {
    Settings {
        clock: Clock::new(|| NOW),
        flush_age: Duration::from_secs(86_400),
        compact: false,
        flush_on_close: false,
        query_partitions: 2,
        ..Settings::default()
    }
}

/// A directory and its store, which can be dropped and opened again.
pub(crate) struct TestStore {
    pub(crate) directory: TempDir,
    pub(crate) settings: Settings,
    store: Option<Store>,
}

impl TestStore {
    pub(crate) fn new(settings: Settings) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = Some(Store::open(directory.path(), settings.clone()).unwrap());
        Self { directory, settings, store }
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn store(&self) -> &Store {
        self.store.as_ref().unwrap()
    }

    /// Drops the store without a flush.
    pub(crate) fn drop_store(&mut self) {
        self.store = None;
    }

    pub(crate) fn open(&mut self) -> &Store {
        self.drop_store();
        self.store = Some(Store::open(self.directory.path(), self.settings.clone()).unwrap());
        self.store()
    }

    /// The store, dropped and opened again.
    pub(crate) fn again(mut store: Self) -> Self {
        store.open();
        store
    }

    pub(crate) async fn write(&self, batch: Vec<Rows>) -> Written {
        self.store().write(batch).await.unwrap()
    }

    pub(crate) async fn try_query(&self, sql: &str) -> Result<String, SqlError> {
        let batches = self.store().sql(sql, QueryLimits::default()).await?.collect().await?;
        Ok(pretty_format_batches(&batches).unwrap().to_string())
    }

    pub(crate) async fn query(&self, sql: &str) -> String {
        self.try_query(sql).await.unwrap()
    }
}

/// A sample of a metric `seconds` after now.
pub(crate) fn sample(metric: &str, labels: &[(&str, &str)], seconds: i64, value: f64) -> Rows {
    let labels = Labels::new(labels.iter().copied());
    Row::new(TableName::metric(metric), NOW + seconds * SECOND, labels).f64("value", value).into_rows()
}
