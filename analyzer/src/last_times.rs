//! The latest time of each series, kept over restarts.
//!
//! A row is late when it is not later than every row of its series before it; sources with late rows must be
//! merged with older ones. While the daemon runs it knows the latest time of every series; after a start it
//! would have to take all rows up to the latest in any file for late, as senders are never equally far. So
//! each flush writes what was known as it began.

use std::{fs, io, io::Write, path::Path};

use crate::{
    disk_layout::write_durably,
    wal::frame::{self, Frame},
};

/// A series of which no row is known.
pub(crate) const NEVER: i64 = i64::MIN;

/// The latest times of series.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LastTimes {
    /// Rows of series of which no time is known are up to here; [`NEVER`]: there are none.
    pub(crate) horizon: i64,
    /// Per series: [`NEVER`], or when its latest row was measured.
    pub(crate) times: Vec<i64>,
}

/// Writes them; durable on return. One frame: 1 M series are 8 MB.
pub(crate) fn write(path: &Path, last: &LastTimes) -> io::Result<()> {
    let mut bytes = Vec::with_capacity((last.times.len() + 2) * size_of::<i64>());
    frame::push(&mut bytes, |out| {
        [last.horizon].iter().chain(&last.times).for_each(|time| out.extend(time.to_le_bytes()));
    });
    write_durably(path, |file| file.write_all(&bytes))
}

/// Reads them. Whoever cannot takes more rows for late than are.
pub(crate) fn read(path: &Path) -> io::Result<LastTimes> {
    let bytes = fs::read(path)?;
    let damaged = |reason: &str| io::Error::new(io::ErrorKind::InvalidData, reason.to_owned());
    match frame::read(&bytes, 0) {
        Frame::Sound { payload, .. } => {
            let (words, rest) = payload.as_chunks::<8>();
            let mut times = words.iter().map(|word| i64::from_le_bytes(*word));
            let horizon = times.next().filter(|_| rest.is_empty()).ok_or_else(|| damaged("of another format"))?;
            Ok(LastTimes { horizon, times: times.collect() })
        }
        Frame::Damaged { reason, .. } => Err(damaged(reason)),
        Frame::End => Err(damaged("it is empty")),
    }
}
