//! Histograms with explicit bounds, as classic Prometheus ones: `<name>_bucket` with the label `le`
//! and counts of everything up to it, `<name>_sum` and `<name>_count`. Minimum and maximum have no
//! place there and are left out.

use bytes::Bytes;
use prost::Message;
use weir_model::observation::{STALE_NAN_BITS, Samples};

use super::Metric;
use crate::otlp::{
    Problem, Unread,
    accumulate::{Delta, Increment},
    gathered::Gathered,
    limits::BUCKETS_MAX,
    series::{Family, Part},
    wire::metrics::{HistogramDataPoint, NO_RECORDED_VALUE},
};
use crate::series_cache::SeriesCache;

/// What a histogram counted.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::otlp) struct Counts {
    /// Of all values.
    pub(in crate::otlp) count: u64,
    /// Their sum, where it is told.
    pub(in crate::otlp) sum: Option<f64>,
    /// Upper bounds of the buckets but the last, ascending.
    pub(in crate::otlp) bounds: Vec<f64>,
    /// Per bucket: of the values in it alone. Empty where there are none.
    pub(in crate::otlp) buckets: Vec<u64>,
}

pub(super) fn read(gathered: &mut Gathered, metric: &Metric<'_>, point: Bytes) -> Result<(), Unread> {
    let point = HistogramDataPoint::decode(point)?;
    gathered.exemplars += point.exemplars.len() as u64;
    let is_stale = point.flags & NO_RECORDED_VALUE != 0;
    let is_delta = metric.temporality.is_delta()?;
    check_buckets(&point, is_stale)?;
    let time = gathered.time(point.time_unix_nano)?;
    let family = metric.naming.family(&point.attributes)?;
    let samples = point.explicit_bounds.len() + 3;
    gathered.count_samples(samples * (1 + usize::from(is_delta)), family.labels())?;
    let counts =
        Counts { count: point.count, sum: point.sum, bounds: point.explicit_bounds, buckets: point.bucket_counts };
    if is_stale {
        let stale = f64::from_bits(STALE_NAN_BITS);
        let bounded = counts.bounds.iter().map(|bound| (*bound, stale));
        push_values(metric.cache, &mut gathered.samples, &family, time, bounded, stale, Some(stale));
    } else if is_delta {
        let start = i64::try_from(point.start_time_unix_nano).unwrap_or(0);
        gathered.deltas.push(Delta { family, start, time, increment: Increment::Histogram(counts) });
    } else {
        push(metric.cache, &mut gathered.samples, &family, time, &counts);
    }
    Ok(())
}

fn check_buckets(point: &HistogramDataPoint, is_stale: bool) -> Result<(), Problem> {
    let (bounds, buckets) = (&point.explicit_bounds, point.bucket_counts.len());
    if bounds.len() >= BUCKETS_MAX {
        return Err(Problem::TooManyBuckets);
    }
    if bounds.iter().any(|bound| bound.is_nan()) || bounds.windows(2).any(|pair| pair[0] >= pair[1]) {
        return Err(Problem::UnorderedBounds);
    }
    let is_whole = buckets == bounds.len() + 1 || (buckets == 0 && (bounds.is_empty() || is_stale));
    if is_whole { Ok(()) } else { Err(Problem::BucketsAndBounds) }
}

/// Appends what a histogram counted up to `time`, as samples of its three tables.
pub(in crate::otlp) fn push(cache: &SeriesCache, samples: &mut Samples, family: &Family, time: i64, counts: &Counts) {
    let mut up_to = 0_u64;
    let bounded = counts.bounds.iter().zip(&counts.buckets).map(|(bound, bucket)| {
        up_to = up_to.saturating_add(*bucket);
        (*bound, up_to as f64)
    });
    push_values(cache, samples, family, time, bounded, counts.count as f64, counts.sum);
}

fn push_values(
    cache: &SeriesCache,
    samples: &mut Samples,
    family: &Family,
    time: i64,
    bounded: impl Iterator<Item = (f64, f64)>,
    count: f64,
    sum: Option<f64>,
) {
    let mut push = |part, value| family.push(cache, samples, part, time, value);
    // An infinite last bound of the sender's own is the bucket of everything.
    for (bound, value) in bounded.filter(|(bound, _)| *bound != f64::INFINITY) {
        push(Part::Bucket(bound), value);
    }
    push(Part::Bucket(f64::INFINITY), count);
    if let Some(sum) = sum {
        push(Part::Sum, sum);
    }
    push(Part::Count, count);
}
