//! `ops.slow_queries`: the queries that took long lately, in memory only.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray, TimestampNanosecondArray, UInt64Array};
use datafusion::error::Result;

/// Where it is read.
pub(super) const SCHEMA: &str = "ops";
/// See [`SCHEMA`].
pub(super) const NAME: &str = "slow_queries";
/// Queries that are kept: with texts of 4 KiB they are 4 MB.
const QUERIES_MAX: usize = 1_000;
/// What is kept of a text or an error: more than a person reads.
const TEXT_BYTES_MAX: usize = 4 << 10;

/// How a query ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// With its last row.
    Finished,
    /// In an error: a limit, a defect.
    Failed,
    /// Whoever asked went away.
    Cancelled,
}

impl Ending {
    fn name(self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// One of them.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct SlowQuery {
    /// When it began, in nanoseconds since the epoch.
    pub(super) time: i64,
    pub(super) query: String,
    /// From its turn to its end.
    pub(super) took: Duration,
    /// Rows that were handed out.
    pub(super) rows: usize,
    pub(super) ending: Ending,
    pub(super) error: Option<String>,
}

/// The latest of them.
#[derive(Debug, Default)]
pub(super) struct SlowQueries(Mutex<VecDeque<SlowQuery>>);

impl SlowQueries {
    /// Adds one; the oldest goes when there are too many.
    pub(super) fn add(&self, mut query: SlowQuery) {
        cut(&mut query.query);
        query.error.iter_mut().for_each(cut);
        let mut queries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if queries.len() >= QUERIES_MAX {
            queries.pop_front();
        }
        queries.push_back(query);
    }

    /// As they are now, oldest first.
    pub(super) fn rows(&self) -> Result<RecordBatch> {
        let queries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let times = TimestampNanosecondArray::from_iter_values(queries.iter().map(|query| query.time));
        let columns: [(&str, ArrayRef, bool); 6] = [
            ("time", Arc::new(times.with_timezone("UTC")), false),
            ("query", Arc::new(StringArray::from_iter_values(queries.iter().map(|query| &query.query))), false),
            (
                "seconds",
                Arc::new(queries.iter().map(|query| query.took.as_secs_f64()).collect::<Float64Array>()),
                false,
            ),
            ("rows", Arc::new(queries.iter().map(|query| query.rows as u64).collect::<UInt64Array>()), false),
            ("state", Arc::new(StringArray::from_iter_values(queries.iter().map(|query| query.ending.name()))), false),
            ("error", Arc::new(queries.iter().map(|query| query.error.as_deref()).collect::<StringArray>()), true),
        ];
        Ok(RecordBatch::try_from_iter_with_nullable(columns)?)
    }
}

/// Shortens a text, at a character, and says so.
fn cut(text: &mut String) {
    if text.len() > TEXT_BYTES_MAX {
        text.truncate(text.floor_char_boundary(TEXT_BYTES_MAX));
        text.push('…');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_bounded_in_queries_and_in_texts() {
        let queries = SlowQueries::default();
        for time in 0..QUERIES_MAX as i64 + 5 {
            let query = "é".repeat(TEXT_BYTES_MAX);
            let error = Some(query.clone());
            let took = Duration::from_secs(1);
            queries.add(SlowQuery { time, query, took, rows: 0, ending: Ending::Failed, error });
        }
        let kept = queries.0.lock().unwrap();
        assert_eq!((kept.len(), kept[0].time), (QUERIES_MAX, 5));
        let longest = kept.iter().map(|query| query.query.len().max(query.error.as_ref().unwrap().len())).max();
        assert_eq!(longest, Some(TEXT_BYTES_MAX + '…'.len_utf8()));
    }
}
