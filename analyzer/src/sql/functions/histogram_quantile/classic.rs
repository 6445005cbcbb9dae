//! The quantile of a classic histogram, by the rules of Prometheus (`promql/quantile.go`, `BucketQuantile`).

use std::cmp::Ordering;

/// How much consecutive counts may differ and still be the same, relative to their sum: what sums of floats are off.
const TOLERANCE: f64 = 1e-12;

/// A cumulative bucket.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Bucket {
    /// Its upper bound.
    pub(super) le: f64,
    /// How many observations are at most that; a rate is as good.
    pub(super) count: f64,
}

/// The `q`-quantile of what is in `buckets`, in any order.
///
/// Within a bucket observations are taken to lie evenly: from the bound of the bucket below, and in the lowest from 0.
/// NaN when the last bucket is not `+Inf`, or there is no other, or no observation; for q below 0 and above 1 the
/// infinities.
pub(super) fn quantile(q: f64, buckets: &mut Vec<Bucket>) -> f64 {
    if q.is_nan() {
        return f64::NAN;
    }
    if !(0.0..=1.0).contains(&q) {
        return if q < 0.0 { f64::NEG_INFINITY } else { f64::INFINITY };
    }
    buckets.sort_by(|a, b| a.le.total_cmp(&b.le).then_with(|| a.count.total_cmp(&b.count)));
    if buckets.last().is_none_or(|last| last.le != f64::INFINITY) {
        return f64::NAN;
    }
    add_up_same(buckets);
    make_monotonic(buckets);
    let [finite @ .., infinite] = &buckets[..] else { return f64::NAN };
    let Some(highest) = finite.last().filter(|_| infinite.count != 0.0) else { return f64::NAN };
    let rank = q * infinite.count;
    // A rank that is NaN is below no count, and ends in the last bucket.
    let at = finite.partition_point(|bucket| bucket.count.partial_cmp(&rank).is_none_or(Ordering::is_lt));
    let Some(bucket) = finite.get(at) else { return highest.le };
    let below = match at.checked_sub(1) {
        Some(below) => finite[below],
        None if bucket.le <= 0.0 => return bucket.le,
        None => Bucket { le: 0.0, count: 0.0 },
    };
    below.le + (bucket.le - below.le) * ((rank - below.count) / (bucket.count - below.count))
}

/// Adds up buckets of the same bound.
fn add_up_same(buckets: &mut Vec<Bucket>) {
    buckets.dedup_by(|next, kept| {
        let is_same = next.le == kept.le;
        if is_same {
            kept.count += next.count;
        }
        is_same
    });
}

/// Evens out counts that differ by what floats are off, and raises counts that are below the one before: both come from
/// buckets that were not read at one moment.
fn make_monotonic(buckets: &mut [Bucket]) {
    let Some(mut before) = buckets.first().map(|first| first.count) else { return };
    for bucket in buckets {
        if bucket.count < before || is_same(before, bucket.count) {
            bucket.count = before;
        }
        before = bucket.count;
    }
}

fn is_same(a: f64, b: f64) -> bool {
    let (sum, apart) = (a.abs() + b.abs(), (a - b).abs());
    if a == b {
        return true;
    }
    if a == 0.0 || b == 0.0 || sum < f64::MIN_POSITIVE {
        return apart < TOLERANCE * f64::MIN_POSITIVE;
    }
    apart / sum.min(f64::MAX) < TOLERANCE
}

#[cfg(test)]
mod tests {
    use super::*;

    const INF: f64 = f64::INFINITY;

    #[track_caller]
    fn check(buckets: &[(f64, f64)], q: f64, expected: f64) {
        let mut buckets: Vec<Bucket> = buckets.iter().map(|(le, count)| Bucket { le: *le, count: *count }).collect();
        let found = quantile(q, &mut buckets);
        assert!(found == expected || found.is_nan() && expected.is_nan(), "{found} is not {expected}");
    }

    /// 1 observation up to 0.1, 3 more up to 0.2, 4 more up to 0.5, 2 above.
    const TEN: [(f64, f64); 4] = [(0.1, 1.0), (0.2, 4.0), (0.5, 8.0), (INF, 10.0)];

    #[test]
    fn observations_lie_evenly_within_a_bucket() {
        check(&TEN, 0.25, 0.1 + (0.2 - 0.1) * (1.5 / 3.0));
        check(&TEN, 0.5, 0.2 + (0.5 - 0.2) * (1.0 / 4.0));
        check(&TEN, 0.1, 0.1);
        check(&TEN, 0.05, 0.05);
        check(&TEN, 0.0, 0.0);
        check(&TEN, 0.8, 0.5);
    }

    #[test]
    fn above_the_highest_bound_is_that_bound() {
        check(&TEN, 0.9, 0.5);
        check(&TEN, 1.0, 0.5);
    }

    #[test]
    fn the_lowest_bucket_begins_at_zero_unless_it_ends_below() {
        check(&[(-2.0, 4.0), (-1.0, 6.0), (INF, 6.0)], 0.5, -2.0);
        check(&[(0.0, 4.0), (1.0, 6.0), (INF, 6.0)], 0.5, 0.0);
        check(&[(-2.0, 2.0), (-1.0, 6.0), (INF, 6.0)], 0.5, -1.75);
    }

    #[test]
    fn what_has_no_quantile_is_not_a_number() {
        check(&TEN, f64::NAN, f64::NAN);
        check(&TEN, -0.1, -INF);
        check(&TEN, 1.1, INF);
        check(&TEN[..3], 0.5, f64::NAN);
        check(&[(INF, 10.0)], 0.5, f64::NAN);
        check(&[(0.1, 0.0), (INF, 0.0)], 0.5, f64::NAN);
        check(&[], 0.5, f64::NAN);
        // A count that is not a number is no number of observations.
        check(&[(0.1, 1.0), (INF, f64::NAN)], 0.5, 0.1);
    }

    #[test]
    fn buckets_come_in_any_order_and_may_come_twice() {
        check(&[(INF, 6.0), (0.5, 8.0), (0.2, 4.0), (0.1, 1.0), (INF, 4.0)], 0.5, 0.2 + (0.5 - 0.2) * 0.25);
    }

    #[test]
    fn counts_that_fall_are_raised() {
        check(&[(0.1, 4.0), (0.2, 2.0), (0.5, 8.0), (INF, 10.0)], 0.5, 0.2 + (0.5 - 0.2) * 0.25);
        check(&[(0.1, 4.0), (0.2, 10.0), (INF, 8.0)], 1.0, 0.2);
    }

    #[test]
    fn counts_that_differ_by_rounding_are_the_same() {
        // A third of a hair more would put the highest percentile into the last bucket.
        let count = 1.0 + 1e-13;
        check(&[(0.1, 0.5), (0.2, 1.0), (INF, count)], 1.0, 0.2);
        check(&[(0.1, 0.5), (0.2, 1.0), (0.4, count), (INF, count)], 1.0, 0.2);
    }
}
