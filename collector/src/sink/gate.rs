//! A sink for tests: takes nothing until it is opened.

use async_trait::async_trait;
use tokio::sync::{Notify, Semaphore};
use weir_model::observation::Batch;

use super::{Sink, SinkError, Written};

#[derive(Debug)]
pub(crate) struct Gate {
    reached: Notify,
    opened: Semaphore,
}

impl Gate {
    pub(crate) fn closed() -> Self {
        Self { reached: Notify::new(), opened: Semaphore::new(0) }
    }

    /// Waits until a batch stands before it.
    pub(crate) async fn reached(&self) {
        self.reached.notified().await;
    }

    pub(crate) fn open(&self) {
        self.opened.add_permits(1);
    }
}

#[async_trait]
impl Sink for Gate {
    async fn write(&self, batch: Batch) -> Result<Written, SinkError> {
        self.reached.notify_one();
        drop(self.opened.acquire().await);
        Ok(Written { rows: batch.len() as u64, rejected: Vec::new() })
    }
}
