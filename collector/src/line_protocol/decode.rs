//! From a request's lines to a batch. Every limit is checked before the memory behind it is taken.

use memchr::memchr_iter;
use weir_model::{observation::Batch, time::UnixNanos};

use super::{DecodeError, Limits, LineProblem, Precision, fields::Fields, gather::Gather, line::Cursor};
use crate::series_cache::SeriesCache;

/// How many bad lines are told one by one.
const BAD_LINES_MAX: usize = 10;

/// A line that cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadLine {
    /// Which one, from 1. A string may hold line breaks, which count.
    pub number: u64,
    /// Why.
    pub problem: LineProblem,
}

/// What a request holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decoded {
    /// The good lines. One [`weir_model::observation::Rows`] for each measurement and set of fields
    /// with their types; lines whose only field is a float called `value` are samples.
    pub batch: Batch,
    /// The first bad lines.
    pub bad: Vec<BadLine>,
    /// How many bad lines there are.
    pub rejected: u64,
}

/// Why a line, or everything, is not taken.
#[derive(Debug)]
pub(super) enum Refused {
    Line(LineProblem),
    All(DecodeError),
}

impl From<LineProblem> for Refused {
    fn from(problem: LineProblem) -> Self {
        Self::Line(problem)
    }
}

impl From<DecodeError> for Refused {
    fn from(error: DecodeError) -> Self {
        Self::All(error)
    }
}

/// Decodes lines. A measurement becomes a table in schema `metrics`, tags its labels (those called
/// `time` or `value` become `label_time` and `label_value`), fields its columns. Lines without a
/// time get `now`, in whole units of `precision`.
///
/// # Errors
/// When the body is over a limit; nothing of it is to be written then.
pub fn decode(
    body: &[u8],
    precision: Precision,
    now: UnixNanos,
    cache: &SeriesCache,
    limits: &Limits,
) -> Result<Decoded, DecodeError> {
    let mut reader = Reader { cursor: Cursor { bytes: body, at: 0 }, fields: Fields::default(), precision };
    let mut gather = Gather::new(cache, limits);
    let now = precision.truncate(now);
    let (mut bad, mut rejected, mut lines) = (Vec::new(), 0, 0);
    // Lines are counted only where one of them is to be named.
    let (mut counted, mut number) = (0, 1);
    while reader.cursor.next_line() {
        if lines == limits.lines {
            return Err(DecodeError::TooMany { what: "lines", limit: limits.lines });
        }
        lines += 1;
        let start = reader.cursor.at;
        match reader.line(&mut gather, now, limits) {
            Ok(()) => {}
            Err(Refused::All(error)) => return Err(error),
            Err(Refused::Line(problem)) => {
                if bad.len() < BAD_LINES_MAX {
                    number += memchr_iter(b'\n', &body[counted..start]).count() as u64;
                    counted = start;
                    bad.push(BadLine { number, problem });
                }
                rejected += 1;
                reader.cursor.skip_line();
            }
        }
    }
    Ok(Decoded { batch: gather.finish(), bad, rejected })
}

struct Reader<'a> {
    cursor: Cursor<'a>,
    fields: Fields<'a>,
    precision: Precision,
}

impl Reader<'_> {
    /// Reads a line to its end and adds it, or stops where it is wrong.
    fn line(&mut self, gather: &mut Gather<'_>, now: i64, limits: &Limits) -> Result<(), Refused> {
        let key = self.cursor.key()?;
        let series = gather.series(key).inspect_err(|_| {
            // Only to find the line's end.
            drop(self.fields.read(&mut self.cursor, None, limits));
        })?;
        let as_expected = self.fields.read(&mut self.cursor, gather.expected(series), limits)?;
        let time = self.cursor.time(self.precision)?.unwrap_or(now);
        gather.push(series, time, &self.fields, as_expected)
    }
}
