//! What is written at once: samples of many tables, and rows of some.

use indexmap::IndexMap;

use super::{Rows, Series, TableName, merge};

/// Samples of single-value metrics, of any number of tables. Sample `i` is of `series[index[i]]`.
///
/// A receiver's batch has a few samples each of a thousand metrics: as [`Rows`] every one of those
/// would be half a dozen allocations.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Samples {
    /// The series in this batch.
    pub series: Vec<Series>,
    /// Per sample: its series, as an index into `series`.
    pub index: Vec<u32>,
    /// Per sample: nanoseconds since 1970-01-01T00:00:00Z.
    pub time: Vec<i64>,
    /// Per sample: its value, bit for bit.
    pub value: Vec<f64>,
}

impl Samples {
    /// How many samples.
    pub fn len(&self) -> usize {
        self.time.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.time.is_empty()
    }

    /// Adds a series; what [`Samples::push`] takes for its samples.
    pub fn push_series(&mut self, series: Series) -> u32 {
        self.series.push(series);
        self.series.len() as u32 - 1
    }

    /// Appends a sample of `series`, as [`Samples::push_series`] answered.
    pub fn push(&mut self, series: u32, time: i64, value: f64) {
        self.index.push(series);
        self.time.push(time);
        self.value.push(value);
    }

    /// The samples of tables that `wanted` names, as rows: one entry per table.
    pub fn rows_of(&self, mut wanted: impl FnMut(&TableName) -> bool) -> Vec<Rows> {
        let chosen: Vec<bool> = self.series.iter().map(|series| wanted(series.table())).collect();
        let mut tables: IndexMap<TableName, Rows> = IndexMap::new();
        for ((index, time), value) in self.index.iter().zip(&self.time).zip(&self.value) {
            let series = &self.series[*index as usize];
            if chosen[*index as usize] {
                let rows = tables.entry(series.table().clone()).or_insert_with_key(|name| Rows::empty(name.clone()));
                rows.push_sample(series.labels(), *time, *value);
            }
        }
        tables.into_values().collect()
    }
}

/// What is written at once, whole or not at all.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// Samples of single-value metrics.
    pub samples: Samples,
    /// Everything else.
    pub rows: Vec<Rows>,
}

impl Batch {
    /// How many samples and rows.
    pub fn len(&self) -> usize {
        self.samples.len() + self.rows.iter().map(Rows::len).sum::<usize>()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty() && self.rows.iter().all(Rows::is_empty)
    }

    /// Everything as rows.
    pub fn into_rows(self) -> Vec<Rows> {
        if self.samples.is_empty() {
            return self.rows;
        }
        merge(self.samples.rows_of(|_| true).into_iter().chain(self.rows))
    }
}

impl From<Vec<Rows>> for Batch {
    fn from(rows: Vec<Rows>) -> Self {
        Self { rows, samples: Samples::default() }
    }
}

impl From<Samples> for Batch {
    fn from(samples: Samples) -> Self {
        Self { samples, rows: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::Labels;

    #[test]
    fn samples_become_the_rows_of_their_tables() {
        let mut samples = Samples::default();
        for (name, node) in [("up", "a"), ("load", "a"), ("up", "b")] {
            let series = samples.push_series(Series::new(TableName::metric(name), Labels::new([("node", node)])));
            samples.push(series, 1, 0.5);
            samples.push(series, 2, 1.5);
        }
        let rows = Batch::from(samples.clone()).into_rows();
        let shown = rows.iter().map(|rows| (rows.table.to_string(), rows.len(), rows.labels.len()));
        let expected = [("metrics.up".to_owned(), 4, 2), ("metrics.load".to_owned(), 2, 1)];
        assert_eq!(shown.collect::<Vec<_>>(), expected);
        assert_eq!(samples.rows_of(|table| &*table.name == "load").len(), 1);
    }

    #[test]
    fn equal_series_are_equal_however_they_were_made() {
        let made = |node: &str| Series::new(TableName::metric("up"), Labels::new([("node", node)]));
        assert_eq!((made("a"), made("a").hash64()), (made("a"), made("a").hash64()));
        assert_ne!(made("a"), made("b"));
    }
}
