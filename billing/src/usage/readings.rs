//! Readings of one sort, by meter and slot, and their sums per slot.

use std::{
    collections::BTreeMap,
    fmt,
    ops::{Bound, Range},
};

use weir_model::time::UnixNanos;

use super::{CoverageCount, METERS_MAX, Meter, READING_MAX, SLOT_NANOS, UsageError};

/// What a meter reads in a slot; readings of several meters add up.
pub trait Reading: Copy + fmt::Debug + Default {
    /// The largest figure in it, held against [`READING_MAX`].
    fn largest(self) -> u64;
    /// Both together.
    #[must_use]
    fn plus(self, other: Self) -> Self;
    /// What is left without `other`, which was added before.
    #[must_use]
    fn minus(self, other: Self) -> Self;
}

/// What recording a reading did to the sum of its slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Recorded<R> {
    /// Which meter it was, as a number dense from 0.
    pub(crate) meter: u16,
    /// Whether it replaces an earlier reading of this meter and slot.
    pub(crate) replaces: bool,
    /// The slot's sum before; `None`: no meter had read it.
    pub(crate) before: Option<R>,
    /// The slot's sum now.
    pub(crate) after: R,
}

/// Readings of one sort, by meter and slot.
#[derive(Clone, Debug, Default)]
pub struct Readings<R> {
    meters: BTreeMap<Meter, u16>,
    /// By slot and meter.
    parts: BTreeMap<(UnixNanos, u16), R>,
    /// By slot, over all meters.
    sums: BTreeMap<UnixNanos, R>,
    /// By slot: how many readings were replaced.
    replaced: BTreeMap<UnixNanos, u32>,
}

impl<R: Reading> Readings<R> {
    /// Adds what `meter` read in the slot beginning at `start`, in O(log n).
    pub(crate) fn record(&mut self, meter: &Meter, start: UnixNanos, read: R) -> Result<Recorded<R>, UsageError> {
        self.check(meter, start, read)?;
        let next = self.meters.len() as u16;
        let number = *self.meters.entry(meter.clone()).or_insert(next);
        let previous = self.parts.insert((start, number), read);
        if previous.is_some() {
            let replaced = self.replaced.entry(start).or_default();
            *replaced = replaced.saturating_add(1);
        }
        let before = self.sums.get(&start).copied();
        let after = before.unwrap_or_default().minus(previous.unwrap_or_default()).plus(read);
        self.sums.insert(start, after);
        Ok(Recorded { meter: number, replaces: previous.is_some(), before, after })
    }

    /// Whether [`Readings::record`] would take this reading.
    pub(crate) fn check(&self, meter: &Meter, start: UnixNanos, read: R) -> Result<(), UsageError> {
        if start.0.rem_euclid(SLOT_NANOS) != 0 {
            return Err(UsageError::OffGrid { meter: meter.clone(), start: start.0 });
        }
        if read.largest() > READING_MAX {
            return Err(UsageError::Implausible { meter: meter.clone(), figure: read.largest() });
        }
        if self.meters.len() == METERS_MAX && !self.meters.contains_key(meter) {
            return Err(UsageError::TooManyMeters(meter.clone()));
        }
        Ok(())
    }

    /// The slots that begin in `range` and were read, in order, summed over the meters.
    pub fn merged(&self, range: Range<UnixNanos>) -> impl DoubleEndedIterator<Item = (UnixNanos, R)> + '_ {
        let range = range.start..range.end.max(range.start);
        self.sums.range(range).map(|(start, sum)| (*start, *sum))
    }

    /// The last slot read that begins before `start`.
    pub(crate) fn previous(&self, start: UnixNanos) -> Option<(UnixNanos, R)> {
        self.sums.range(..start).next_back().map(|(start, sum)| (*start, *sum))
    }

    /// When the first slot read begins that begins after `start`.
    pub(crate) fn next(&self, start: UnixNanos) -> Option<UnixNanos> {
        self.sums.range((Bound::Excluded(start), Bound::Unbounded)).next().map(|(start, _)| *start)
    }

    /// Counts what is there of the slots that begin in `range`.
    pub(crate) fn coverage(&self, range: Range<UnixNanos>) -> CoverageCount {
        let mut count = CoverageCount::default();
        let range = range.start..range.end.max(range.start);
        for (start, meter) in self.parts.range((range.start, 0)..(range.end, 0)).map(|(key, _)| *key) {
            count.add_reading(meter, start);
        }
        count.present = self.sums.range(range.clone()).count() as u32;
        count.replaced = self.replaced.range(range).map(|(_, replaced)| u64::from(*replaced)).sum();
        count
    }
}
