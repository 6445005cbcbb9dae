//! The latest time of each series, kept over restarts.
//!
//! A row is late when it is not later than every row of its series before it; sources with late rows must be
//! merged with older ones. While the daemon runs it knows the latest time of every series; after a start it
//! would have to take all rows up to the latest in any file for late, as senders are never equally far. So
//! each flush writes what was known as it began. The same tells which series have rows of a time, for the lists of
//! labels that dashboards ask for, and which have none any more.
//!
//! ```text
//! file    := frame{ format=2 u64, horizon i64, unsure: bytes u64, roaring bitmap, { page number u64, time i64 * 1024 } }
//! ```

use std::{fs, io, io::Write, path::Path};

use roaring::RoaringBitmap;

use crate::{
    disk_layout::write_durably,
    pages::{PAGE, Pages},
    time_range::TimeRange,
    wal::frame::{self, Frame},
};

/// A series of which no row is known.
pub(crate) const NEVER: i64 = i64::MIN;

const FORMAT: u64 = 2;

/// The latest times of series.
#[derive(Clone, Debug)]
pub(crate) struct LastTimes {
    /// Rows of series of which no time is known are up to here; [`NEVER`]: there are none.
    pub(crate) horizon: i64,
    /// Per series: [`NEVER`], or when its latest row was measured.
    times: Pages<i64>,
    /// Series whose latest row may not be shown: a staleness marker, or one that was deleted.
    unsure: RoaringBitmap,
    /// Series of which all rows so far are being deleted, or were. Not kept over a start.
    emptied: RoaringBitmap,
}

impl Default for LastTimes {
    fn default() -> Self {
        Self { horizon: NEVER, times: Pages::new(NEVER), unsure: RoaringBitmap::new(), emptied: RoaringBitmap::new() }
    }
}

impl LastTimes {
    /// When the latest row of a series was measured, as far as is known.
    pub(crate) fn get(&self, series: u32) -> i64 {
        *self.times.get(series)
    }

    /// Notes a row; answers with what was known before.
    pub(crate) fn note(&mut self, series: u32, time: i64, is_shown: bool) -> i64 {
        let last = self.times.at(series);
        let before = *last;
        *last = before.max(time);
        if !is_shown && time >= before {
            self.unsure.insert(series);
        } else if time > before && !self.unsure.is_empty() {
            self.unsure.remove(series);
        }
        if !self.emptied.is_empty() {
            self.emptied.remove(series);
        }
        before
    }

    /// Notes that rows of these series and times are being deleted.
    pub(crate) fn hide(&mut self, series: &RoaringBitmap, time: TimeRange) {
        let hidden = self.having(series, |last| last != NEVER && time.contains(last));
        if time.min == i64::MIN {
            self.emptied |= self.having(&hidden, |last| time.contains(last.max(self.horizon)));
        }
        self.unsure |= hidden;
    }

    /// Series of which all rows were deleted, and none has come since.
    pub(crate) fn emptied(&self) -> &RoaringBitmap {
        &self.emptied
    }

    /// Notes that what was being deleted may not be.
    pub(crate) fn keep_emptied(&mut self) {
        self.emptied.clear();
    }

    /// Those of `series` that surely have a row within `time`.
    pub(crate) fn surely_within(&self, series: &RoaringBitmap, time: TimeRange) -> RoaringBitmap {
        self.having(series, |last| last != NEVER && time.contains(last)) - &self.unsure
    }

    /// Those of `series` that surely have no row from `time` on.
    pub(crate) fn surely_before(&self, series: &RoaringBitmap, time: i64) -> RoaringBitmap {
        self.having(series, |last| last.max(self.horizon) < time)
    }

    fn having(&self, series: &RoaringBitmap, is_wanted: impl Fn(i64) -> bool) -> RoaringBitmap {
        series.iter().filter(|series| is_wanted(self.get(*series))).collect()
    }

    /// Forgets series.
    pub(crate) fn forget(&mut self, series: &RoaringBitmap) {
        self.times.clear(series, |time| *time == NEVER);
        self.unsure -= series;
        self.emptied -= series;
    }
}

/// Writes them; durable on return. One frame: 1 M series are 8 MB.
pub(crate) fn write(path: &Path, last: &LastTimes) -> io::Result<()> {
    let mut bytes = Vec::new();
    frame::push(&mut bytes, |out| {
        out.extend(FORMAT.to_le_bytes());
        out.extend(last.horizon.to_le_bytes());
        out.extend((last.unsure.serialized_size() as u64).to_le_bytes());
        // A vector takes everything.
        last.unsure.serialize_into(&mut *out).unwrap_or_default();
        for (number, page) in last.times.held() {
            out.extend((number as u64).to_le_bytes());
            page.iter().for_each(|time| out.extend(time.to_le_bytes()));
        }
    });
    write_durably(path, |file| file.write_all(&bytes))
}

/// Reads them. Whoever cannot takes more rows for late than are.
pub(crate) fn read(path: &Path) -> io::Result<LastTimes> {
    let bytes = fs::read(path)?;
    let damaged = |reason: &str| io::Error::new(io::ErrorKind::InvalidData, reason.to_owned());
    match frame::read(&bytes, 0) {
        Frame::Sound { payload, .. } => decode(payload).ok_or_else(|| damaged("of another format")),
        Frame::Damaged { reason, .. } => Err(damaged(reason)),
        Frame::End => Err(damaged("it is empty")),
    }
}

fn decode(payload: &[u8]) -> Option<LastTimes> {
    let (head, rest) = payload.split_at_checked(3 * size_of::<u64>())?;
    let [format, horizon, bytes] = head.as_chunks::<8>().0 else { return None };
    let (unsure, pages) = rest.split_at_checked(usize::try_from(u64::from_le_bytes(*bytes)).ok()?)?;
    let unsure = RoaringBitmap::deserialize_from(unsure).ok().filter(|_| u64::from_le_bytes(*format) == FORMAT)?;
    let mut last = LastTimes { horizon: i64::from_le_bytes(*horizon), unsure, ..LastTimes::default() };
    let (words, rest) = pages.as_chunks::<8>();
    for page in words.chunks(1 + PAGE) {
        let (number, times) = page.split_first().filter(|(_, times)| times.len() == PAGE)?;
        let first = u64::from_le_bytes(*number).checked_mul(PAGE as u64)?;
        for (series, time) in (first..).zip(times) {
            *last.times.at(u32::try_from(series).ok()?) = i64::from_le_bytes(*time);
        }
    }
    rest.is_empty().then_some(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_of_series_is_known_after_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("times.bin");
        let mut last = LastTimes { horizon: 7, ..LastTimes::default() };
        let far = 40 * PAGE as u32;
        for (series, time, is_shown) in [(1, 10, true), (2, 20, false), (far, 30, true), (3, 5, true), (3, 4, false)] {
            last.note(series, time, is_shown);
        }
        for last in [last.clone(), {
            write(&path, &last).unwrap();
            read(&path).unwrap()
        }] {
            assert_eq!([0, 1, 2, 3, far].map(|series| last.get(series)), [NEVER, 10, 20, 5, 30]);
            let some: RoaringBitmap = [0, 1, 2, 3, far].into();
            assert_eq!(last.surely_within(&some, TimeRange::ALL), [1, 3, far].into(), "2 ends with a marker");
            assert_eq!(last.surely_within(&some, TimeRange { min: 6, max: 29 }), [1].into());
            assert_eq!(last.surely_before(&some, 11), [0, 1, 3].into());
            assert_eq!(last.surely_before(&some, 7), RoaringBitmap::new(), "there may be older rows of 0 and 3");
            let mut hidden = last.clone();
            hidden.hide(&some, TimeRange { min: 10, max: 10 });
            assert_eq!(hidden.surely_within(&some, TimeRange::ALL), [3, far].into());
            hidden.note(1, 11, true);
            hidden.forget(&[far].into());
            assert_eq!(hidden.surely_within(&some, TimeRange::ALL), [1, 3].into());
        }
        fs::write(&path, "short").unwrap();
        assert!(read(&path).is_err());
    }
}
