//! Demand as it was: rows of history, in memory.

use weir_model::{
    estate::Estate,
    id::{DomainOrd, GroupOrd},
    time::UnixNanos,
};

use super::Rate;

/// Rows at most: a month of 5-minute slots for 10,000 pairs is 8.9 x 10^7 rows; at 24 bytes each, 2.4 GB.
pub const ROWS_MAX: usize = 100_000_000;

/// The traffic of a pair from `time` on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    /// From when on.
    pub time: UnixNanos,
    /// Whose.
    pub group: GroupOrd,
    /// For what.
    pub domain: DomainOrd,
    /// How much.
    pub rate: Rate,
}

/// More rows than a run takes, or a row of a pair that is not in the estate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// More than [`ROWS_MAX`].
    #[error("at most {ROWS_MAX} rows of demand are taken: play a shorter time, or coarser rows")]
    TooManyRows,
    /// An ordinal out of the estate.
    #[error("row {0} of the demand names a pair that is not in the estate")]
    UnknownPair(usize),
    /// Not a finite number from 0.
    #[error("row {0} of the demand has a rate that is negative or no number")]
    BadRate(usize),
}

/// Rows by pair, ascending by time. A row holds until the next of its pair; before its first a
/// pair asks for nothing. Of rows of one time the last wins.
#[derive(Clone, Debug, Default)]
pub struct Replay {
    pairs: Vec<Vec<(UnixNanos, Rate)>>,
}

impl Replay {
    /// Sorts `rows` into the pairs of `estate`.
    ///
    /// # Errors
    /// When there are too many, or one does not fit the estate.
    pub fn new(estate: &Estate, rows: impl IntoIterator<Item = Row>) -> Result<Self, ReplayError> {
        let mut pairs = vec![Vec::new(); estate.groups.len() * estate.domains.len()];
        for (number, row) in rows.into_iter().enumerate() {
            if number >= ROWS_MAX {
                return Err(ReplayError::TooManyRows);
            }
            if row.group.index() >= estate.groups.len() || row.domain.index() >= estate.domains.len() {
                return Err(ReplayError::UnknownPair(number));
            }
            let valid = |rate: f64| rate.is_finite() && rate >= 0.0;
            if !valid(row.rate.bps) || !valid(row.rate.rps) {
                return Err(ReplayError::BadRate(number));
            }
            pairs[row.group.index() * estate.domains.len() + row.domain.index()].push((row.time, row.rate));
        }
        for pair in &mut pairs {
            // Stable: rows of one time keep their order.
            pair.sort_by_key(|(time, _)| *time);
        }
        Ok(Self { pairs })
    }

    pub(super) fn play(&self) -> Playing<'_> {
        Playing { rows: &self.pairs, next: vec![0; self.pairs.len()] }
    }
}

/// The rows on their way.
#[derive(Debug)]
pub(crate) struct Playing<'a> {
    rows: &'a [Vec<(UnixNanos, Rate)>],
    /// Per pair: the first row that is yet to come.
    next: Vec<usize>,
}

impl Playing<'_> {
    pub(super) fn step(&mut self, at: UnixNanos, rates: &mut [Rate]) {
        for ((rows, next), rate) in self.rows.iter().zip(&mut self.next).zip(rates) {
            while rows.get(*next).is_some_and(|(time, _)| *time <= at) {
                *next += 1;
            }
            *rate = next.checked_sub(1).map_or(Rate::default(), |held| rows[held].1);
        }
    }
}
