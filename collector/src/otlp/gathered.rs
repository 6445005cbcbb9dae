//! What was read of a request so far, held against its limits.

use std::sync::Arc;

use bytes::Bytes;
use indexmap::IndexMap;
use weir_model::{
    observation::{Batch, Rows, Samples, TableName, merge},
    time::UnixNanos,
};

use super::{DecodeError, Limits, Problem, accumulate::Delta};
use crate::{remote_write::FUTURE_MAX, sink::Rejection};

/// What a request holds.
#[derive(Debug, Default)]
pub(crate) struct Decoded {
    /// What can be written as it is; values bit for bit.
    pub(super) batch: Batch,
    /// What has to be added up first.
    pub(super) deltas: Vec<Delta>,
    /// Data points or log records.
    pub(super) items: usize,
    /// Those left out.
    pub(super) rejected: Vec<Rejection>,
    /// Exemplars left out.
    pub(super) exemplars: u64,
}

#[derive(Debug)]
pub(super) struct Gathered {
    pub(super) now: UnixNanos,
    pub(super) limits: Limits,
    pub(super) samples: Samples,
    pub(super) rows: Vec<Rows>,
    pub(super) deltas: Vec<Delta>,
    pub(super) exemplars: u64,
    items: usize,
    samples_counted: usize,
    labels_counted: usize,
    rejected: IndexMap<(Arc<str>, Problem), u64>,
}

impl Gathered {
    pub(super) fn new(now: UnixNanos, limits: Limits) -> Self {
        Self {
            now,
            limits,
            samples: Samples::default(),
            rows: Vec::new(),
            deltas: Vec::new(),
            exemplars: 0,
            items: 0,
            samples_counted: 0,
            labels_counted: 0,
            rejected: IndexMap::new(),
        }
    }

    /// One more data point or log record.
    pub(super) fn count_item(&mut self) -> Result<(), DecodeError> {
        self.items += 1;
        if self.items > self.limits.items { Err(DecodeError::TooManyItems(self.limits.items)) } else { Ok(()) }
    }

    /// Whether one may be decoded.
    pub(super) fn check_size(&self, item: &Bytes) -> Result<(), Problem> {
        let most = self.limits.part_bytes;
        if item.len() > most { Err(Problem::TooLarge(most)) } else { Ok(()) }
    }

    /// So many more samples, each of a series with `labels` labels.
    pub(super) fn count_samples(&mut self, samples: usize, labels: usize) -> Result<(), DecodeError> {
        self.samples_counted += samples;
        self.labels_counted += samples * labels;
        if self.samples_counted > self.limits.samples {
            Err(DecodeError::TooManySamples(self.limits.samples))
        } else if self.labels_counted > self.limits.labels_total {
            Err(DecodeError::TooManyLabels(self.limits.labels_total))
        } else {
            Ok(())
        }
    }

    /// Leaves out one data point or log record of `table`.
    pub(super) fn reject(&mut self, table: &Arc<str>, problem: Problem) {
        *self.rejected.entry((Arc::clone(table), problem)).or_default() += 1;
    }

    /// A time on the wire, when rows may have it.
    pub(super) fn time(&self, unix_nano: u64) -> Result<i64, Problem> {
        let latest = self.now + FUTURE_MAX;
        match i64::try_from(unix_nano) {
            Ok(0) => Err(Problem::NoTime),
            Ok(nanos) if nanos <= latest.0 => Ok(nanos),
            _ => Err(Problem::TooFarAhead),
        }
    }

    pub(super) fn finish(self) -> Decoded {
        Decoded {
            batch: Batch { samples: self.samples, rows: merge(self.rows) },
            deltas: self.deltas,
            items: self.items,
            rejected: rejections(self.rejected),
            exemplars: self.exemplars,
        }
    }
}

/// As rejections, a sum for each table and problem.
pub(super) fn rejections(counted: impl IntoIterator<Item = ((Arc<str>, Problem), u64)>) -> Vec<Rejection> {
    let mut sums: IndexMap<(Arc<str>, Problem), u64> = IndexMap::new();
    for (key, rows) in counted {
        *sums.entry(key).or_default() += rows;
    }
    let rejection = |((table, problem), rows): ((Arc<str>, Problem), u64)| Rejection {
        table: TableName::metric(table),
        rows,
        reason: problem.to_string(),
    };
    sums.into_iter().map(rejection).collect()
}
