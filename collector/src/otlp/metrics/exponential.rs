//! Exponential histograms: one row of the table of the metric's name, with the fields that native histograms of
//! remote write have, because they are the same thing with buckets counted from 1 and not from 0.
//!
//! | field | what |
//! |---|---|
//! | `count`, `count_int` | of all values, as float and as integer |
//! | `sum`, `min`, `max` | of them, where they are told |
//! | `schema` | the scale: the base b is 2^(2^-schema) |
//! | `zero_threshold` | values as near to zero as that are counted in `zero_count`, `zero_count_int` |
//! | `reset_hint` | 0, or 3 (gauge) where the temporality is delta: such rows are kept as sent, each counts for itself |
//! | `start_time_ms` | since when it counts, in milliseconds since the epoch |
//! | `positive_spans` | `[[gap, length], ...]`: adjacent buckets, each span after a gap from bucket 0 or from the span before it; bucket i holds values in (b^(i-1), b^i] |
//! | `positive_deltas` | counts of these buckets, each as its difference from the one before it |
//! | `negative_spans`, `negative_deltas` | the same for negative values |
//! | `value` | the staleness marker where the series ends; null otherwise |

use bytes::Bytes;
use prost::Message;
use weir_model::observation::{Row, STALE_NAN_BITS, VALUE};

use super::Metric;
use crate::otlp::{
    Problem, Unread,
    gathered::Gathered,
    limits::{BUCKETS_MAX, SAMPLES_OF_ROW},
    wire::metrics::{Buckets, ExponentialDataPoint, NO_RECORDED_VALUE},
};

/// `reset_hint`: whether the histogram was reset is for the reader to see.
const UNKNOWN: i64 = 0;
/// `reset_hint`: the histogram does not count on from the one before it.
const GAUGE: i64 = 3;

/// Empty buckets within a span: a new one takes as much text as about three of them.
const EMPTY_MAX: usize = 2;

pub(super) fn read(gathered: &mut Gathered, metric: &Metric<'_>, point: Bytes) -> Result<(), Unread> {
    let point = ExponentialDataPoint::decode(point)?;
    gathered.exemplars += point.exemplars.len() as u64;
    let reset_hint = if metric.temporality.is_delta()? { GAUGE } else { UNKNOWN };
    let time = gathered.time(point.time_unix_nano)?;
    let series = metric.naming.family(&point.attributes)?.whole;
    gathered.count_samples(SAMPLES_OF_ROW, 0)?;
    let row = Row::new(series.table().clone(), time, series.labels().clone());
    if point.flags & NO_RECORDED_VALUE != 0 {
        let stale = f64::from_bits(STALE_NAN_BITS);
        gathered.rows.push(row.f64("sum", stale).f64(VALUE, stale).into_rows());
        return Ok(());
    }
    let (count, zero_count) = (in_63_bits(point.count)?, in_63_bits(point.zero_count)?);
    let (positive, negative) = (Spans::of(point.positive)?, Spans::of(point.negative)?);
    let row = row
        .f64("count", count as f64)
        .i64("count_int", count)
        .f64_or_null("sum", point.sum)
        .i64("schema", point.scale.into())
        .f64("zero_threshold", point.zero_threshold)
        .f64("zero_count", zero_count as f64)
        .i64("zero_count_int", zero_count)
        .i64("reset_hint", reset_hint)
        .i64_or_null("start_time_ms", start_millis(point.start_time_unix_nano));
    let row = positive.onto(row, "positive_spans", "positive_deltas");
    let row = negative.onto(row, "negative_spans", "negative_deltas");
    gathered.rows.push(row.f64_or_null("min", point.min).f64_or_null("max", point.max).into_rows());
    Ok(())
}

/// Milliseconds since the epoch; `None` where it is not told.
fn start_millis(unix_nano: u64) -> Option<i64> {
    i64::try_from(unix_nano / 1_000_000).ok().filter(|millis| *millis != 0)
}

fn in_63_bits(count: u64) -> Result<i64, Problem> {
    i64::try_from(count).map_err(|_| Problem::CountTooLarge)
}

/// Buckets as a native histogram has them: spans of adjacent ones, and for each its count's difference from the
/// one before it in any span.
#[derive(Debug, Default)]
struct Spans {
    /// How many buckets lie between a span and the one before it (for the first: before bucket 0), and how many it has.
    spans: Vec<(i64, usize)>,
    deltas: Vec<i64>,
}

impl Spans {
    fn of(buckets: Option<Buckets>) -> Result<Self, Problem> {
        let Buckets { offset, bucket_counts } = buckets.unwrap_or_default();
        if bucket_counts.len() > BUCKETS_MAX {
            return Err(Problem::TooManyBuckets);
        }
        let mut made = Self::default();
        // Prometheus's bucket i ends where OpenTelemetry's i begins.
        let (mut empty, mut before, mut gap) = (0, 0, i64::from(offset) + 1);
        for count in bucket_counts {
            let count = in_63_bits(count)?;
            if count == 0 {
                empty += 1;
                continue;
            }
            match made.spans.last_mut() {
                Some((_, length)) if empty <= EMPTY_MAX => {
                    *length += empty + 1;
                    for _ in 0..empty {
                        made.deltas.push(-before);
                        before = 0;
                    }
                }
                _ => made.spans.push((gap + empty as i64, 1)),
            }
            made.deltas.push(count - before);
            (empty, before, gap) = (0, count, 0);
        }
        Ok(made)
    }

    /// `row` with both as JSON, and without where there are none.
    fn onto(&self, row: Row, spans: &str, deltas: &str) -> Row {
        if self.spans.is_empty() {
            return row;
        }
        let spans_listed = listed(self.spans.iter().map(|(gap, length)| format!("[{gap},{length}]")));
        row.text(spans, spans_listed).text(deltas, listed(self.deltas.iter().map(i64::to_string)))
    }
}

fn listed(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(","))
}
