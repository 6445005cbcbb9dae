//! Values with bounds, and names that must be known.

use std::{ops::RangeInclusive, time::Duration};

use weir_model::{
    time::Written,
    yaml::{Fields, Mark, Reader, Spanned, nearest},
};

/// A span that must lie within `bounds`; an error is noted when it does not.
pub(super) fn span(
    fields: &Fields<'_>,
    key: &str,
    written: Spanned<Duration>,
    bounds: RangeInclusive<Duration>,
) -> Spanned<Duration> {
    if !bounds.contains(&written.value) {
        let (least, most) = (Written(*bounds.start()), Written(*bounds.end()));
        fields.reader().error(written.mark, format!("`{key}` must be from {least} to {most}"));
    }
    written
}

/// As [`span`], of a key that may be absent.
pub(super) fn span_or(
    fields: &mut Fields<'_>,
    key: &'static str,
    default: Duration,
    bounds: RangeInclusive<Duration>,
) -> Duration {
    let written = fields.optional_spanned(key);
    written.map_or(default, |written| span(fields, key, written, bounds).value)
}

/// A number that must not be negative.
pub(crate) fn positive(fields: &mut Fields<'_>, key: &'static str, default: f64) -> f64 {
    match fields.optional_spanned::<f64>(key) {
        Some(number) if number.value < 0.0 => {
            fields.reader().error(number.mark, format!("`{key}` is negative ({})", number.value));
            default
        }
        Some(number) => number.value,
        None => default,
    }
}

/// A fraction from 0 to 1.
pub(crate) fn fraction(fields: &mut Fields<'_>, key: &'static str, default: f64) -> f64 {
    match fields.optional_spanned::<f64>(key) {
        Some(part) if !(0.0..=1.0).contains(&part.value) => {
            fields.reader().error(part.mark, format!("`{key}` is {}, which is not between 0 and 1", part.value));
            default
        }
        Some(part) => part.value,
        None => default,
    }
}

/// Notes that there is no `what` called `name`, and which was meant.
pub(crate) fn unknown_name<'n>(
    reader: &Reader,
    mark: Mark,
    what: &str,
    name: &str,
    known: impl Iterator<Item = &'n str>,
) {
    let message = format!("there is no {what} `{name}`");
    match nearest(name, known) {
        Some(known) => reader.error_with_hint(mark, message, format!("did you mean `{known}`?")),
        None => reader.error(mark, message),
    }
}
