//! The engine, wired: behind the collector's sink, and behind SQL over HTTP.

use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use axum::Router;
use tokio::sync::watch;
use weir_analyzer::{QueryLimits, QueryResult, Settings, SqlError, WriteError, lock::Lock};
use weir_collector::{
    scrape::TargetBoard,
    sink::{Rejection, Sink, SinkError, Written},
};
use weir_model::{estate::Estate, observation::Batch};

use crate::{
    control::Known,
    infra, scrape_targets,
    sql_functions::{BestRoute, ExplainAssignment},
};

/// The engine. Cloned handles share it.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    engine: Arc<weir_analyzer::Store>,
}

impl Store {
    /// Opens the data in the folder that is held.
    pub(crate) fn open(held: Lock, settings: Settings) -> anyhow::Result<Self> {
        Ok(Self::of(weir_analyzer::Store::open_locked(held, settings)?))
    }

    /// With `engine` behind it.
    pub(crate) fn of(engine: weir_analyzer::Store) -> Self {
        for corrupt in &engine.recovery().corrupt {
            tracing::error!(
                file = %corrupt.file.display(),
                offset = corrupt.offset,
                reason = corrupt.reason,
                "damaged: all other rows are there; the file is kept as *.corrupt, its lost rows are in a backup or nowhere"
            );
        }
        Self { engine: Arc::new(engine) }
    }

    /// Makes the inventory readable through SQL, in place of an earlier one.
    pub(crate) fn show_estate(&self, estate: &Estate) -> anyhow::Result<()> {
        for (name, table) in infra::tables(estate)? {
            self.engine.register_table("infra", name, table);
        }
        Ok(())
    }

    /// Makes the scheduler's state readable through SQL.
    pub(crate) fn show_plans(&self, known: &watch::Receiver<Known>) {
        let explain = ExplainAssignment { known: known.clone() };
        self.engine.register_udtf("explain_assignment", Arc::new(explain));
        self.engine.register_udtf("best_route", Arc::new(BestRoute { known: known.clone() }));
    }

    /// Makes what is scraped readable through SQL.
    pub(crate) fn show_scrapes(&self, board: &TargetBoard) -> anyhow::Result<()> {
        let table = scrape_targets::table(board.clone())?;
        self.engine.register_table("infra", "scrape_targets", Arc::new(table));
        Ok(())
    }

    /// What the engine counts.
    pub(crate) fn metrics(&self) -> weir_analyzer::Metrics {
        self.engine.metrics()
    }

    /// The sink in front of it.
    pub(crate) fn sink(&self) -> Arc<dyn Sink> {
        Arc::new(self.clone())
    }

    /// SQL over HTTP.
    pub(crate) fn router(&self) -> Router {
        weir_analyzer::http::router(Arc::clone(&self.engine), QueryLimits::default())
    }

    /// Deleting rows over HTTP.
    pub(crate) fn delete_router(&self) -> Router {
        weir_analyzer::http::delete_router(Arc::clone(&self.engine))
    }

    /// Runs a query to its end.
    pub(crate) async fn query(&self, query: &str) -> Result<Vec<RecordBatch>, SqlError> {
        self.engine.sql(query, QueryLimits::default()).await?.collect().await
    }

    /// Runs a query; its answer as it comes.
    pub(crate) async fn stream(&self, query: &str, limits: QueryLimits) -> Result<QueryResult, SqlError> {
        self.engine.sql(query, limits).await
    }

    /// Runs a query to its end; how many rows it gave.
    pub(crate) async fn count_rows(&self, query: &str) -> Result<usize, SqlError> {
        Ok(self.query(query).await?.iter().map(RecordBatch::num_rows).sum())
    }

    /// Writes what was accepted, and ends.
    pub(crate) async fn close(self) {
        self.engine.close().await;
    }
}

#[async_trait]
impl Sink for Store {
    async fn write(&self, batch: Batch) -> Result<Written, SinkError> {
        match self.engine.write(batch).await {
            Ok(written) => {
                let rejection = |rejected: weir_analyzer::Rejected| Rejection {
                    table: rejected.table,
                    rows: rejected.rows,
                    reason: rejected.reason,
                };
                Ok(Written { rows: written.rows, rejected: written.rejected.into_iter().map(rejection).collect() })
            }
            Err(WriteError::Overloaded { retry_after }) => Err(SinkError::Overloaded { retry_after }),
            Err(WriteError::DiskFull { retry_after }) => Err(SinkError::DiskFull { retry_after }),
            Err(WriteError::Closed) => Err(SinkError::Closed),
            Err(WriteError::Invalid(reason)) => Err(SinkError::Invalid(reason)),
        }
    }
}
