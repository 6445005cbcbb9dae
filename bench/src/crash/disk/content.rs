//! The bytes of one file: those that are durable, and what was done since.

use std::ops::Range;

use rand::{Rng, RngExt};

/// What is written back at once.
const PAGE_BYTES: usize = 4 << 10;
/// What a disk writes whole or not at all.
const SECTOR_BYTES: usize = 512;
/// One page in so many is torn between two sectors.
const TORN_ONE_IN: u32 = 4;

#[derive(Clone, Debug)]
enum Change {
    Write { offset: usize, data: Vec<u8> },
    Length(usize),
}

/// A file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Content {
    durable: Vec<u8>,
    pending: Vec<Change>,
    /// Changes before `pending`.
    before: usize,
    newest: Range<usize>,
}

impl Content {
    /// A file of these bytes, all of them durable.
    pub(crate) fn durable(bytes: Vec<u8>) -> Self {
        Self { durable: bytes, ..Self::default() }
    }

    pub(super) fn write(&mut self, offset: u64, data: &[u8]) {
        self.pending.push(Change::Write { offset: offset as usize, data: data.to_owned() });
    }

    pub(super) fn set_length(&mut self, length: u64) {
        self.pending.push(Change::Length(length as usize));
    }

    /// How many changes there were.
    pub(super) fn end(&self) -> usize {
        self.before + self.pending.len()
    }

    /// Changes up to `end` are durable now.
    pub(super) fn keep(&mut self, end: usize) {
        let count = end.saturating_sub(self.before);
        let mut touched: Option<Range<usize>> = None;
        for change in self.pending.drain(..count) {
            if let Change::Write { offset, data } = &change {
                let range = *offset..offset + data.len();
                touched = Some(touched.map_or(range.clone(), |t| t.start.min(range.start)..t.end.max(range.end)));
            }
            apply(&change, &mut self.durable);
        }
        self.before += count;
        self.newest = touched.unwrap_or_default();
    }

    /// The bytes that the last sync made durable, with some around them: a value may begin in one write
    /// and end in the next.
    pub(crate) fn newest(&self) -> &[u8] {
        let Range { start, end } = self.newest;
        let end = end.min(self.durable.len());
        &self.durable[start.saturating_sub(8).min(end)..end]
    }

    /// The bytes that a process reads.
    pub(super) fn live(&self) -> Vec<u8> {
        self.after(self.pending.len())
    }

    /// The bytes with the first `count` of the changes that are not durable.
    fn after(&self, count: usize) -> Vec<u8> {
        let mut bytes = self.durable.clone();
        self.pending[..count].iter().for_each(|change| apply(change, &mut bytes));
        bytes
    }

    /// The bytes that are durable and nothing else.
    pub(super) fn kept(&self) -> Vec<u8> {
        self.durable.clone()
    }

    /// The bytes that a disk may hold which wrote back what it liked: each page, and the length, as of any
    /// moment since the last sync; some pages torn.
    pub(super) fn written_back(&self, random: &mut impl Rng) -> Vec<u8> {
        if self.pending.is_empty() {
            return self.kept();
        }
        // More than these say nothing more, and each costs the file's size.
        let moments: Vec<usize> = match self.pending.len() {
            few @ 0..=6 => (0..=few).collect(),
            many => [0, many].into_iter().chain((0..5).map(|_| random.random_range(0..=many))).collect(),
        };
        let versions: Vec<Vec<u8>> = moments.into_iter().map(|count| self.after(count)).collect();
        let mut any = || &versions[random.random_range(0..versions.len() as u32) as usize];
        let mut bytes = vec![0; any().len()];
        let pages = bytes.chunks_mut(PAGE_BYTES).enumerate();
        let choices: Vec<_> = pages.map(|(page, bytes)| (page * PAGE_BYTES, bytes, any(), any())).collect();
        for (at, page, first, second) in choices {
            fill(page, first, at);
            if random.random_ratio(1, TORN_ONE_IN) {
                let sector = random.random_range(0..(PAGE_BYTES / SECTOR_BYTES) as u32) as usize * SECTOR_BYTES;
                if let Some(rest) = page.get_mut(sector..) {
                    fill(rest, second, at + sector);
                }
            }
        }
        bytes
    }
}

/// Fills `to` with what `from` has at `at`, and zeros behind its end.
fn fill(to: &mut [u8], from: &[u8], at: usize) {
    let from = from.get(at..).unwrap_or_default();
    let count = from.len().min(to.len());
    to[..count].copy_from_slice(&from[..count]);
    to[count..].fill(0);
}

fn apply(change: &Change, bytes: &mut Vec<u8>) {
    match change {
        Change::Write { offset, data } => {
            let end = offset + data.len();
            if bytes.len() < end {
                bytes.resize(end, 0);
            }
            bytes[*offset..end].copy_from_slice(data);
        }
        Change::Length(length) => bytes.resize(*length, 0),
    }
}
