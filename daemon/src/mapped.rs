//! A sink that also reads: counters on their way into the store become traffic, demand and usage.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use tokio::sync::mpsc;
use weir_collector::{
    clock,
    counters::{MAPPING_DEMAND_UNREAD, MAPPING_ROWS_LOST},
    mapping::CounterMap,
    sink::{Sink, SinkError, Written},
};
use weir_model::{
    observation::{Batch, Rows, TableName},
    time::UnixNanos,
};

/// Rows derived and waiting to be read: seconds of demand and usage.
pub(crate) const DERIVED_MAX: usize = 1_024;

/// Derived rows kept while the store does not take them: a counter that was read is not read
/// again. An hour of 60 slots of 1,000 links and 10,000 demands, in batches of one slot, is 120.
const KEPT_MAX: usize = 1_024;

/// Writes rows into the sink behind it, and what they say of traffic as well.
#[derive(Debug)]
pub(crate) struct Mapped {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
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
        let state = Mutex::new(State { map, kept: Vec::new() });
        Self { shared: Arc::new(Shared { behind, state, derived }) }
    }

    /// Begins anew with another map.
    pub(crate) fn replace(&self, map: CounterMap) {
        self.shared.state().map = map;
    }

    /// Completes the slots that have waited long enough for late counters.
    pub(crate) async fn complete(&self, now: UnixNanos) -> Result<Written, SinkError> {
        self.write_apart(move |shared| {
            let mut state = shared.state();
            let mut derived = std::mem::take(&mut state.kept);
            derived.extend(state.map.handle_timeout(now));
            (Batch::default(), derived)
        })
        .await
    }

    /// Writes what `read` makes of the state, in a task of its own: whoever waits may go, as a request whose
    /// client went does, and counters that were read are written all the same.
    async fn write_apart(
        &self,
        read: impl FnOnce(&Shared) -> (Batch, Vec<Rows>) + Send + 'static,
    ) -> Result<Written, SinkError> {
        let shared = Arc::clone(&self.shared);
        let writing = tokio::spawn(async move {
            let (batch, derived) = read(&shared);
            shared.write_with(batch, derived).await
        });
        // Only the runtime's end cancels it.
        writing.await.unwrap_or(Err(SinkError::Closed))
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // A panic inside the map would have been a defect of it; its state is still sums of counters.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn write_with(&self, mut batch: Batch, derived: Vec<Rows>) -> Result<Written, SinkError> {
        batch.rows.extend(derived.iter().cloned());
        if batch.is_empty() {
            return Ok(Written { rows: 0, rejected: Vec::new() });
        }
        match self.behind.write(batch).await {
            Ok(mut written) => {
                keep_apart(&mut written, &derived);
                for rows in derived {
                    self.hand_on(rows).await;
                }
                Ok(written)
            }
            Err(error) => {
                self.keep(derived);
                Err(error)
            }
        }
    }

    /// Usage waits for the accounts, which would bill less without it. Demand does not wait for the
    /// controller: it reads the next interval, and the store has this one.
    async fn hand_on(&self, rows: Rows) {
        if &*rows.table.schema == "cost" {
            // Nobody reads any more: the daemon is going down.
            drop(self.derived.send(rows).await);
            return;
        }
        if let Err(mpsc::error::TrySendError::Full(rows)) = self.derived.try_send(rows) {
            MAPPING_DEMAND_UNREAD.add(rows.len() as u64);
        }
    }

    /// Keeps derived rows for the next write; the oldest are lost, and counted, beyond [`KEPT_MAX`].
    fn keep(&self, derived: Vec<Rows>) {
        let mut state = self.state();
        state.kept.extend(derived);
        let excess = state.kept.len().saturating_sub(KEPT_MAX);
        let lost: usize = state.kept.drain(..excess).map(|rows| rows.len()).sum();
        MAPPING_ROWS_LOST.add(lost as u64);
    }
}

/// Leaves in `written` what is the sender's: it did not send `derived`, and cannot mend it.
fn keep_apart(written: &mut Written, derived: &[Rows]) {
    let mut ours: BTreeMap<&TableName, u64> = BTreeMap::new();
    for rows in derived {
        *ours.entry(&rows.table).or_default() += rows.len() as u64;
    }
    for rejection in &mut written.rejected {
        let Some(left) = ours.get_mut(&rejection.table) else { continue };
        let lost = rejection.rows.min(*left);
        *left -= lost;
        rejection.rows -= lost;
        MAPPING_ROWS_LOST.add(lost);
        tracing::error!(table = %rejection.table, rows = lost, reason = rejection.reason, "rows made of counters are rejected");
    }
    written.rejected.retain(|rejection| rejection.rows > 0);
    written.rows = written.rows.saturating_sub(ours.values().sum());
}

#[async_trait]
impl Sink for Mapped {
    async fn write(&self, batch: Batch) -> Result<Written, SinkError> {
        self.write_apart(move |shared| {
            let mut state = shared.state();
            let mut derived = std::mem::take(&mut state.kept);
            let now = clock::wall();
            let sampled = batch.samples.rows_of(|table| state.map.reads(table));
            for rows in sampled.iter().chain(&batch.rows) {
                derived.extend(state.map.observe(rows, now));
            }
            (batch, derived)
        })
        .await
    }
}

#[cfg(test)]
mod tests;
