//! A sink that also reads: counters on their way into the store become traffic, demand and usage.

use std::sync::Mutex;

use async_trait::async_trait;
use std::sync::Arc;
use tokio::sync::mpsc;
use weir_collector::{
    mapping::CounterMap,
    sink::{Sink, SinkError, Written},
};
use weir_model::observation::Rows;

/// Rows derived and waiting to be read: seconds of demand and usage.
pub(crate) const DERIVED_MAX: usize = 1_024;

/// Writes rows into the sink behind it, and what they say of traffic as well.
#[derive(Debug)]
pub(crate) struct Mapped {
    behind: Arc<dyn Sink>,
    map: Mutex<CounterMap>,
    derived: mpsc::Sender<Rows>,
}

impl Mapped {
    /// In front of `behind`; derived rows are written too, and sent into `derived`.
    pub(crate) fn new(behind: Arc<dyn Sink>, map: CounterMap, derived: mpsc::Sender<Rows>) -> Self {
        Self { behind, map: Mutex::new(map), derived }
    }

    fn derive(&self, batch: &[Rows]) -> Vec<Rows> {
        // A panic inside the map would have been a defect of it; its state is still sums of counters.
        let mut map = self.map.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        batch.iter().flat_map(|rows| map.observe(rows)).collect()
    }
}

#[async_trait]
impl Sink for Mapped {
    async fn write(&self, mut batch: Vec<Rows>) -> Result<Written, SinkError> {
        let derived = self.derive(&batch);
        for rows in &derived {
            // The reader is behind: it reads the next interval, the store keeps this one.
            drop(self.derived.try_send(rows.clone()));
        }
        batch.extend(derived);
        self.behind.write(batch).await
    }
}
