//! Lists of numbers as JSON text: what a text field holds, and SQL functions read.

use std::sync::Arc;

use super::Span;

/// The list's text; `None` of an empty list, which is not stored.
fn list<T>(values: &[T], mut write: impl FnMut(&mut String, &T)) -> Option<Arc<str>> {
    let mut text = String::with_capacity(2 + 4 * values.len());
    for value in values {
        text.push(if text.is_empty() { '[' } else { ',' });
        write(&mut text, value);
    }
    (!text.is_empty()).then(|| format!("{text}]").into())
}

/// `[1,-2]`
pub(super) fn of_ints(values: &[i64]) -> Option<Arc<str>> {
    list(values, |text, value| text.push_str(&value.to_string()))
}

/// `[[0,3],[2,2]]`: offset and length of each.
pub(super) fn of_spans(values: &[Span]) -> Option<Arc<str>> {
    list(values, |text, span| text.push_str(&format!("[{},{}]", span.offset, span.length)))
}

/// `[1.5,"+Inf"]`: the shortest decimals that are read back as the same float. What JSON has no
/// number for is a string; a NaN whose bits are not those of the usual one has them behind it.
pub(super) fn of_floats(values: &[f64]) -> Option<Arc<str>> {
    list(values, |text, value| match *value {
        f64::INFINITY => text.push_str("\"+Inf\""),
        f64::NEG_INFINITY => text.push_str("\"-Inf\""),
        nan if nan.is_nan() && nan.to_bits() == f64::NAN.to_bits() => text.push_str("\"NaN\""),
        nan if nan.is_nan() => text.push_str(&format!("\"NaN:{:016x}\"", nan.to_bits())),
        finite => text.push_str(&format!("{finite:?}")),
    })
}

/// The items of a list, brackets of its own and of its items taken off.
fn items(text: Option<&str>) -> impl Iterator<Item = &str> {
    text.unwrap_or_default().split(['[', ']', ',', '"']).filter(|item| !item.is_empty())
}

pub(super) fn ints(text: Option<&str>) -> Option<Vec<i64>> {
    items(text).map(|item| item.parse().ok()).collect()
}

pub(super) fn spans(text: Option<&str>) -> Option<Vec<Span>> {
    let numbers = ints(text)?;
    let (pairs, []) = numbers.as_chunks() else { return None };
    let span = |[offset, length]: &[i64; 2]| {
        Some(Span { offset: i32::try_from(*offset).ok()?, length: u32::try_from(*length).ok()? })
    };
    pairs.iter().map(span).collect()
}

pub(super) fn floats(text: Option<&str>) -> Option<Vec<f64>> {
    let float = |item: &str| match item.strip_prefix("NaN:") {
        Some(bits) => u64::from_str_radix(bits, 16).ok().map(f64::from_bits),
        None => item.parse().ok(),
    };
    items(text).map(float).collect()
}
