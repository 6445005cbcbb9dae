//! Ids of series, handed out in blocks per table.
//!
//! Data files are sorted by series. Were ids given strictly in order of arrival, the series of one
//! table would lie scattered over all of them (a scrape brings one series of every table per
//! target), and a query of one table would read every row group. A table's blocks double, so at
//! most half of its ids stay unused.

use std::{collections::HashMap, ops::Range};

use super::{SeriesId, TableId};

/// The first block: most tables are small. 100 k tables take 1.6 M ids of 4 G.
const FIRST_BLOCK: u32 = 16;
/// Blocks stop growing here: 4096 series are a few pages of a data file.
const LARGEST_BLOCK: u32 = 4096;

#[derive(Debug, Default)]
pub(super) struct Blocks {
    /// The unused rest of each table's newest block.
    rest: HashMap<TableId, Range<u32>>,
    /// Where the next block begins.
    end: u32,
}

impl Blocks {
    /// The next id of a table that has `held` series. `None` when 2^32 are used up.
    pub(super) fn next(&mut self, table: TableId, held: usize) -> Option<SeriesId> {
        let rest = self.rest.entry(table).or_default();
        if rest.start == rest.end {
            let size = u32::try_from(held).unwrap_or(u32::MAX).clamp(FIRST_BLOCK, LARGEST_BLOCK);
            *rest = self.end..self.end.checked_add(size)?;
            self.end = rest.end;
        }
        rest.next().map(SeriesId)
    }

    /// The first id that no table has.
    pub(super) fn end(&self) -> u32 {
        self.end
    }

    /// Ids below `end` were in use.
    pub(super) fn end_at_least(&mut self, end: u32) {
        self.end = self.end.max(end);
    }

    /// Notes an id in use, also one read back from disk: what is left of blocks that were begun
    /// before a restart stays unused.
    pub(super) fn taken(&mut self, id: SeriesId) {
        self.end_at_least(id.0.saturating_add(1));
    }
}
