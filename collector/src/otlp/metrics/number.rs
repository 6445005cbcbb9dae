//! Gauges and sums: one sample a data point, in the table of the metric's name.
//!
//! Whether a sum is monotonic changes nothing here: that a counter was reset is for `rate` to see.

use bytes::Bytes;
use prost::Message;
use weir_model::observation::STALE_NAN_BITS;

use super::Metric;
use crate::otlp::{
    Problem, Unread,
    accumulate::{Delta, Increment},
    gathered::Gathered,
    series::Part,
    wire::metrics::{NO_RECORDED_VALUE, NumberDataPoint},
};

pub(super) fn read_gauge(gathered: &mut Gathered, metric: &Metric<'_>, point: Bytes) -> Result<(), Unread> {
    read(gathered, metric, NumberDataPoint::decode(point)?, false)
}

pub(super) fn read_sum(gathered: &mut Gathered, metric: &Metric<'_>, point: Bytes) -> Result<(), Unread> {
    let point = NumberDataPoint::decode(point)?;
    read(gathered, metric, point, metric.temporality.is_delta()?)
}

fn read(gathered: &mut Gathered, metric: &Metric<'_>, point: NumberDataPoint, is_delta: bool) -> Result<(), Unread> {
    gathered.exemplars += point.exemplars.len() as u64;
    let value = value_of(&point)?;
    let time = gathered.time(point.time_unix_nano)?;
    let family = metric.naming.family(&point.attributes)?;
    // A delta series begins with a zero, so it may be two.
    gathered.count_samples(1 + usize::from(is_delta), family.labels())?;
    match value {
        Some(value) if is_delta => gathered.deltas.push(Delta {
            family,
            start: i64::try_from(point.start_time_unix_nano).unwrap_or(0),
            time,
            increment: Increment::Number(value),
        }),
        value => {
            let value = value.unwrap_or(f64::from_bits(STALE_NAN_BITS));
            family.push(metric.cache, &mut gathered.samples, Part::Whole, time, value);
        }
    }
    Ok(())
}

/// The value; `None` where there is none on purpose. Whole numbers beyond 2^53 are rounded.
fn value_of(point: &NumberDataPoint) -> Result<Option<f64>, Problem> {
    if point.flags & NO_RECORDED_VALUE != 0 {
        return Ok(None);
    }
    let value = point.as_double.or(point.as_int.map(|value| value as f64));
    value.map(Some).ok_or(Problem::NoValue)
}
