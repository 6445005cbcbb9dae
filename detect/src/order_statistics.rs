//! Medians and quantiles: statistics that a few wild values do not move.

/// What makes the median absolute deviation of a normal distribution its standard deviation:
/// 1 / 0.6745, the inverse of the normal distribution's third quartile.
const NORMAL_MAD: f64 = 1.482_602_218_505_602;

/// The median; the mean of the middle two of an even number. `None` of nothing.
pub(crate) fn median(values: &[f64]) -> Option<f64> {
    quantile(values, 0.5)
}

/// The standard deviation as the median absolute deviation from `centre` estimates it; 0 of nothing.
pub(crate) fn deviation(values: &[f64], centre: f64) -> f64 {
    let distances: Vec<f64> = values.iter().map(|value| (value - centre).abs()).collect();
    NORMAL_MAD * median(&distances).unwrap_or(0.0)
}

/// The `q`-quantile, 0 to 1, interpolated linearly between the two nearest ranks (Hyndman and Fan
/// 1996, "Sample quantiles in statistical packages", definition 7). `None` of nothing.
pub(crate) fn quantile(values: &[f64], q: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1)?;
    let rank = q.clamp(0.0, 1.0) * last as f64;
    let below = rank as usize;
    let above = (below + 1).min(last);
    Some(sorted[below] + (rank - below as f64) * (sorted[above] - sorted[below]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_interpolate() {
        let values = [4.0, 1.0, 3.0, 2.0];
        assert_eq!(median(&values), Some(2.5));
        assert_eq!(median(&[5.0, -1.0, 3.0]), Some(3.0));
        assert_eq!([0.0, 1.0, 0.25].map(|q| quantile(&values, q)), [Some(1.0), Some(4.0), Some(1.75)]);
        assert_eq!(quantile(&[], 0.5), None);
        assert_eq!(deviation(&[1.0, 2.0, 3.0, 1e9], 2.0), NORMAL_MAD);
    }
}
