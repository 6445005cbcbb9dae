//! The percentile by nearest rank: the `ceil(p/100 n)`-th smallest of `n` values.
//!
//! The rank is computed in integers: in floats `0.55 * 100` is `55.00000000000001`, whose `ceil`
//! bills the 56th value in place of the 55th.

use rust_decimal::Decimal;

/// The rank, counted from 1, that `percentile` of `n` values has: `ceil(percentile/100 * n)`,
/// computed exactly. `None` when `n` is 0 or the percentile is not in (0, 100].
pub fn nearest_rank(percentile: Decimal, n: u32) -> Option<u32> {
    if n == 0 || percentile <= Decimal::ZERO || percentile > Decimal::ONE_HUNDRED {
        return None;
    }
    let percentile = percentile.normalize();
    // A decimal is mantissa / 10^scale with mantissa < 2^96 and scale <= 28, so the product stays
    // below 2^128 and the divisor is at most 10^30 < 2^100.
    let product = percentile.mantissa().unsigned_abs() * u128::from(n);
    let divisor = 100 * 10_u128.pow(percentile.scale());
    u32::try_from(product.div_ceil(divisor)).ok()
}

/// The value at `percentile` of `values`, by nearest rank, in O(n); `values` are left in another
/// order. `None` without values or when the percentile is not in (0, 100].
pub fn percentile_of(values: &mut [u64], percentile: Decimal) -> Option<u64> {
    let rank = nearest_rank(percentile, u32::try_from(values.len()).ok()?)?;
    let (_, value, _) = values.select_nth_unstable(rank as usize - 1);
    Some(*value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decimal(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    #[test]
    fn ranks_are_exact() {
        for (percentile, n, rank) in [
            ("95", 1, 1),
            ("95", 19, 19),
            ("95", 20, 19),
            ("95", 21, 20),
            ("95", 8064, 7661),
            ("95", 8352, 7935),
            ("95", 8640, 8208),
            ("95", 8928, 8482),
            ("95", 100, 95),
            ("99.9", 1000, 999),
            ("99.9", 1001, 1000),
            ("55", 100, 55),
            ("7", 100, 7),
            ("100", 8928, 8928),
            ("0.0000000000000000000000000001", 4_294_967_295, 1),
            ("99.99999999999999999999999999", 4_294_967_295, 4_294_967_295),
            ("95.00", 20, 19),
        ] {
            assert_eq!(nearest_rank(decimal(percentile), n), Some(rank), "p {percentile} of {n}");
        }
        for (percentile, n) in [("95", 0), ("0", 20), ("-5", 20), ("100.01", 20)] {
            assert_eq!(nearest_rank(decimal(percentile), n), None, "p {percentile} of {n}");
        }
    }

    #[test]
    fn one_value_is_every_percentile_of_itself() {
        for percentile in ["0.01", "50", "95", "100"] {
            assert_eq!(percentile_of(&mut [7], decimal(percentile)), Some(7));
        }
        assert_eq!(percentile_of(&mut [], decimal("95")), None);
    }

    #[test]
    fn the_largest_twentieth_is_free() {
        let mut values: Vec<u64> = (1..=20).rev().collect();
        assert_eq!(percentile_of(&mut values, decimal("95")), Some(19));
    }

    proptest! {
        /// The definition read the other way: the smallest value that at least p % of all values
        /// do not exceed. Nothing is sorted and no rank is computed.
        #[test]
        fn equals_the_definition_by_counting(
            values in prop::collection::vec(0_u64..50, 1..80),
            tenths in 1_u32..=1000,
        ) {
            let enough = |level: u64| {
                let below = values.iter().filter(|value| **value <= level).count();
                below * 1000 >= tenths as usize * values.len()
            };
            let expected = values.iter().copied().filter(|level| enough(*level)).min();
            let percentile = Decimal::new(i64::from(tenths), 1);
            prop_assert_eq!(percentile_of(&mut values.clone(), percentile), expected);
        }
    }
}
