//! Batches that are not acknowledged: the oldest on disk, the newest in memory.

use std::{
    collections::VecDeque,
    sync::{Arc, atomic::Ordering},
};

use super::{Batch, Spool, UplinkCounters};

/// Batches kept in memory before the oldest go to disk: a batch a second for four minutes.
const MEMORY_MAX: usize = 256;

#[derive(Debug)]
pub(super) struct Unacknowledged {
    spool: Spool,
    memory: VecDeque<Batch>,
    next: u64,
    counters: Arc<UplinkCounters>,
}

impl Unacknowledged {
    pub(super) fn new(spool: Spool, counters: Arc<UplinkCounters>) -> Self {
        let next = spool.newest().map_or(1, |newest| newest + 1);
        Self { spool, memory: VecDeque::new(), next, counters }
    }

    pub(super) fn push(&mut self, tables: Vec<Vec<u8>>) {
        self.memory.push_back(Batch { sequence: self.next, tables });
        self.next += 1;
        if self.memory.len() > MEMORY_MAX {
            self.spool_oldest(MEMORY_MAX / 2);
        }
    }

    pub(super) fn has_after(&self, sequence: u64) -> bool {
        let newest = self.memory.back().map(|batch| batch.sequence).or_else(|| self.spool.newest());
        newest.is_some_and(|newest| newest > sequence)
    }

    /// The first batch above `sequence`.
    pub(super) fn after(&mut self, sequence: u64) -> Option<Batch> {
        if let Some(batch) = self.spool.next_after(sequence) {
            return Some(batch);
        }
        self.memory.iter().find(|batch| batch.sequence > sequence).cloned()
    }

    pub(super) fn acknowledge(&mut self, sequence: u64) {
        self.spool.acknowledge(sequence);
        while self.memory.front().is_some_and(|batch| batch.sequence <= sequence) {
            self.memory.pop_front();
        }
        self.counters.acknowledged.fetch_max(sequence, Ordering::Relaxed);
    }

    /// Spools all that is in memory.
    pub(super) fn spool_all(&mut self) {
        self.spool_oldest(self.memory.len());
    }

    fn spool_oldest(&mut self, count: usize) {
        let batches: Vec<Batch> = self.memory.drain(..count).collect();
        let counter = match self.spool.push(&batches) {
            Ok(()) => &self.counters.spooled,
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "batches are lost");
                &self.counters.dropped
            }
        };
        counter.fetch_add(batches.len() as u64, Ordering::Relaxed);
    }
}
