//! How much of a month was measured.

use std::collections::BTreeMap;

use weir_model::time::UnixNanos;

use super::SLOT_NANOS;

/// How much of what should have been measured was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Coverage {
    /// Slots of the billed time that are over.
    pub expected: u32,
    /// Slots that at least one meter read.
    pub present: u32,
    /// Readings missing between the first and the last of their meter: slots in which one of
    /// several ports is not in the sum.
    pub meter_gaps: u32,
    /// Readings that replaced an earlier one of the same meter and slot.
    pub replaced: u64,
}

impl Coverage {
    /// Whether nothing is missing.
    pub fn complete(&self) -> bool {
        self.present == self.expected && self.meter_gaps == 0
    }
}

/// First and last slot of a meter, and how many readings it gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct MeterSpan {
    first: UnixNanos,
    last: UnixNanos,
    readings: u32,
}

impl MeterSpan {
    fn gaps(&self) -> u32 {
        ((self.last.0 - self.first.0) / SLOT_NANOS + 1) as u32 - self.readings
    }
}

/// Counts coverage, reading by reading in any order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct CoverageCount {
    pub(crate) present: u32,
    pub(crate) replaced: u64,
    meters: BTreeMap<u16, MeterSpan>,
}

impl CoverageCount {
    /// Counts a slot that `meter` had not read before.
    pub(crate) fn add_reading(&mut self, meter: u16, start: UnixNanos) {
        let fresh = MeterSpan { first: start, last: start, readings: 0 };
        let span = self.meters.entry(meter).or_insert(fresh);
        span.first = span.first.min(start);
        span.last = span.last.max(start);
        span.readings += 1;
    }

    /// The coverage of time in which `expected` slots are over.
    pub(crate) fn of(&self, expected: u32) -> Coverage {
        let meter_gaps = self.meters.values().map(MeterSpan::gaps).sum();
        Coverage { expected, present: self.present, meter_gaps, replaced: self.replaced }
    }
}
