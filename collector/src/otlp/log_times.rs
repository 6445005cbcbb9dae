//! A time of its own for each log record.
//!
//! The store keeps one row for a series and a nanosecond, and loggers write several records in the
//! millisecond or second that their clock ticks in. So a record whose time is taken gets the next
//! nanosecond that is free, and records of one time stay in the order in which they came.
//!
//! A request that comes again byte for byte, as after an answer that was lost, gets the times it
//! had: its records replace themselves. What is remembered for this is bounded, and lost at a restart.
//! A record without a time has that of its arrival, so of those it cannot be told whether they come
//! again or are others with the same text: they are taken as others, because a row too many is better than
//! one lost.

use std::{
    collections::BTreeMap,
    hash::{BuildHasher, RandomState},
};

use indexmap::IndexMap;
use weir_model::observation::Rows;

/// Records remembered: 250,000 of at most 80 bytes (16, and a run each when none are adjacent) are
/// 20 MB, and 25 s of 10,000 records a second. More than one request may bring.
const REMEMBERED_MAX: usize = 250_000;

/// Hash of a series' labels.
type SeriesHash = u64;

/// The times given.
#[derive(Debug)]
pub(super) struct LogTimes {
    hash: RandomState,
    /// Per request, by the hash of its message and of its records' times, the oldest first: their series and times.
    given: IndexMap<u64, Vec<(SeriesHash, i64)>>,
    /// How many records they have together.
    remembered: usize,
    /// Times taken, as runs: the first of each, and the last.
    runs: BTreeMap<(SeriesHash, i64), i64>,
    remembered_max: usize,
}

impl Default for LogTimes {
    fn default() -> Self {
        Self::with_room(REMEMBERED_MAX)
    }
}

impl LogTimes {
    pub(super) fn with_room(remembered_max: usize) -> Self {
        Self { hash: RandomState::new(), given: IndexMap::new(), remembered: 0, runs: BTreeMap::new(), remembered_max }
    }

    /// Gives each record of the request `message` a time of its own.
    pub(super) fn give(&mut self, message: &[u8], records: &mut Rows) {
        let request = self.hash.hash_one((message, &records.time));
        if let Some(times) = self.given.get(&request).filter(|times| times.len() == records.len()) {
            records.time = times.iter().map(|(_, time)| *time).collect();
            return;
        }
        self.make_room(records.len());
        let series: Vec<SeriesHash> = records.labels.iter().map(|labels| self.hash.hash_one(labels)).collect();
        let mut times = Vec::with_capacity(records.len());
        for (series_index, time) in records.series.iter().zip(&mut records.time) {
            let series = series[*series_index as usize];
            *time = take_from(&mut self.runs, series, *time);
            times.push((series, *time));
        }
        self.remembered += times.len();
        if let Some(before) = self.given.insert(request, times) {
            self.remembered -= before.len();
        }
    }

    /// Forgets the oldest requests when `more` records are too many: down to half, so that this is seldom.
    fn make_room(&mut self, more: usize) {
        if self.remembered + more <= self.remembered_max {
            return;
        }
        let keep = (self.remembered_max / 2).min(self.remembered_max.saturating_sub(more));
        let mut forgotten = 0;
        while self.remembered > keep {
            self.remembered -= self.given.get_index(forgotten).map_or(self.remembered, |(_, times)| times.len());
            forgotten += 1;
        }
        self.given.drain(..forgotten.min(self.given.len()));
        self.runs.clear();
        for (series, time) in self.given.values().flatten() {
            take_from(&mut self.runs, *series, *time);
        }
    }
}

/// Takes the first free time of a series from `time` on.
fn take_from(runs: &mut BTreeMap<(SeriesHash, i64), i64>, series: SeriesHash, time: i64) -> i64 {
    let before = runs.range((series, i64::MIN)..=(series, time)).next_back();
    let (first, time) = match before {
        Some(((_, first), last)) if *last >= time => (*first, last.saturating_add(1)),
        Some(((_, first), last)) if last.saturating_add(1) == time => (*first, time),
        _ => (time, time),
    };
    // A run that begins where this one ends now is joined.
    let last = runs.remove(&(series, time.saturating_add(1))).unwrap_or(time);
    runs.insert((series, first), last);
    time
}
