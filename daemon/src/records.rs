//! What happened, on its way into the store: never waited for by those who decide.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tokio::sync::mpsc;
use weir_collector::sink::{Sink, SinkError};
use weir_model::observation::Rows;

/// Batches of rows waiting for the store: a plan of the demo is about 3,000 rows, 1 MB; 256 of
/// them are 256 MB, and more plans than a minute of storms makes.
const WAITING_MAX: usize = 256;

/// Hands rows to the store without waiting for it.
#[derive(Clone, Debug)]
pub(crate) struct Records {
    queue: mpsc::Sender<Vec<Rows>>,
    dropped: Arc<AtomicU64>,
}

impl Records {
    /// Records into `sink`, and the task that writes them.
    pub(crate) fn new(sink: Arc<dyn Sink>) -> (Self, impl Future<Output = ()> + Send) {
        let (queue, waiting) = mpsc::channel(WAITING_MAX);
        (Self { queue, dropped: Arc::default() }, write(sink, waiting))
    }

    /// Batches dropped so far.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Records `rows`; drops and counts them when the store is too far behind.
    pub(crate) fn push(&self, rows: Vec<Rows>) {
        if !rows.is_empty() && self.queue.try_send(rows).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

async fn write(sink: Arc<dyn Sink>, mut waiting: mpsc::Receiver<Vec<Rows>>) {
    while let Some(rows) = waiting.recv().await {
        loop {
            match sink.write(rows.clone()).await {
                Ok(written) => {
                    for rejection in written.rejected {
                        tracing::warn!(%rejection.table, rejection.rows, rejection.reason, "rows were refused");
                    }
                }
                Err(SinkError::Overloaded { retry_after } | SinkError::DiskFull { retry_after }) => {
                    tokio::time::sleep(retry_after).await;
                    continue;
                }
                Err(error) => tracing::error!(error = &error as &dyn std::error::Error, "rows are lost"),
            }
            break;
        }
    }
}
