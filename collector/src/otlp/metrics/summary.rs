//! Summaries: `<name>` with the label `quantile`, `<name>_sum` and `<name>_count`.

use bytes::Bytes;
use prost::Message;
use weir_model::observation::STALE_NAN_BITS;

use super::Metric;
use crate::otlp::{
    Problem, Unread,
    gathered::Gathered,
    limits::BUCKETS_MAX,
    series::Part,
    wire::metrics::{NO_RECORDED_VALUE, SummaryDataPoint},
};

pub(super) fn read(gathered: &mut Gathered, metric: &Metric<'_>, point: Bytes) -> Result<(), Unread> {
    let point = SummaryDataPoint::decode(point)?;
    if point.quantile_values.len() > BUCKETS_MAX {
        return Err(Problem::TooManyBuckets.into());
    }
    let time = gathered.time(point.time_unix_nano)?;
    let family = metric.naming.family(&point.attributes)?;
    gathered.count_samples(point.quantile_values.len() + 2, family.labels())?;
    let stale = (point.flags & NO_RECORDED_VALUE != 0).then(|| f64::from_bits(STALE_NAN_BITS));
    let mut push = |part, value| {
        family.push(metric.cache, &mut gathered.samples, part, time, stale.unwrap_or(value));
    };
    for at in &point.quantile_values {
        push(Part::Quantile(at.quantile), at.value);
    }
    push(Part::Sum, point.sum);
    push(Part::Count, point.count as f64);
    Ok(())
}
