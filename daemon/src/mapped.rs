//! A sink that also reads: counters on their way into the store become traffic, demand and usage.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::sync::mpsc;
use weir_collector::{
    mapping::CounterMap,
    sink::{Sink, SinkError, Written},
};
use weir_model::{observation::Rows, time::UnixNanos};

/// Rows derived and waiting to be read: seconds of demand and usage.
pub(crate) const DERIVED_MAX: usize = 1_024;

/// Derived rows kept while the store does not take them: a counter that was read is not read
/// again. An hour of 60 slots of 1,000 links and 10,000 demands, in batches of one slot, is 120.
const KEPT_MAX: usize = 1_024;

/// Writes rows into the sink behind it, and what they say of traffic as well.
#[derive(Debug)]
pub(crate) struct Mapped {
    behind: Arc<dyn Sink>,
    state: Mutex<State>,
    derived: mpsc::Sender<Rows>,
}

#[derive(Debug)]
struct State {
    map: CounterMap,
    /// Derived and not written yet.
    kept: Vec<Rows>,
}

impl Mapped {
    /// In front of `behind`; derived rows are written too, and then sent into `derived`.
    pub(crate) fn new(behind: Arc<dyn Sink>, map: CounterMap, derived: mpsc::Sender<Rows>) -> Self {
        Self { behind, state: Mutex::new(State { map, kept: Vec::new() }), derived }
    }

    /// Begins anew with another map.
    pub(crate) fn replace(&self, map: CounterMap) {
        self.state().map = map;
    }

    /// Completes the slots that have waited long enough for late counters.
    pub(crate) async fn complete(&self, now: UnixNanos) -> Result<Written, SinkError> {
        let derived = {
            let mut state = self.state();
            let mut derived = std::mem::take(&mut state.kept);
            derived.extend(state.map.handle_timeout(now));
            derived
        };
        self.write_with(Vec::new(), derived).await
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic inside the map would have been a defect of it; its state is still sums of counters.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn write_with(&self, mut batch: Vec<Rows>, derived: Vec<Rows>) -> Result<Written, SinkError> {
        batch.extend(derived.iter().cloned());
        if batch.is_empty() {
            return Ok(Written { rows: 0, rejected: Vec::new() });
        }
        match self.behind.write(batch).await {
            Ok(written) => {
                for rows in derived {
                    // The reader is behind: it reads the next interval, the store keeps this one.
                    drop(self.derived.try_send(rows));
                }
                Ok(written)
            }
            Err(error) => {
                let mut state = self.state();
                state.kept.extend(derived);
                let excess = state.kept.len().saturating_sub(KEPT_MAX);
                state.kept.drain(..excess);
                Err(error)
            }
        }
    }
}

#[async_trait]
impl Sink for Mapped {
    async fn write(&self, batch: Vec<Rows>) -> Result<Written, SinkError> {
        let derived = {
            let mut state = self.state();
            let mut derived = std::mem::take(&mut state.kept);
            derived.extend(batch.iter().flat_map(|rows| state.map.observe(rows)).collect::<Vec<_>>());
            derived
        };
        self.write_with(batch, derived).await
    }
}
