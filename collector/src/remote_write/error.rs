//! Why a request, or a series of it, is not taken.

use super::wire::Malformed;

/// Why a body is no request that can be taken. Nothing of it is to be written then.
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
    /// Not a message.
    #[error(
        "malformed or cut short: not the message that the content type names (prometheus.WriteRequest when it names none)"
    )]
    Malformed,
    /// A 2.0 request whose symbols do not begin as they must.
    #[error("the first symbol must be the empty string (Remote-Write 2.0, Symbols)")]
    FirstSymbol,
    /// Over the limit.
    #[error("more than {limit} {what}; send fewer at a time")]
    TooMany {
        /// Of what: `series`, `samples`, ...
        what: &'static str,
        /// As allowed.
        limit: usize,
    },
    /// What is sent in few bytes would take many: empty messages by the thousand.
    #[error("the request would take more memory than one of its size may; send fewer at a time")]
    TooMuchMemory,
    /// Symbols that are named so often that the series are over the limit when written out.
    #[error("labels, exemplars and help texts have more than {0} bytes when symbols are written out; send fewer")]
    ExpandedTooLarge(usize),
}

/// What can be wrong with a series, its histograms and its exemplars. The others are taken.
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
    /// Labels are UTF-8.
    #[error("a label is not UTF-8")]
    NotUtf8,
    /// The same label twice (`label_time` beside `time` as well: both mean that column).
    #[error("label {0:?} is given twice")]
    DuplicateLabel(String),
    /// Nothing to name the table by.
    #[error("no label __name__")]
    NoMetricName,
    /// Over the limit.
    #[error("an exemplar has more than {0} bytes")]
    ExemplarTooLarge(usize),
    /// A name without a value.
    #[error("an odd number of label references")]
    OddReferences,
    /// A reference past the end of the symbols.
    #[error("there is no symbol {0}")]
    NoSuchSymbol(u64),
}

impl DecodeError {
    /// Whether it is the request's size that is wrong, so that a smaller one would do.
    pub fn is_too_large(&self) -> bool {
        match self {
            Self::CompressedTooLarge { .. }
            | Self::DecompressedTooLarge { .. }
            | Self::TooMany { .. }
            | Self::TooMuchMemory
            | Self::ExpandedTooLarge(_) => true,
            Self::Snappy(_) | Self::Malformed | Self::FirstSymbol => false,
        }
    }
}

impl From<Malformed> for DecodeError {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

/// Why something of a series is not there: its message is broken, or only it is.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error(transparent)]
    Malformed(#[from] Malformed),
    #[error(transparent)]
    Problem(#[from] SeriesProblem),
    #[error("over the limit of {0} bytes written out")]
    Expanded(usize),
}
