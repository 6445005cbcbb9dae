//! From a request's body to rows. Every limit is checked before the memory behind it is taken.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use indexmap::IndexMap;
use prost::Message;
use weir_model::{
    observation::{Labels, Rows, TableName},
    time::UnixNanos,
};

use super::{
    Limits,
    wire::{Label, Sample, TimeSeries, next_series},
};
use crate::{column_name, sink::Rejection};

/// How far ahead of our clock a sample may be. Later ones come from a clock that is wrong, and
/// would hide the series' true samples until then.
pub const FUTURE_MAX: Duration = Duration::from_secs(3_600);

/// The label that holds the metric's name.
const METRIC_NAME: &str = "__name__";

const TOO_FAR_AHEAD: &str = "more than 1 h ahead of this server's clock";
const OUT_OF_RANGE: &str = "time does not fit into 64 bits of nanoseconds";
const HISTOGRAM: &str = "native histograms are not stored; send classic ones";

/// Why a body is no request that can be taken.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The body as sent is over the limit.
    #[error("the body has {bytes} bytes, more than {limit}")]
    CompressedTooLarge {
        /// As sent.
        bytes: usize,
        /// As allowed.
        limit: usize,
    },
    /// The body says that it becomes more than the limit.
    #[error("the message has {bytes} bytes, more than {limit}")]
    DecompressedTooLarge {
        /// As announced.
        bytes: usize,
        /// As allowed.
        limit: usize,
    },
    /// Not a snappy block; a framed snappy stream is not one either.
    #[error("not a snappy block: {0}")]
    Snappy(snap::Error),
    /// Not a protobuf message.
    #[error("not a remote-write 1.0 message: {0}")]
    Protobuf(#[from] prost::DecodeError),
    /// A field is longer than the message that holds it.
    #[error("not a remote-write 1.0 message: it ends within a series")]
    Truncated,
    /// Over the limit.
    #[error("more than {0} series; send fewer at a time")]
    TooManySeries(usize),
    /// Over the limit.
    #[error("more than {0} samples; send fewer at a time")]
    TooManySamples(usize),
    /// A series that no series may be.
    #[error("series {index}: {problem}")]
    Series {
        /// Which one, from 0.
        index: usize,
        /// What is wrong with it.
        problem: SeriesProblem,
    },
}

/// What can be wrong with a series.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SeriesProblem {
    /// Over the limit.
    #[error("more than {0} bytes")]
    TooLarge(usize),
    /// Over the limit.
    #[error("more than {0} labels")]
    TooManyLabels(usize),
    /// Over the limit; the name's beginning, or the name whose value it is.
    #[error("label {0:?} is too long")]
    LabelTooLong(String),
    /// A label without a name.
    #[error("a label has no name")]
    EmptyLabelName,
    /// The same label twice (`label_time` beside `time` as well: both mean that column).
    #[error("label {0:?} is given twice")]
    DuplicateLabel(String),
    /// Nothing to name the table by.
    #[error("no label __name__")]
    NoMetricName,
}

impl DecodeError {
    /// Whether it is the request's size that is wrong, so that a smaller one would do.
    pub fn is_too_large(&self) -> bool {
        match self {
            Self::CompressedTooLarge { .. }
            | Self::DecompressedTooLarge { .. }
            | Self::TooManySeries(_)
            | Self::TooManySamples(_) => true,
            Self::Series { problem, .. } => problem.is_too_large(),
            Self::Snappy(_) | Self::Protobuf(_) | Self::Truncated => false,
        }
    }
}

impl SeriesProblem {
    fn is_too_large(&self) -> bool {
        matches!(self, Self::TooLarge(_) | Self::TooManyLabels(_) | Self::LabelTooLong(_))
    }
}

/// What a request holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decoded {
    /// One entry per metric; values bit for bit (NaN, infinities, staleness markers), samples in
    /// the order in which they were sent.
    pub rows: Vec<Rows>,
    /// Samples left out.
    pub rejected: Vec<Rejection>,
}

/// Decodes a request's body: a snappy block of a protobuf `WriteRequest`.
///
/// The label `__name__` becomes the table in schema `metrics`; labels called `time` or `value`
/// become `label_time` and `label_value`. Samples later than `now` by more than [`FUTURE_MAX`],
/// and native histograms, are left out and counted; order does not matter.
///
/// # Errors
/// When the body is malformed or over a limit; nothing of it is to be written then.
pub fn decode(body: &[u8], now: UnixNanos, limits: &Limits) -> Result<Decoded, DecodeError> {
    let mut message = Bytes::from(decompress(body, limits)?);
    let mut gathered = Gathered { latest: now + FUTURE_MAX, ..Gathered::default() };
    let mut index = 0;
    while let Some(bytes) = next_series(&mut message)? {
        if index == limits.series {
            return Err(DecodeError::TooManySeries(limits.series));
        }
        let refused = |problem| DecodeError::Series { index, problem };
        if bytes.len() > limits.series_bytes {
            return Err(refused(SeriesProblem::TooLarge(limits.series_bytes)));
        }
        let series = TimeSeries::decode(bytes)?;
        gathered.samples += series.samples.len();
        if gathered.samples > limits.samples {
            return Err(DecodeError::TooManySamples(limits.samples));
        }
        let (metric, labels) = name_and_labels(series.labels, limits).map_err(refused)?;
        gathered.push(&metric, &labels, &series.samples, series.histograms.len());
        index += 1;
    }
    Ok(gathered.finish())
}

/// A block's first bytes say how long it becomes; the buffer is made after that is checked.
fn decompress(body: &[u8], limits: &Limits) -> Result<Vec<u8>, DecodeError> {
    if body.len() > limits.compressed_bytes {
        return Err(DecodeError::CompressedTooLarge { bytes: body.len(), limit: limits.compressed_bytes });
    }
    let bytes = snap::raw::decompress_len(body).map_err(DecodeError::Snappy)?;
    if bytes > limits.decompressed_bytes {
        return Err(DecodeError::DecompressedTooLarge { bytes, limit: limits.decompressed_bytes });
    }
    snap::raw::Decoder::new().decompress_vec(body).map_err(DecodeError::Snappy)
}

/// The metric's name, and the other labels under their columns' names.
fn name_and_labels(labels: Vec<Label>, limits: &Limits) -> Result<(Arc<str>, Labels), SeriesProblem> {
    if labels.len() > limits.labels {
        return Err(SeriesProblem::TooManyLabels(limits.labels));
    }
    for Label { name, value } in &labels {
        if name.is_empty() {
            return Err(SeriesProblem::EmptyLabelName);
        }
        if name.len() > limits.name_bytes || value.len() > limits.value_bytes {
            return Err(SeriesProblem::LabelTooLong(name.chars().take(100).collect()));
        }
    }
    let mut names: Vec<&str> = labels.iter().map(|label| column_name::of_label(&label.name)).collect();
    names.sort_unstable();
    if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(SeriesProblem::DuplicateLabel(twice[0].to_owned()));
    }
    let metric = labels.iter().find(|label| label.name == METRIC_NAME && !label.value.is_empty());
    let metric: Arc<str> = metric.ok_or(SeriesProblem::NoMetricName)?.value.as_str().into();
    let others = labels.iter().filter(|label| label.name != METRIC_NAME);
    Ok((metric, Labels::new(others.map(|label| (column_name::of_label(&label.name), label.value.as_str())))))
}

/// What was decoded so far.
#[derive(Debug, Default)]
struct Gathered {
    latest: UnixNanos,
    samples: usize,
    tables: IndexMap<Arc<str>, Rows>,
    rejected: IndexMap<(Arc<str>, &'static str), u64>,
}

impl Gathered {
    fn push(&mut self, metric: &Arc<str>, labels: &Labels, samples: &[Sample], histograms: usize) {
        let mut reject = |reason, count: usize| {
            *self.rejected.entry((Arc::clone(metric), reason)).or_default() += count as u64;
        };
        if histograms > 0 {
            reject(HISTOGRAM, histograms);
        }
        for sample in samples {
            match sample.timestamp.checked_mul(1_000_000) {
                Some(nanos) if nanos <= self.latest.0 => {
                    let table = self.tables.entry(Arc::clone(metric));
                    let rows = table.or_insert_with(|| Rows::empty(TableName::metric(Arc::clone(metric))));
                    rows.push_sample(labels, nanos, sample.value);
                }
                None if sample.timestamp < 0 => reject(OUT_OF_RANGE, 1),
                _ => reject(TOO_FAR_AHEAD, 1),
            }
        }
    }

    fn finish(self) -> Decoded {
        let rejected = self.rejected.into_iter().map(|((metric, reason), rows)| Rejection {
            table: TableName::metric(metric),
            rows,
            reason: reason.to_owned(),
        });
        Decoded { rows: self.tables.into_values().collect(), rejected: rejected.collect() }
    }
}
