//! The text that metrics are exposed in: Prometheus 0.0.4 and OpenMetrics 1.0.
//!
//! One parser for both, as lenient as Prometheus's own where the formats differ only in white
//! space and trailing commas, strict where a sample's meaning would be guessed. Samples come out
//! flat, histograms as their `_bucket`, `_sum` and `_count`; exemplars are skipped.
//!
//! Sources: "Exposition formats" (prometheus.io/docs/instrumenting/exposition_formats) and the
//! OpenMetrics 1.0 specification.

use std::sync::Arc;

use indexmap::IndexMap;
use weir_model::{observation::Labels, time::UnixNanos};

mod cursor;
mod metadata;
mod sample;

use self::cursor::Cursor;
pub use self::{
    metadata::{Metadata, MetricKind},
    sample::{ExposedLabels, Line, OutOfRange},
};

/// Longest line: a sample with 64 labels of 1 KiB (64 x 1 KiB = 64 KiB).
pub const LINE_BYTES_MAX: usize = 64 << 10;

/// Most samples of one scrape: kube-state-metrics of a large cluster has about a million series.
pub const SAMPLES_MAX: usize = 1_000_000;

/// Most labels of one sample; Prometheus users set 30 to 60 as their `label_limit`.
pub const LABELS_MAX: usize = 64;

/// What a scrape may bring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a line.
    pub line_bytes: usize,
    /// Samples in all.
    pub samples: usize,
    /// Labels of a sample.
    pub labels: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { line_bytes: LINE_BYTES_MAX, samples: SAMPLES_MAX, labels: LABELS_MAX }
    }
}

/// Which of the two formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `text/plain; version=0.0.4`: timestamps in milliseconds, comments anywhere.
    Prometheus004,
    /// `application/openmetrics-text; version=1.0.0`: timestamps in seconds, exemplars, `# EOF`.
    OpenMetrics1,
}

/// What was exposed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Exposition {
    /// `# HELP`, `# TYPE` and `# UNIT` by metric family.
    pub metadata: IndexMap<Arc<str>, Metadata>,
    /// The samples, in order.
    pub samples: Vec<Sample>,
}

/// One exposed sample.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Its metric, with suffix: `http_requests_total`.
    pub name: Arc<str>,
    /// Its labels, as exposed.
    pub labels: Labels,
    /// Its value.
    pub value: f64,
    /// When it was taken, where the exposer says so.
    pub time: Option<UnixNanos>,
}

/// Why a text is not in its format.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct ParseError {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong there.
    pub problem: Problem,
}

/// What can be wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Something else was due.
    #[error("expected {expected} at {found:?}")]
    Expected {
        /// What was due.
        expected: &'static str,
        /// The line from there on, at most 40 characters of it.
        found: String,
    },
    /// The same label twice.
    #[error("label {0:?} is given twice")]
    DuplicateLabel(String),
    /// Longer than the limit.
    #[error("longer than {0} bytes")]
    LineTooLong(usize),
    /// More samples than the limit.
    #[error("more than {0} samples")]
    TooManySamples(usize),
    /// More labels than the limit.
    #[error("more than {0} labels")]
    TooManyLabels(usize),
    /// The text was cut off.
    #[error("the text ends without # EOF")]
    MissingEof,
    /// Something after the end.
    #[error("text after # EOF")]
    AfterEof,
}

/// Parses a whole scrape.
///
/// # Errors
/// At the first line that is not in the format, or over a limit.
pub fn parse(text: &str, format: Format, limits: Limits) -> Result<Exposition, ParseError> {
    let mut exposition = Exposition::default();
    let Exposition { metadata, samples } = &mut exposition;
    read(text, format, limits, metadata, |line| {
        let (name, labels) = line.series(limits)?;
        // One that was taken at no time that can be written is left out.
        if let Ok(time) = line.time {
            samples.push(Sample { name, labels: Labels::new(labels), value: line.value, time });
        }
        Ok(())
    })?;
    Ok(exposition)
}

/// Reads a whole scrape sample by sample, for who knows most series by their text: a line that is handed to
/// `take` has a value, and perhaps a series that is none.
///
/// # Errors
/// At the first line that is not in the format, over a limit, or not taken.
pub fn read<'a>(
    text: &'a str,
    format: Format,
    limits: Limits,
    metadata: &mut IndexMap<Arc<str>, Metadata>,
    mut take: impl FnMut(Line<'a>) -> Result<(), Problem>,
) -> Result<(), ParseError> {
    let (mut at_eof, mut lines, mut samples) = (false, 0, 0);
    for line in text.lines() {
        lines += 1;
        let parsed = match at_eof {
            true => Err(Problem::AfterEof),
            false => read_line(line, format, limits, metadata).and_then(|read| match read {
                Read::Nothing => Ok(false),
                Read::Eof => Ok(true),
                Read::Sample(_) if samples == limits.samples => Err(Problem::TooManySamples(limits.samples)),
                Read::Sample(line) => {
                    samples += 1;
                    take(line).map(|()| false)
                }
            }),
        };
        at_eof = parsed.map_err(|problem| ParseError { line: lines, problem })?;
    }
    match format == Format::OpenMetrics1 && !at_eof {
        true => Err(ParseError { line: lines, problem: Problem::MissingEof }),
        false => Ok(()),
    }
}

/// What a line was.
enum Read<'a> {
    Nothing,
    Sample(Line<'a>),
    Eof,
}

fn read_line<'a>(
    line: &'a str,
    format: Format,
    limits: Limits,
    metadata: &mut IndexMap<Arc<str>, Metadata>,
) -> Result<Read<'a>, Problem> {
    if line.len() > limits.line_bytes {
        return Err(Problem::LineTooLong(limits.line_bytes));
    }
    if format == Format::OpenMetrics1 && line == "# EOF" {
        return Ok(Read::Eof);
    }
    let mut cursor = Cursor::new(line);
    cursor.skip_blanks();
    if cursor.eat('#') {
        metadata::parse(cursor, metadata)?;
    } else if !cursor.is_at_end() {
        return Ok(Read::Sample(sample::parse(cursor, format, limits)?));
    }
    Ok(Read::Nothing)
}

#[cfg(test)]
mod tests;
