//! Values of ordered pairs of regions, as CSV: `src_region,dst_region,<value>`.

use std::collections::{BTreeMap, BTreeSet};

/// What is wrong with grids.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum GridError {
    /// A line that is not `src,dst,number`.
    #[error("line {line} of the {grid} grid is `{text}`: it must be `src_region,dst_region,number`")]
    Line {
        /// Which grid.
        grid: &'static str,
        /// From 1.
        line: usize,
        /// As written.
        text: String,
    },
    /// A pair without value.
    #[error("the {grid} grid has no value from {from} to {to}")]
    Missing {
        /// Which grid.
        grid: &'static str,
        /// From where.
        from: String,
        /// To where.
        to: String,
    },
}

/// A value per ordered pair of regions; not all pairs need one.
#[derive(Debug)]
pub(super) struct Grid<'a> {
    name: &'static str,
    values: BTreeMap<(&'a str, &'a str), f64>,
}

impl<'a> Grid<'a> {
    pub(super) fn parse(name: &'static str, text: &'a str) -> Result<Self, GridError> {
        let mut values = BTreeMap::new();
        for (index, line) in text.lines().enumerate().skip(1) {
            let wrong = || GridError::Line { grid: name, line: index + 1, text: line.to_owned() };
            let mut cells = line.split(',');
            let (Some(from), Some(to), Some(value), None) = (cells.next(), cells.next(), cells.next(), cells.next())
            else {
                return Err(wrong());
            };
            let value: f64 = value.parse().ok().filter(|value: &f64| value.is_finite()).ok_or_else(wrong)?;
            values.insert((from, to), value);
        }
        Ok(Self { name, values })
    }

    /// Every region that a value is from or to.
    pub(super) fn regions(&self) -> BTreeSet<&'a str> {
        self.values.keys().flat_map(|(from, to)| [*from, *to]).collect()
    }

    pub(super) fn get(&self, from: &str, to: &str) -> Option<f64> {
        self.values.get(&(from, to)).copied()
    }

    pub(super) fn at(&self, from: &str, to: &str) -> Result<f64, GridError> {
        let missing = || GridError::Missing { grid: self.name, from: from.to_owned(), to: to.to_owned() };
        self.get(from, to).ok_or_else(missing)
    }

    /// The lower median of the values whose pair is `wanted`.
    pub(super) fn median(&self, wanted: impl Fn(&str, &str) -> bool) -> Option<f64> {
        let mut values: Vec<f64> =
            self.values.iter().filter(|((from, to), _)| wanted(from, to)).map(|(_, value)| *value).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len().checked_sub(1)? / 2).copied()
    }
}
