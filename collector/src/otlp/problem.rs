//! What can be wrong: with a request, so that nothing of it is taken, and with one data point or
//! log record, so that it alone is left out.

use super::limits::{BUCKETS_MAX, LABELS_MAX, NAME_BYTES_MAX, TEXT_BYTES_MAX, VALUE_BYTES_MAX};

/// Why a body is no request that can be taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DecodeError {
    #[error("the message has more than {0} bytes; send fewer data points or records at a time")]
    MessageTooLarge(usize),
    #[error("the JSON text has more than {0} objects; send fewer data points or records at a time, or protobuf")]
    TooManyObjects(usize),
    #[error("a resource or scope has more than {0} bytes")]
    PartTooLarge(usize),
    #[error("more than {0} data points or log records; send fewer at a time")]
    TooManyItems(usize),
    #[error("the data points become more than {0} samples; send fewer at a time")]
    TooManySamples(usize),
    #[error("the series have more than {0} labels together; send fewer at a time")]
    TooManyLabels(usize),
    #[error("not gzip: {0}")]
    Gzip(#[source] std::io::Error),
    #[error("not an OTLP message: {0}")]
    Protobuf(#[from] prost::DecodeError),
    #[error("not an OTLP message: it ends within a field")]
    Truncated,
    #[error("not an OTLP message in JSON: {0}")]
    Json(#[from] serde_json::Error),
}

impl DecodeError {
    /// Whether it is the request's size that is wrong, so that a smaller one would do.
    pub(crate) fn is_too_large(&self) -> bool {
        match self {
            Self::MessageTooLarge(_)
            | Self::TooManyObjects(_)
            | Self::PartTooLarge(_)
            | Self::TooManyItems(_)
            | Self::TooManySamples(_)
            | Self::TooManyLabels(_) => true,
            Self::Gzip(_) | Self::Protobuf(_) | Self::Truncated | Self::Json(_) => false,
        }
    }
}

/// Why a data point or a log record is left out.
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub(crate) enum Problem {
    #[error("the metric has no name")]
    NoName,
    #[error("the metric's name is longer than {NAME_BYTES_MAX} bytes")]
    NameTooLong,
    #[error("an attribute has no name")]
    UnnamedAttribute,
    #[error("attribute {0:?} is too long: a name may have {NAME_BYTES_MAX} bytes, a label's value {VALUE_BYTES_MAX}")]
    AttributeTooLong(String),
    #[error("more than {LABELS_MAX} labels: attributes of resource, scope and data point together")]
    TooManyLabels,
    #[error("no time")]
    NoTime,
    #[error("more than 1 h ahead of this server's clock")]
    TooFarAhead,
    #[error("no value")]
    NoValue,
    #[error("the aggregation temporality is neither delta nor cumulative")]
    NoTemporality,
    #[error("a histogram has one bucket more than it has bounds")]
    BucketsAndBounds,
    #[error("the bounds of a histogram ascend, and are numbers")]
    UnorderedBounds,
    #[error("more than {BUCKETS_MAX} buckets")]
    TooManyBuckets,
    #[error("an exponential histogram's numbers do not fit into 63 bits")]
    CountTooLarge,
    #[error("a delta of this time or a later one is added already: it came late, or twice")]
    DeltaLate,
    #[error("too many delta series to add up; let the sender send cumulative ones (temporality preference)")]
    TooManyDeltaSeries,
    #[error("more than {0} bytes")]
    TooLarge(usize),
    #[error("body or attributes are longer than {TEXT_BYTES_MAX} bytes")]
    TextTooLong,
    /// As the decoder says: a string that is not UTF-8, say. What is around it is whole.
    #[error("{0}")]
    Malformed(String),
    #[error("a delta is a finite number")]
    NotFinite,
}

/// Why reading a data point or log record ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unread {
    /// Nothing of the request is taken.
    #[error(transparent)]
    Request(#[from] DecodeError),
    /// It alone is left out.
    #[error(transparent)]
    Item(#[from] Problem),
}

impl From<prost::DecodeError> for Unread {
    fn from(error: prost::DecodeError) -> Self {
        Self::Item(error.into())
    }
}

impl From<prost::DecodeError> for Problem {
    fn from(error: prost::DecodeError) -> Self {
        Self::Malformed(error.to_string())
    }
}
