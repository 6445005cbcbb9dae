//! What can be wrong with a line, or with all of them.

use super::Precision;

/// How much of a sender's text a message repeats.
const EXCERPT_CHARS: usize = 64;

/// Why nothing of a body can be taken.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The body as sent is over the limit.
    #[error("the body has more than {0} bytes; send fewer lines at a time")]
    TooLarge(usize),
    /// The lines are over the limit.
    #[error("the lines have more than {0} bytes; send fewer at a time")]
    InflatedTooLarge(usize),
    /// Not what `Content-Encoding` says.
    #[error("the body is not gzip, though Content-Encoding says so: {0}")]
    Gzip(std::io::Error),
    /// Over the limit.
    #[error("more than {limit} {what}; send fewer lines at a time")]
    TooMany {
        /// What there are too many of.
        what: &'static str,
        /// How many there may be.
        limit: usize,
    },
}

impl DecodeError {
    /// Whether it is the request's size that is wrong, so that a smaller one would do.
    pub fn is_too_large(&self) -> bool {
        !matches!(self, Self::Gzip(_))
    }
}

/// Why a line cannot be taken. The other lines can.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineProblem {
    /// The line begins with a comma.
    #[error("there is no measurement")]
    NoMeasurement,
    /// Nothing behind measurement and tags.
    #[error("there are no fields; after measurement and tags comes a space and `key=value`")]
    NoFields,
    /// Not text.
    #[error("{0} is not UTF-8")]
    NotUtf8(&'static str),
    /// Over the limit; with its beginning.
    #[error("{what} `{start}...` has more than {limit} bytes")]
    TooLong {
        /// What is too long.
        what: &'static str,
        /// How it begins.
        start: String,
        /// How long it may be.
        limit: usize,
    },
    /// Over the limit.
    #[error("more than {limit} {what}")]
    TooMany {
        /// What there are too many of.
        what: &'static str,
        /// How many there may be.
        limit: usize,
    },
    /// Nothing before the `=`.
    #[error("a {0} has no key")]
    NoKey(&'static str),
    /// Nothing behind the `=`, or no `=`.
    #[error("{0} `{1}` has no value")]
    NoValue(&'static str, String),
    /// The same key twice (`label_time` beside a tag `time` as well: both mean that column).
    #[error("{0} `{1}` is given twice")]
    Duplicate(&'static str, String),
    /// An `=` in a tag's value.
    #[error("tag `{0}` has a `=` in its value; write it as `\\=`")]
    Unescaped(String),
    /// None of the types.
    #[error("field `{key}`: `{value}` is no number, boolean or quoted string")]
    NoType {
        /// Of the field.
        key: String,
        /// As written.
        value: String,
    },
    /// An integer, a float, or an unsigned integer that 64 bits do not hold.
    #[error("field `{key}`: `{value}` does not fit into a 64-bit {kind}")]
    Range {
        /// Of the field.
        key: String,
        /// As written.
        value: String,
        /// The type.
        kind: &'static str,
    },
    /// No closing quote in all that follows.
    #[error("field `{0}`: the string has no closing quote")]
    OpenString(String),
    /// Not a whole number.
    #[error("`{time}` is no time; a whole number of {precision} is expected")]
    NoTime {
        /// As written.
        time: String,
        /// Of the request.
        precision: Precision,
    },
    /// Beyond the years 1677 to 2262.
    #[error("time {time} in {precision} does not fit into 64 bits of nanoseconds; is `precision` right?")]
    TimeRange {
        /// As written.
        time: String,
        /// Of the request.
        precision: Precision,
    },
    /// Something behind the time.
    #[error("`{0}` follows the time; a space in a name or value is written `\\ `")]
    AfterTime(String),
}

/// The beginning of what a sender wrote, for a message.
pub(super) fn excerpt(bytes: &[u8]) -> String {
    // A character has at most 4 bytes.
    let bytes = &bytes[..bytes.len().min(4 * EXCERPT_CHARS)];
    String::from_utf8_lossy(bytes).chars().take(EXCERPT_CHARS).collect()
}
