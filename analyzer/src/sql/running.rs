//! What is known of a query while it runs, and remembered of it when it was slow.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use tokio::time::Instant;

use super::{
    SqlError,
    slow_queries::{Ending, SlowQueries, SlowQuery},
};
use crate::store::Shared;

/// Counts a query while it runs, also when it is stopped.
#[derive(Debug)]
pub(super) struct Running {
    shared: Arc<Shared>,
    slow: Arc<SlowQueries>,
    text: String,
    since: Instant,
    time: i64,
    rows: AtomicUsize,
    /// Who goes away says nothing.
    ending: Mutex<(Ending, Option<String>)>,
}

impl Running {
    pub(super) fn new(shared: &Arc<Shared>, slow: &Arc<SlowQueries>, text: &str) -> Self {
        shared.counters.queries_running.add(1);
        Self {
            shared: Arc::clone(shared),
            slow: Arc::clone(slow),
            text: text.to_owned(),
            since: Instant::now(),
            time: shared.settings.clock.now(),
            rows: AtomicUsize::new(0),
            ending: Mutex::new((Ending::Cancelled, None)),
        }
    }

    /// How many rows of the answer there are so far.
    pub(super) fn has_rows(&self, rows: usize) {
        self.rows.store(rows, Ordering::Relaxed);
    }

    /// The last row is handed out.
    pub(super) fn finish(&self) {
        self.end((Ending::Finished, None));
    }

    /// It ends in an error.
    pub(super) fn fail(&self, error: &SqlError) {
        self.end((Ending::Failed, Some(error.to_string())));
    }

    fn end(&self, ending: (Ending, Option<String>)) {
        *self.ending.lock().unwrap_or_else(PoisonError::into_inner) = ending;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shared.counters.queries_running.subtract(1);
        let took = self.since.elapsed();
        if took < self.shared.settings.limits.slow_query {
            return;
        }
        self.shared.counters.queries_slow.add(1);
        tracing::warn!(query = self.text, seconds = took.as_secs_f64(), "slow query");
        let (ending, error) = self.ending.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (query, rows) = (std::mem::take(&mut self.text), *self.rows.get_mut());
        self.slow.add(SlowQuery { time: self.time, query, took, rows, ending, error });
    }
}
