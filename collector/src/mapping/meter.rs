//! The counters of one row, added up slot by slot.

use std::{collections::BTreeMap, sync::Arc};

use weir_model::observation::Labels;

use super::{
    counter::{Kind, Reading},
    slot::share,
};

/// How time is cut, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Grid {
    pub(super) slot: i64,
    pub(super) gap_max: i64,
}

/// Which of a row's two fields: in and out, or bytes and requests.
pub(super) type Field = usize;

/// One counter of a meter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct MemberId {
    pub(super) field: Field,
    /// The metric; empty for ports, whose 32-bit and 64-bit counters are the same member.
    pub(super) metric: Arc<str>,
    pub(super) series: Labels,
}

/// A slot that is over; `None` where a counter of the field has a gap in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Closed {
    /// Its start, in nanoseconds since the epoch.
    pub(super) start: i64,
    /// Its length.
    pub(super) length: i64,
    /// What was counted.
    pub(super) counts: [Option<u64>; 2],
}

/// What became of a reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is its counter's first.
    Joined,
    /// It continues its counter.
    Taken,
    /// It is late, of a narrower counter than is known, or of one too many.
    Ignored,
}

/// What a member counted in a slot, and how much of the slot that covers.
#[derive(Clone, Copy, Debug, Default)]
struct Part {
    count: u64,
    covered: i64,
}

#[derive(Clone, Debug)]
struct Member {
    kind: Kind,
    first: i64,
    latest: Reading,
    parts: BTreeMap<i64, Part>,
}

/// Counters that are summed, and their open slots.
#[derive(Clone, Debug)]
pub(super) struct Meter {
    grid: Grid,
    members: BTreeMap<MemberId, Member>,
    /// The newest reading's time.
    newest: i64,
    /// Slots before this one are closed.
    open_from: i64,
}

impl Meter {
    pub(super) fn new(grid: Grid) -> Self {
        Self { grid, members: BTreeMap::new(), newest: i64::MIN, open_from: i64::MIN }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Takes a reading in. `has_room`: whether a new member may join.
    pub(super) fn observe(&mut self, id: &MemberId, kind: Kind, reading: Reading, has_room: bool) -> Verdict {
        let Some(member) = self.members.get_mut(id) else {
            if has_room {
                let parts = BTreeMap::new();
                self.members.insert(id.clone(), Member { kind, first: reading.time, latest: reading, parts });
                self.newest = self.newest.max(reading.time);
                return Verdict::Joined;
            }
            return Verdict::Ignored;
        };
        if reading.time <= member.latest.time || kind.width < member.kind.width {
            // One that is late counted no more than the newest. More and earlier is a clock that has stepped back:
            // were its readings passed over, all that they count would fall into the moment that it is there again.
            if member.latest.time - reading.time > self.grid.slot && reading.count > member.latest.count {
                member.latest = reading;
            }
            return Verdict::Ignored;
        }
        let earlier = std::mem::replace(&mut member.latest, reading);
        // The first reading of a wider counter than before has nothing to compare with.
        let is_same_counter = std::mem::replace(&mut member.kind, kind).width == kind.width;
        let counted = reading.since(earlier, kind, self.grid.gap_max).filter(|_| is_same_counter);
        for share in counted.into_iter().flat_map(|count| share(earlier.time, reading.time, count, self.grid.slot)) {
            if share.slot >= self.open_from {
                let part = member.parts.entry(share.slot).or_default();
                part.count = part.count.saturating_add(share.count);
                part.covered += share.covered;
            }
        }
        self.newest = self.newest.max(reading.time);
        Verdict::Taken
    }

    /// Closes what the readings so far complete.
    pub(super) fn advance_to_newest(&mut self) -> Vec<Closed> {
        self.advance(self.newest)
    }

    /// Closes, in order, the slots that every counter has passed, and those that by `now` have
    /// waited `gap_max` for one.
    pub(super) fn advance(&mut self, now: i64) -> Vec<Closed> {
        let passed = self.members.values().map(|member| member.latest.time).min().unwrap_or(i64::MIN);
        let until = passed.max(now.saturating_sub(self.grid.gap_max));
        let mut closed = Vec::new();
        while let Some(slot) = self.members.values().filter_map(|member| member.parts.keys().next()).min().copied() {
            let end = slot.saturating_add(1).saturating_mul(self.grid.slot);
            if end > until {
                break;
            }
            closed.push(self.close(slot));
            self.open_from = slot + 1;
        }
        closed
    }

    fn close(&mut self, slot: i64) -> Closed {
        let Grid { slot: length, .. } = self.grid;
        let start = slot.saturating_mul(length);
        let (mut sums, mut has_gap, mut has_whole) = ([0u64; 2], [false; 2], [false; 2]);
        for (id, member) in &mut self.members {
            let part = member.parts.remove(&slot).unwrap_or_default();
            if part.covered == length {
                sums[id.field] = sums[id.field].saturating_add(part.count);
                has_whole[id.field] = true;
            } else if member.first <= start {
                has_gap[id.field] = true;
            }
        }
        let count = |field: Field| (has_whole[field] && !has_gap[field]).then_some(sums[field]);
        Closed { start, length, counts: [count(0), count(1)] }
    }

    /// Forgets the counters that have been silent for `gap_max`; how many they were.
    pub(super) fn forget(&mut self, now: i64) -> usize {
        let before = self.members.len();
        let silent_since = now.saturating_sub(self.grid.gap_max);
        self.members.retain(|_, member| member.latest.time >= silent_since);
        before - self.members.len()
    }
}
