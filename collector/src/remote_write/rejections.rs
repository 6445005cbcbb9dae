//! What of a request is not written, and why.

use std::fmt;

use indexmap::IndexMap;
use weir_model::observation::TableName;

use super::{SeriesProblem, histogram::HistogramProblem};
use crate::sink::Rejection;

/// How many reasons an answer lists.
const LISTED_MAX: usize = 10;

/// Why one sample, histogram or exemplar is not written.
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Reason {
    /// See [`super::FUTURE_MAX`].
    #[error("more than 1 h ahead of this server's clock")]
    TooFarAhead,
    /// Before 1677 or after 2262.
    #[error("time does not fit into 64 bits of nanoseconds")]
    OutOfRange,
    /// Not a histogram.
    #[error(transparent)]
    Histogram(#[from] HistogramProblem),
    /// As the store says.
    #[error("{0}")]
    Store(String),
}

/// Everything that is not written, while the rest is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rejections {
    single: IndexMap<(TableName, Reason), u64>,
    series: Vec<(usize, String)>,
    more_series: u64,
    elements: u64,
}

impl Rejections {
    /// Some of a table.
    pub(super) fn add(&mut self, table: &TableName, reason: Reason, elements: u64) {
        *self.single.entry((table.clone(), reason)).or_default() += elements;
        self.elements += elements;
    }

    /// All or some of what series `index` has.
    pub(super) fn add_series(&mut self, index: usize, problem: &SeriesProblem, elements: usize) {
        self.elements += elements as u64;
        match self.series.len() < LISTED_MAX {
            true => self.series.push((index, problem.to_string())),
            false => self.more_series += 1,
        }
    }

    /// What the store left out.
    pub(super) fn add_stores(&mut self, rejected: Vec<Rejection>) {
        for Rejection { table, rows, reason } in rejected {
            self.add(&table, Reason::Store(reason), rows);
        }
    }

    /// How many samples, histograms and exemplars.
    pub fn elements(&self) -> u64 {
        self.elements
    }

    /// Whether everything is written.
    pub fn is_empty(&self) -> bool {
        self.single.is_empty() && self.series.is_empty()
    }
}

/// One line each.
impl fmt::Display for Rejections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for ((table, reason), elements) in self.single.iter().take(LISTED_MAX) {
            write!(f, "\n{table}: {elements} {reason}")?;
        }
        if self.single.len() > LISTED_MAX {
            f.write_str("\n...")?;
        }
        for (index, problem) in &self.series {
            write!(f, "\nseries {index}: {problem}")?;
        }
        match self.more_series {
            0 => Ok(()),
            more => write!(f, "\nand {more} more series"),
        }
    }
}
