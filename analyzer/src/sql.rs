//! SQL: queries only, bounded in memory, time and rows, on threads of their own.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use futures::{Stream, StreamExt};
use tokio::{sync::mpsc, task::AbortHandle};

mod cardinality;
mod catalog_view;
mod computed;
pub(crate) mod engine;
mod error;
mod functions;
mod nearest;
mod read_only;
mod row_choice;
mod running;
mod size_limit;
mod slow_queries;
mod window_memory;

pub(crate) use catalog_view::DEFAULT_SCHEMA;
pub use computed::Computed;
pub use error::SqlError;

/// Bounds of one query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueryLimits {
    /// From the call to the last row.
    pub timeout: Duration,
    /// Rows of the answer; one more is an error, not a cut.
    pub rows: usize,
}

impl Default for QueryLimits {
    /// 30 s is what a person waits; a million rows of a few columns are some 50 MB as JSON.
    fn default() -> Self {
        Self { timeout: Duration::from_secs(30), rows: 1_000_000 }
    }
}

/// An answer, arriving. Dropping it stops the query.
#[derive(Debug)]
pub struct QueryResult {
    schema: SchemaRef,
    batches: mpsc::Receiver<Result<RecordBatch, SqlError>>,
    query: StopOnDrop,
}

/// Stops a task nobody wants any more.
#[derive(Debug)]
struct StopOnDrop(AbortHandle);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl QueryResult {
    /// The columns of the answer.
    pub fn schema(&self) -> SchemaRef {
        SchemaRef::clone(&self.schema)
    }

    /// All batches.
    ///
    /// # Errors
    /// When a limit is reached or reading fails on the way.
    pub async fn collect(mut self) -> Result<Vec<RecordBatch>, SqlError> {
        let mut batches = Vec::new();
        while let Some(batch) = self.next().await {
            batches.push(batch?);
        }
        Ok(batches)
    }
}

impl Stream for QueryResult {
    type Item = Result<RecordBatch, SqlError>;

    /// Ends after the first error.
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = ready!(self.batches.poll_recv(cx));
        if matches!(next, Some(Err(_))) {
            self.query.0.abort();
            self.batches.close();
        }
        Poll::Ready(next)
    }
}
