//! From raw counters to the typed tables that the other rooms read.
//!
//! | counters | table | labels | fields | slot |
//! |---|---|---|---|---|
//! | `ifHCInOctets`, `ifHCOutOctets`, `ifInOctets`, `ifOutOctets` | `metrics.link_traffic` | `link` | `in_bps`, `out_bps` | rate |
//! | the same, of ports that a contract bills | `cost.usage_5min` | `contract`, and `link` or `site` | `in_bytes`, `out_bytes` (whole) | usage |
//! | bytes and requests that an edge served | `metrics.demand` | `client_group`, `domain`, `site` | `bps`, `rps` | rate |
//!
//! A row's time is the start of its slot; slots are aligned to 1970. Between two polls a counter
//! is taken to have grown evenly, so its value at a slot's border is interpolated, and the slots'
//! bytes add up to exactly what the counter counted. All counters of one row (the ports of a
//! bundle, the prefixes of a group) are summed slot by slot, as billing sums them.
//!
//! **A slot is measured whole or not at all.** Polls further apart than `gap_max` leave a gap,
//! not a zero: a field is null while any counter known to belong to it has a gap in the slot, and
//! a row without fields is not written. A counter seen for the first time joins with its first
//! whole slot. Ports are configured, so one that fell silent leaves its link unmeasured until it
//! is back or configured away; counters of demand come and go and are forgotten after `gap_max`.
//!
//! **Counters start again and wrap.** A smaller value than before means that the device started
//! again: what it shows was counted since (as in Prometheus's `increase`). Only a counter declared
//! 32-bit wraps, and only if that makes a rate that the link can carry; where it could have gone
//! round a whole time between two polls at full rate, nothing it says is believed.
//!
//! Pure: time comes with the samples, and from the caller. What is dated after the slot that follows the
//! caller's time is passed over: a clock that is wrong once would close slots for as long as it was ahead.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use weir_model::{
    observation::{Column, Rows, STALE_NAN_BITS, TableName, VALUE},
    time::UnixNanos,
};

use self::{
    counter::Reading,
    key::{Key, Slotted},
    meter::{Grid, Meter, Verdict},
    rule::Route,
};
use crate::counters::MAPPING_SAMPLES_IGNORED;

mod counter;
mod key;
mod meter;
mod rule;
mod slot;

pub use self::{
    counter::Width,
    rule::{Billed, EdgeFeed, Feed, GroupBy, InterfaceFeed, Meters, Port, Ports, Prefixes, Quantity, Rule, Way},
};

/// Most counters followed: two for each port of 100,000 links, and 800,000 of demand. Each takes
/// about 400 bytes, so 1,000,000 x 400 = 400 MB.
pub const COUNTERS_MAX: usize = 1_000_000;

/// Most slots between two polls: one poll touches that many. An hour's gap in slots of 1 s.
pub const GAP_SLOTS_MAX: u128 = 3_600;

/// How time is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slots {
    /// Slots of `link_traffic` and `demand`.
    pub rate: Duration,
    /// Slots of `usage_5min`: 300 s, but for demonstrations in which time runs faster.
    pub usage: Duration,
    /// Polls further apart leave a gap. Also how long a slot waits for a counter that is late.
    pub gap_max: Duration,
}

impl Default for Slots {
    /// Polls every minute, of which four may be lost.
    fn default() -> Self {
        Self { rate: Duration::from_secs(60), usage: Duration::from_secs(300), gap_max: Duration::from_secs(300) }
    }
}

/// Why slots cannot be cut this way.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SlotsError {
    /// No time at all.
    #[error("slots and the longest gap must be above zero")]
    Zero,
    /// Too fine.
    #[error("the longest gap of {gap_max:?} has more than {GAP_SLOTS_MAX} slots of {slot:?}")]
    TooFine {
        /// As written.
        gap_max: Duration,
        /// As written.
        slot: Duration,
    },
}

/// Follows counters and writes a row when a slot is over.
#[derive(Debug)]
pub struct CounterMap {
    rules: BTreeMap<Arc<str>, Vec<Feed>>,
    rate: Grid,
    usage: Grid,
    meters: BTreeMap<Key, Meter>,
    counters: usize,
}

impl CounterMap {
    /// A map by these rules. Rules of the same metric apply one after the other.
    ///
    /// # Errors
    /// When the slots make no sense.
    pub fn new(rules: impl IntoIterator<Item = Rule>, slots: Slots) -> Result<Self, SlotsError> {
        let mut by_metric: BTreeMap<Arc<str>, Vec<Feed>> = BTreeMap::new();
        for Rule { metric, feed } in rules {
            by_metric.entry(metric).or_default().push(feed);
        }
        let (rate, usage) = (grid(slots.rate, slots.gap_max)?, grid(slots.usage, slots.gap_max)?);
        Ok(Self { rules: by_metric, rate, usage, meters: BTreeMap::new(), counters: 0 })
    }

    /// Whether any rule reads `table`.
    pub fn reads(&self, table: &TableName) -> bool {
        &*table.schema == "metrics" && self.rules.contains_key(&table.name)
    }

    /// Takes rows in that come at `now`, and returns those of the slots that they complete. Rows of tables
    /// that no rule names, and of other schemas than `metrics`, are passed over.
    pub fn observe(&mut self, rows: &Rows, now: UnixNanos) -> Vec<Rows> {
        let mut over = Slotted::default();
        let newest = now.0.saturating_add(self.rate.slot);
        if !self.reads(&rows.table) {
            return Vec::new();
        }
        for feed in self.rules[&rows.table.name].clone() {
            let routes: Vec<_> = rows.labels.iter().map(|labels| feed.routes(&rows.table.name, labels)).collect();
            let mut touched = BTreeSet::new();
            for (series, reading) in readings(rows) {
                match (&routes[series as usize], reading.filter(|reading| reading.time <= newest)) {
                    (Some(routes), Some(reading)) => {
                        routes.iter().for_each(|route| self.take(route, reading));
                        touched.extend(routes.iter().map(|route| &route.key));
                    }
                    _ => MAPPING_SAMPLES_IGNORED.add(1),
                }
            }
            // Once a meter and not once a reading: closing looks at all counters of the meter.
            for key in touched {
                let closed = self.meters.get_mut(key).map(Meter::advance_to_newest);
                over.extend(key, closed.unwrap_or_default());
            }
        }
        over.into_rows()
    }

    /// Completes the slots that have waited long enough for late counters, and forgets the
    /// counters of demand that are gone. To be called every slot or so; else rows of what fell
    /// silent wait until it speaks again.
    pub fn handle_timeout(&mut self, now: UnixNanos) -> Vec<Rows> {
        let mut over = Slotted::default();
        for (key, meter) in &mut self.meters {
            over.extend(key, meter.advance(now.0));
            self.counters -= if key.is_configured() { 0 } else { meter.forget(now.0) };
        }
        self.meters.retain(|_, meter| !meter.is_empty());
        over.into_rows()
    }

    fn take(&mut self, route: &Route, reading: Reading) {
        let grid = if matches!(route.key, Key::Usage { .. }) { self.usage } else { self.rate };
        let meter = self.meters.entry(route.key.clone()).or_insert_with(|| Meter::new(grid));
        match meter.observe(&route.member, route.kind, reading, self.counters < COUNTERS_MAX) {
            Verdict::Joined => self.counters += 1,
            Verdict::Taken => {}
            Verdict::Ignored => MAPPING_SAMPLES_IGNORED.add(1),
        }
    }
}

/// The counts in rows of a single-value metric, each with its series; `None` for what is no count.
/// Staleness markers are left out: that a counter is gone, its silence says as well.
fn readings(rows: &Rows) -> impl Iterator<Item = (u32, Option<Reading>)> {
    let values = rows.fields.iter().find_map(|(name, column)| match column {
        Column::F64(values) if &**name == VALUE => Some(values.as_slice()),
        _ => None,
    });
    let samples = rows.series.iter().zip(&rows.time).zip(values.unwrap_or_default());
    samples.filter_map(|((series, time), value)| {
        let value = value.filter(|value| value.to_bits() != STALE_NAN_BITS)?;
        Some((*series, Reading::new(*time, value)))
    })
}

fn grid(slot: Duration, gap_max: Duration) -> Result<Grid, SlotsError> {
    if slot.is_zero() || gap_max.is_zero() {
        return Err(SlotsError::Zero);
    }
    if gap_max.as_nanos() > slot.as_nanos() * GAP_SLOTS_MAX {
        return Err(SlotsError::TooFine { gap_max, slot });
    }
    let nanos = |span: Duration| i64::try_from(span.as_nanos()).unwrap_or(i64::MAX);
    Ok(Grid { slot: nanos(slot), gap_max: nanos(gap_max) })
}

#[cfg(test)]
mod tests;
