//! Batches that are not acknowledged: the oldest on disk, the newest in memory.

use std::{
    collections::VecDeque,
    sync::{Arc, atomic::Ordering},
};

use super::{Batch, Spool, UplinkCounters};

/// Batches kept in memory before the oldest go to disk: a batch a second for four minutes.
const MEMORY_MAX: usize = 256;

/// How many go at once, so that there is a sync of the disk every two minutes.
const SPOOLED_AT_ONCE: usize = MEMORY_MAX / 2;

/// Batches kept in memory while the disk takes none, before the oldest are lost: four minutes more.
const HELD_MAX: usize = 2 * MEMORY_MAX;

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
        self.memory.push_back(Batch { sequence: self.next, tables, after: None });
        self.next += 1;
        let excess = self.memory.len().saturating_sub(MEMORY_MAX);
        // A disk that took none is tried again when as many more have come.
        if excess % SPOOLED_AT_ONCE == 1 && !self.spool_oldest(excess + SPOOLED_AT_ONCE) && self.memory.len() > HELD_MAX
        {
            self.lose_oldest(SPOOLED_AT_ONCE);
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
        let count = self.memory.len();
        if !self.spool_oldest(count) {
            self.lose_oldest(count);
        }
    }

    /// Moves the oldest to disk; whether that took them. Those that it does not take can still be sent.
    fn spool_oldest(&mut self, count: usize) -> bool {
        let spooled = self.spool.push(&self.memory.make_contiguous()[..count]);
        match spooled {
            Ok(()) => {
                self.memory.drain(..count);
                self.counters.spooled.fetch_add(count as u64, Ordering::Relaxed);
            }
            Err(ref error) => {
                tracing::error!(error = error as &dyn std::error::Error, "batches stay in memory: the spool fails");
            }
        }
        spooled.is_ok()
    }

    fn lose_oldest(&mut self, count: usize) {
        tracing::error!(batches = count, "batches are lost: memory is full of those that could not be spooled");
        self.memory.drain(..count);
        self.counters.dropped.fetch_add(count as u64, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_fails_loses_nothing_while_there_is_memory() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spool");
        let counters = Arc::<UplinkCounters>::default();
        let mut batches = Unacknowledged::new(Spool::open(&path, 1 << 20).unwrap(), Arc::clone(&counters));
        std::fs::remove_dir(&path).unwrap();
        let dropped = || counters.dropped.load(Ordering::Relaxed);
        for _ in 0..HELD_MAX {
            batches.push(Vec::new());
        }
        assert_eq!((batches.after(0).unwrap().sequence, dropped()), (1, 0));
        batches.push(Vec::new());
        assert_eq!((batches.after(0).unwrap().sequence, dropped()), (129, 128));
        std::fs::create_dir(&path).unwrap();
        for _ in 0..SPOOLED_AT_ONCE {
            batches.push(Vec::new());
        }
        assert_eq!(batches.memory.len(), SPOOLED_AT_ONCE);
        assert_eq!((batches.after(0).unwrap().sequence, dropped()), (129, 128));
        assert_eq!(batches.after(512).unwrap().sequence, 513);
    }
}
