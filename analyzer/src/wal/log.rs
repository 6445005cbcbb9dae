//! The log being written: groups of records, each with one write and one fdatasync.
//!
//! After an error a segment never holds half a record in its middle: it is cut back to the last good
//! offset, or left for a new segment when that fails too. After a failed fsync nobody knows what the
//! disk holds (the kernel may have dropped the pages and forgotten), so the group is written again
//! to a new segment; read twice, it is the same rows.

use std::{io, sync::Arc};

use super::disk::{WalDisk, WalFile};
use crate::{disk_layout::Layout, settings::Durability};

/// A segment is left for the next at this size: what a restart after a crash reads at once.
const SEGMENT_BYTES_MAX: u64 = 256 << 20;

#[derive(Debug)]
pub(crate) struct Log {
    disk: Arc<dyn WalDisk>,
    layout: Layout,
    durability: Durability,
    /// The segment being written; `None` after a failure, until a new one can be made.
    segment: Option<Segment>,
    /// The number of the newest segment that was made.
    number: u64,
}

#[derive(Debug)]
struct Segment {
    file: Box<dyn WalFile>,
    good_bytes: u64,
}

impl Log {
    /// A log whose first segment has the number after `last`.
    pub(crate) fn create(
        disk: Arc<dyn WalDisk>,
        layout: Layout,
        durability: Durability,
        last: u64,
    ) -> io::Result<Self> {
        let mut log = Self { disk, layout, durability, segment: None, number: last };
        log.roll()?;
        Ok(log)
    }

    /// Begins a new segment; answers with its number, the first that holds what is written from now on.
    pub(crate) fn roll(&mut self) -> io::Result<u64> {
        if let Some(mut segment) = self.segment.take() {
            // Only the newest segment may be torn by a crash, also where nobody waits for the disk.
            segment.file.sync()?;
        }
        self.number += 1;
        let file = self.disk.create(&self.layout.wal_segment(self.number))?;
        self.segment = Some(Segment { file, good_bytes: 0 });
        Ok(self.number)
    }

    /// Writes a group of frames; they are as durable as the setting promises when this returns.
    pub(crate) fn append(&mut self, frames: &[u8]) -> io::Result<()> {
        if self.segment.as_ref().is_none_or(|segment| segment.good_bytes >= SEGMENT_BYTES_MAX) {
            self.roll()?;
        }
        self.write(frames)?;
        if self.durability == Durability::Relaxed || self.sync().is_ok() {
            self.keep(frames.len());
            return Ok(());
        }
        self.cut_back();
        self.segment = None;
        self.roll()?;
        self.write(frames)?;
        if let Err(error) = self.sync() {
            self.cut_back();
            self.segment = None;
            return Err(error);
        }
        self.keep(frames.len());
        Ok(())
    }

    fn write(&mut self, frames: &[u8]) -> io::Result<()> {
        let written = match &mut self.segment {
            Some(segment) => segment.file.append(frames),
            None => Err(io::Error::other("the log has no segment")),
        };
        if written.is_err() {
            self.cut_back();
        }
        written
    }

    fn sync(&mut self) -> io::Result<()> {
        self.segment.as_mut().map_or(Ok(()), |segment| segment.file.sync())
    }

    fn keep(&mut self, bytes: usize) {
        if let Some(segment) = &mut self.segment {
            segment.good_bytes += bytes as u64;
        }
    }

    /// Removes what the last write left; a segment that cannot be cut is not written again.
    fn cut_back(&mut self) {
        let Some(segment) = &mut self.segment else { return };
        match segment.file.truncate(segment.good_bytes) {
            // As far as the disk still does it: the cut is not to be undone by a power cut.
            Ok(()) => segment.file.sync().unwrap_or_default(),
            Err(_) => self.segment = None,
        }
    }
}
