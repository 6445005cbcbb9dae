//! promtool's notation of series.

use super::ROWS_MAX;

/// What is wrong with a series.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotationError {
    #[error("`{0}` is no part of a series: write `5`, `5x3`, `1+2x3`, `1-2x3`, `_` or `_x3`")]
    NoPart(String),
    #[error("the series has more than {ROWS_MAX} samples")]
    TooLong,
}

/// The samples of `text`, one per step; `None` where there is none.
pub(super) fn samples(text: &str) -> Result<Vec<Option<f64>>, NotationError> {
    let mut samples = Vec::new();
    for part in text.split_whitespace() {
        let (first, step, more) = read(part).ok_or_else(|| NotationError::NoPart(part.to_owned()))?;
        if samples.len().saturating_add(more) >= ROWS_MAX {
            return Err(NotationError::TooLong);
        }
        // `_x3` is three times nothing, but `5x3` is four times five, as in promtool.
        let count = if first.is_none() { more } else { more + 1 };
        samples.extend((0..count).map(|index| first.map(|first| first + step * index as f64)));
    }
    Ok(samples)
}

/// The first sample, the step to the next, and how many follow (of `_`: how many there are).
fn read(part: &str) -> Option<(Option<f64>, f64, usize)> {
    let (value, times) = match part.rsplit_once('x') {
        Some((value, times)) => (value, Some(times.parse().ok()?)),
        None => (part, None),
    };
    if value == "_" {
        return Some((None, 0.0, times.unwrap_or(1)));
    }
    let (first, step) = match value.parse() {
        Ok(first) => (first, 0.0),
        // A step without `x` would be a sum: promtool refuses it too.
        Err(_) => times.and_then(|_| stepped(value))?,
    };
    Some((Some(first), step, times.unwrap_or(0)))
}

/// `1+2` or `1e3-2e-1`: the sign that separates is the one with a number on both sides.
fn stepped(value: &str) -> Option<(f64, f64)> {
    value.match_indices(['+', '-']).find_map(|(at, _)| {
        let (first, step) = value.split_at_checked(at)?;
        Some((first.parse().ok()?, step.parse().ok()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[f64]) {
        let shown: Vec<f64> = samples(text).unwrap().iter().map(|sample| sample.unwrap_or(-99.0)).collect();
        assert_eq!(shown, expected, "{text}");
    }

    #[test]
    fn the_notation_is_promtools() {
        check("", &[]);
        check("5 5x2", &[5.0, 5.0, 5.0, 5.0]);
        check("1+2x3", &[1.0, 3.0, 5.0, 7.0]);
        check("1-2x2 -1x0", &[1.0, -1.0, -3.0, -1.0]);
        check("_ 1 _x2 2", &[-99.0, 1.0, -99.0, -99.0, 2.0]);
        check("1e3-5e-1x1", &[1000.0, 999.5]);
        check("1e-3x0", &[0.001]);
    }

    #[test]
    fn what_is_no_series_is_named() {
        for part in ["1x", "x3", "1+2", "a", "1+x3", "1x-1", "_x"] {
            assert_eq!(samples(&format!("1 {part}")), Err(NotationError::NoPart(part.to_owned())));
        }
        assert_eq!(samples("1x99999").map(|samples| samples.len()), Ok(ROWS_MAX));
        assert_eq!(samples("1x100000"), Err(NotationError::TooLong));
        assert_eq!(samples("1 1x99999"), Err(NotationError::TooLong));
        assert_eq!(samples("1x18446744073709551615"), Err(NotationError::TooLong));
    }
}
