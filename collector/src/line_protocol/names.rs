//! Names and tags, looked at carefully: what happens once for each new series and list of fields.

use std::borrow::Cow;

use memchr::{memchr, memchr_iter};
use weir_model::observation::{Series, TableName};

use super::{
    Limits,
    problem::{LineProblem, excerpt},
};
use crate::{column_name, series_cache::SeriesCache};

/// Whether the byte at `at` has a backslash before it, in a name that begins at `start`. Backslashes
/// themselves are not escaped outside of strings: of two, the second still escapes what follows.
pub(super) fn is_escaped(bytes: &[u8], start: usize, at: usize) -> bool {
    at > start && bytes[at - 1] == b'\\'
}

/// The series that measurement and tags name, as sent, and how many tags they are.
pub(super) fn series(key: &[u8], cache: &SeriesCache, limits: &Limits) -> Result<Series, LineProblem> {
    let (measurement, mut rest) = split(key, b',');
    if measurement.is_empty() {
        return Err(LineProblem::NoMeasurement);
    }
    let measurement = name("measurement", measurement, limits)?;
    let mut tags: Vec<(Cow<'_, str>, Cow<'_, str>)> = Vec::new();
    while let Some(tag) = rest {
        if tags.len() == limits.tags {
            return Err(LineProblem::TooMany { what: "tags", limit: limits.tags });
        }
        let (tag, others) = split(tag, b',');
        tags.push(key_and_value(tag, limits)?);
        rest = others;
    }
    let mut names: Vec<&str> = tags.iter().map(|(name, _)| column_name::of_label(name)).collect();
    names.sort_unstable();
    if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(LineProblem::Duplicate("tag", excerpt(twice[0].as_bytes())));
    }
    let labels = tags.iter().map(|(name, value)| (column_name::of_label(name), &**value));
    Ok(cache.series(&TableName::metric(&*measurement), labels))
}

fn key_and_value<'a>(tag: &'a [u8], limits: &Limits) -> Result<(Cow<'a, str>, Cow<'a, str>), LineProblem> {
    let (key, value) = split(tag, b'=');
    if key.is_empty() {
        return Err(LineProblem::NoKey("tag"));
    }
    let value = value.filter(|value| !value.is_empty()).ok_or_else(|| LineProblem::NoValue("tag", excerpt(key)))?;
    if split(value, b'=').1.is_some() {
        return Err(LineProblem::Unescaped(excerpt(key)));
    }
    if value.len() > limits.tag_value_bytes {
        let limit = limits.tag_value_bytes;
        return Err(LineProblem::TooLong { what: "the value of tag", start: excerpt(key), limit });
    }
    Ok((name("tag", key, limits)?, unescape("the value of a tag", value)?))
}

/// A name's text.
pub(super) fn name<'a>(what: &'static str, raw: &'a [u8], limits: &Limits) -> Result<Cow<'a, str>, LineProblem> {
    if raw.len() > limits.name_bytes {
        return Err(LineProblem::TooLong { what, start: excerpt(raw), limit: limits.name_bytes });
    }
    unescape(what, raw)
}

/// What is before the first `stop` that is not escaped, and what is behind it.
fn split(bytes: &[u8], stop: u8) -> (&[u8], Option<&[u8]>) {
    match memchr_iter(stop, bytes).find(|at| !is_escaped(bytes, 0, *at)) {
        Some(at) => (&bytes[..at], Some(&bytes[at + 1..])),
        None => (bytes, None),
    }
}

/// A backslash before a comma, an equals sign or a space is dropped; any other stands for itself.
fn unescape<'a>(what: &'static str, raw: &'a [u8]) -> Result<Cow<'a, str>, LineProblem> {
    let text = std::str::from_utf8(raw).map_err(|_| LineProblem::NotUtf8(what))?;
    if memchr(b'\\', raw).is_none() {
        return Ok(text.into());
    }
    let mut unescaped = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        if char != '\\' || !matches!(chars.peek(), Some(',' | '=' | ' ')) {
            unescaped.push(char);
        }
    }
    Ok(unescaped.into())
}
