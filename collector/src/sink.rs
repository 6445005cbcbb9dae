//! Where rows go. The daemon implements [`Sink`] over the engine; nobody here knows the engine.

use std::{fmt::Debug, sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::task::JoinError;
use weir_model::observation::{Batch, TableName};

#[cfg(test)]
pub(crate) mod gate;
#[cfg(test)]
pub(crate) mod recorder;

/// Takes rows and keeps them.
#[async_trait]
pub trait Sink: Send + Sync + Debug {
    /// Writes a batch; returns only when what it reports as written survives a crash.
    ///
    /// Rows that can never be stored (a field of another type than its table has, say) are
    /// reported in [`Written::rejected`] and do not hold up the rest.
    ///
    /// # Errors
    /// When nothing of the batch was written, so that it may be written again whole.
    async fn write(&self, batch: Batch) -> Result<Written, SinkError>;
}

/// Writes in a task of its own, which holds `place` to its end: whoever waits may go, as a request whose client
/// went does, and what the batch takes is still taken.
pub(crate) async fn write_apart(
    sink: Arc<dyn Sink>,
    batch: Batch,
    place: impl Send + 'static,
) -> Result<Result<Written, SinkError>, JoinError> {
    let writing = tokio::spawn(async move {
        let written = sink.write(batch).await;
        drop(place);
        written
    });
    writing.await
}

/// What became of a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Written {
    /// Rows that are durable now.
    pub rows: u64,
    /// Rows that never will be.
    pub rejected: Vec<Rejection>,
}

impl Written {
    /// How many rows were rejected.
    pub fn rejected_rows(&self) -> u64 {
        self.rejected.iter().map(|rejection| rejection.rows).sum()
    }
}

/// Rows of one table that were not written, and must not be sent again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// Whose rows.
    pub table: TableName,
    /// How many.
    pub rows: u64,
    /// Why, in words for whoever sent them.
    pub reason: String,
}

/// Why nothing of a batch was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SinkError {
    /// Writing cannot keep up.
    #[error("the store is overloaded; try again in {} ms", retry_after.as_millis())]
    Overloaded {
        /// When another attempt may succeed.
        retry_after: Duration,
    },
    /// Nowhere to write.
    #[error("the store's disk is full; free space, then try again in {} ms", retry_after.as_millis())]
    DiskFull {
        /// When another attempt may succeed.
        retry_after: Duration,
    },
    /// The store is shutting down.
    #[error("the store is closed")]
    Closed,
    /// The batch contradicts itself: columns of unequal lengths, a series index out of range.
    #[error("not a batch of rows: {0}")]
    Invalid(String),
}
