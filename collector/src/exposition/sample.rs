//! A sample's line: `name{label="value"} 1.5 1700000000000`.

use std::sync::Arc;

use weir_model::time::UnixNanos;

use super::{Format, Limits, Problem, cursor::Cursor};

/// Digits of a second's fraction that nanoseconds have.
const NANO_DIGITS: usize = 9;

/// A time that does not fit into 64 bits of nanoseconds: milliseconds where seconds are due, say. Only its sample is
/// lost by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfRange;

/// Labels as they are exposed: names with values, which may be empty.
pub type ExposedLabels<'a> = Vec<(&'a str, String)>;

/// A sample whose series is a text still.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Line<'a> {
    /// The metric and its labels, as exposed. Equal texts are of the same series.
    pub text: &'a str,
    /// The value.
    pub value: f64,
    /// When it was taken, where the exposer says so.
    pub time: Result<Option<UnixNanos>, OutOfRange>,
    whole: Cursor<'a>,
}

impl Line<'_> {
    /// The metric and its labels, those that are empty too: `instance=""` says that there is none.
    ///
    /// # Errors
    /// When they are malformed, or over a limit.
    pub fn series(&self, limits: Limits) -> Result<(Arc<str>, ExposedLabels<'_>), Problem> {
        let mut cursor = self.whole;
        let name = cursor.name(true, "a metric name")?;
        cursor.skip_blanks();
        let labels = if cursor.eat('{') { parse_labels(&mut cursor, limits.labels)? } else { Vec::new() };
        let (_, mut values) = self.whole.split_series();
        values.skip_blanks();
        cursor.skip_blanks();
        if cursor.rest().len() != values.rest().len() {
            return Err(cursor.expected("a value"));
        }
        Ok((name.into(), labels))
    }
}

/// Finds where the series ends, and reads what follows.
pub(super) fn parse(whole: Cursor<'_>, format: Format, limits: Limits) -> Result<Line<'_>, Problem> {
    let (text, mut values) = whole.split_series();
    match parse_values(&mut values, format) {
        Ok((value, time)) => Ok(Line { text, value, time, whole }),
        // What is wrong further left is what was wrong first.
        Err(problem) => Err(Line { text, value: 0.0, time: Ok(None), whole }.series(limits).err().unwrap_or(problem)),
    }
}

fn parse_values(
    cursor: &mut Cursor<'_>,
    format: Format,
) -> Result<(f64, Result<Option<UnixNanos>, OutOfRange>), Problem> {
    let value = parse_value(cursor)?;
    let time = parse_time(cursor, format)?;
    cursor.skip_blanks();
    let is_exemplar = format == Format::OpenMetrics1 && cursor.starts_with('#');
    match cursor.is_at_end() || is_exemplar {
        true => Ok((value, time)),
        false => Err(cursor.expected("the end of the line")),
    }
}

/// The labels after `{`, and the `}`.
fn parse_labels<'a>(cursor: &mut Cursor<'a>, labels_max: usize) -> Result<ExposedLabels<'a>, Problem> {
    let mut pairs = ExposedLabels::new();
    loop {
        cursor.skip_blanks();
        if cursor.eat('}') {
            return Ok(pairs);
        }
        let name = cursor.name(false, "a label name or }")?;
        cursor.require('=', "= after a label name")?;
        let value = cursor.quoted()?;
        if pairs.iter().any(|(other, _)| *other == name) {
            return Err(Problem::DuplicateLabel(name.to_owned()));
        }
        if pairs.len() == labels_max {
            return Err(Problem::TooManyLabels(labels_max));
        }
        pairs.push((name, value));
        cursor.skip_blanks();
        if !cursor.eat(',') && !cursor.starts_with('}') {
            return Err(cursor.expected(", or } after a label"));
        }
    }
}

/// Go's `ParseFloat` and Rust's agree on all that exposers write: `1e-3`, `+Inf`, `NaN`.
fn parse_value(cursor: &mut Cursor<'_>) -> Result<f64, Problem> {
    cursor.skip_blanks();
    let start = *cursor;
    cursor.word().parse().map_err(|_| start.expected("a value"))
}

fn parse_time(cursor: &mut Cursor<'_>, format: Format) -> Result<Result<Option<UnixNanos>, OutOfRange>, Problem> {
    cursor.skip_blanks();
    if cursor.is_at_end() || cursor.starts_with('#') {
        return Ok(Ok(None));
    }
    let start = *cursor;
    let word = cursor.word();
    let (nanos, is_number) = match format {
        Format::Prometheus004 => {
            let digits = word.strip_prefix(['-', '+']).unwrap_or(word);
            let is_whole = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            (word.parse::<i64>().ok().and_then(|millis| millis.checked_mul(1_000_000)), is_whole)
        }
        Format::OpenMetrics1 => (seconds_as_nanos(word), word.parse::<f64>().is_ok_and(f64::is_finite)),
    };
    match nanos {
        Some(nanos) => Ok(Ok(Some(UnixNanos(nanos)))),
        None if is_number => Ok(Err(OutOfRange)),
        None => Err(start.expected("a timestamp")),
    }
}

/// Decimal seconds, exactly: a float has only 200 ns at today's dates. Digits past the
/// nanosecond are cut; an exponent is read as a float after all.
fn seconds_as_nanos(text: &str) -> Option<i64> {
    let (digits, negative) = text.strip_prefix('-').map_or((text, false), |digits| (digits, true));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) {
        let nanos = text.parse::<f64>().ok()? * 1e9;
        return (nanos.abs() < i64::MAX as f64).then_some(nanos as i64);
    }
    let fraction = format!("{:0<width$.width$}", fraction, width = NANO_DIGITS);
    let nanos = whole.parse::<i64>().ok()?.checked_mul(1_000_000_000)?.checked_add(fraction.parse().ok()?)?;
    Some(if negative { -nanos } else { nanos })
}
