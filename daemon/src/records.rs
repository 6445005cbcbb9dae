//! What happened, on its way into the store: never waited for by those who decide.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tokio::sync::{mpsc, oneshot};
use weir_collector::sink::{Sink, SinkError};
use weir_model::observation::Rows;

/// Batches of rows waiting for the store: a plan of the demo is about 3,000 rows, 1 MB; 256 of
/// them are 256 MB, and more plans than a minute of storms makes.
const WAITING_MAX: usize = 256;

/// Hands rows to the store without waiting for it.
#[derive(Clone, Debug)]
pub(crate) struct Records {
    queue: mpsc::Sender<Waiting>,
    dropped: Arc<AtomicU64>,
}

/// What waits its turn.
#[derive(Debug)]
enum Waiting {
    Rows(Vec<Rows>),
    /// Somebody asks to be told when everything before is written.
    Asks(oneshot::Sender<()>),
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
        if !rows.is_empty() && self.queue.try_send(Waiting::Rows(rows)).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until everything that was recorded so far is written, or nobody writes any more.
    pub(crate) async fn written(&self) {
        let (told, asks) = oneshot::channel();
        if self.queue.send(Waiting::Asks(told)).await.is_ok() {
            asks.await.unwrap_or_default();
        }
    }
}

async fn write(sink: Arc<dyn Sink>, mut waiting: mpsc::Receiver<Waiting>) {
    while let Some(next) = waiting.recv().await {
        let rows = match next {
            Waiting::Rows(rows) => rows,
            Waiting::Asks(told) => {
                // Whoever asked may have stopped waiting.
                told.send(()).unwrap_or_default();
                continue;
            }
        };
        loop {
            match sink.write(rows.clone().into()).await {
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
