//! Delta series, added up.

use expect_test::{Expect, expect};
use serde_json::{Value, json};
use weir_model::{observation::Batch, time::UnixNanos};

use super::{NOW, decoded, request, shown};
use crate::{
    otlp::{accumulate::Accumulator, gathered::rejections},
    series_cache::SeriesCache,
};

const SECOND: i64 = 1_000_000_000;

/// A delta of the interval between two times, in seconds before now.
fn point(from: i64, to: i64, value: f64) -> Value {
    let time = |before: i64| (NOW.0 - before * SECOND).to_string();
    json!({"startTimeUnixNano": time(from), "timeUnixNano": time(to), "asDouble": value})
}

fn sum(points: &[Value]) -> Value {
    json!([{"name": "hits", "sum": {"aggregationTemporality": 1, "isMonotonic": true, "dataPoints": points}}])
}

fn histogram(bounds: &[f64], counts: &[u64], from: i64, to: i64) -> Value {
    let mut point = point(from, to, 0.0);
    point["count"] = counts.iter().sum::<u64>().into();
    point["sum"] = 1.5.into();
    point["explicitBounds"] = bounds.into();
    point["bucketCounts"] = counts.into();
    json!([{"name": "latency", "histogram": {"aggregationTemporality": 1, "dataPoints": [point]}}])
}

/// What a request becomes; with `is_written` it counts.
fn add(totals: &mut Accumulator, metrics: &Value, is_written: bool) -> String {
    let decoded = decoded(&request(metrics));
    let added = totals.add(decoded.deltas, NOW, &SeriesCache::default());
    if is_written {
        totals.commit(added.staged);
    }
    // Seconds before now, so that all can be read.
    let mut rows = Batch::from(added.samples).into_rows();
    rows.iter_mut().flat_map(|rows| &mut rows.time).for_each(|time| *time -= NOW.0);
    shown(rows, &rejections(added.rejected))
}

fn check_add(totals: &mut Accumulator, metrics: &Value, expect: Expect) {
    expect.assert_eq(&add(totals, metrics, true));
}

#[test]
fn deltas_become_a_counter_that_begins_with_a_zero() {
    let mut totals = Accumulator::default();
    check_add(
        &mut totals,
        &sum(&[point(60, 50, 3.0), point(50, 40, 4.0)]),
        expect![[r#"
        metrics.hits{otel_scope_name="cart",service.name="shop"} value=0 @-59.999999999
        metrics.hits{otel_scope_name="cart",service.name="shop"} value=3 @-50
        metrics.hits{otel_scope_name="cart",service.name="shop"} value=7 @-40
    "#]],
    );
    check_add(
        &mut totals,
        &sum(&[point(40, 30, 0.5)]),
        expect![[r#"
        metrics.hits{otel_scope_name="cart",service.name="shop"} value=7.5 @-30
    "#]],
    );
    // Late, and twice.
    check_add(
        &mut totals,
        &sum(&[point(60, 50, 3.0), point(40, 30, 0.5)]),
        expect![[r#"
        metrics.hits: 2 a delta of this time or a later one is added already: it came late, or twice
    "#]],
    );
    check_add(
        &mut totals,
        &sum(&[point(30, 20, 1.0)]),
        expect![[r#"
        metrics.hits{otel_scope_name="cart",service.name="shop"} value=8.5 @-20
    "#]],
    );
}

#[test]
fn a_zero_is_written_only_where_an_interval_may_have_begun() {
    let mut without = point(10, 5, 1.0);
    without["startTimeUnixNano"] = 0.into();
    check_add(
        &mut Accumulator::default(),
        &sum(&[without]),
        expect![[r#"
        metrics.hits{otel_scope_name="cart",service.name="shop"} value=1 @-5
    "#]],
    );
    check_add(
        &mut Accumulator::default(),
        &sum(&[point(7_200, 5, 1.0)]),
        expect![[r#"
        metrics.hits{otel_scope_name="cart",service.name="shop"} value=1 @-5
    "#]],
    );
    check_add(
        &mut Accumulator::default(),
        &sum(&[point(4, 5, 1.0)]),
        expect![[r#"
        metrics.hits{otel_scope_name="cart",service.name="shop"} value=1 @-5
    "#]],
    );
}

#[test]
fn what_was_not_written_does_not_count() {
    let mut totals = Accumulator::default();
    let first = add(&mut totals, &sum(&[point(60, 50, 3.0)]), false);
    assert_eq!(add(&mut totals, &sum(&[point(60, 50, 3.0)]), true), first, "sent again, it is the same");
}

#[test]
fn histograms_are_added_up_bucket_by_bucket() {
    let mut totals = Accumulator::default();
    check_add(
        &mut totals,
        &histogram(&[1.0], &[1, 2], 60, 50),
        expect![[r#"
        metrics.latency_bucket{le="1",otel_scope_name="cart",service.name="shop"} value=0 @-59.999999999
        metrics.latency_bucket{le="+Inf",otel_scope_name="cart",service.name="shop"} value=0 @-59.999999999
        metrics.latency_bucket{le="1",otel_scope_name="cart",service.name="shop"} value=1 @-50
        metrics.latency_bucket{le="+Inf",otel_scope_name="cart",service.name="shop"} value=3 @-50
        metrics.latency_sum{otel_scope_name="cart",service.name="shop"} value=0 @-59.999999999
        metrics.latency_sum{otel_scope_name="cart",service.name="shop"} value=1.5 @-50
        metrics.latency_count{otel_scope_name="cart",service.name="shop"} value=0 @-59.999999999
        metrics.latency_count{otel_scope_name="cart",service.name="shop"} value=3 @-50
    "#]],
    );
    check_add(
        &mut totals,
        &histogram(&[1.0], &[4, 0], 50, 40),
        expect![[r#"
        metrics.latency_bucket{le="1",otel_scope_name="cart",service.name="shop"} value=5 @-40
        metrics.latency_bucket{le="+Inf",otel_scope_name="cart",service.name="shop"} value=7 @-40
        metrics.latency_sum{otel_scope_name="cart",service.name="shop"} value=3 @-40
        metrics.latency_count{otel_scope_name="cart",service.name="shop"} value=7 @-40
    "#]],
    );
    // With other bounds it is another one.
    check_add(
        &mut totals,
        &histogram(&[2.0], &[1, 1], 40, 30),
        expect![[r#"
        metrics.latency_bucket{le="2",otel_scope_name="cart",service.name="shop"} value=0 @-39.999999999
        metrics.latency_bucket{le="+Inf",otel_scope_name="cart",service.name="shop"} value=0 @-39.999999999
        metrics.latency_bucket{le="2",otel_scope_name="cart",service.name="shop"} value=1 @-30
        metrics.latency_bucket{le="+Inf",otel_scope_name="cart",service.name="shop"} value=2 @-30
        metrics.latency_sum{otel_scope_name="cart",service.name="shop"} value=0 @-39.999999999
        metrics.latency_sum{otel_scope_name="cart",service.name="shop"} value=1.5 @-30
        metrics.latency_count{otel_scope_name="cart",service.name="shop"} value=0 @-39.999999999
        metrics.latency_count{otel_scope_name="cart",service.name="shop"} value=2 @-30
    "#]],
    );
}

#[test]
fn totals_are_bounded_and_those_nobody_adds_to_make_room() {
    let mut totals = Accumulator::with_room(1, 100);
    add(&mut totals, &sum(&[point(60, 50, 3.0)]), true);
    check_add(
        &mut totals,
        &histogram(&[], &[], 60, 50),
        expect![[r#"
        metrics.latency: 1 too many delta series to add up; let the sender send cumulative ones (temporality preference)
    "#]],
    );
    let later = UnixNanos(NOW.0 + 2 * 3_600 * SECOND);
    let deltas = decoded(&request(&histogram(&[], &[], 60, 50))).deltas;
    assert!(totals.add(deltas, later, &SeriesCache::default()).rejected.is_empty());
}

#[test]
fn other_bounds_of_a_known_histogram_need_room_too() {
    let mut totals = Accumulator::with_room(1, 3);
    add(&mut totals, &histogram(&[1.0], &[1, 1], 60, 50), true);
    check_add(
        &mut totals,
        &histogram(&[1.0, 2.0], &[1, 1, 1], 50, 40),
        expect![[r#"
        metrics.latency: 1 too many delta series to add up; let the sender send cumulative ones (temporality preference)
    "#]],
    );
    assert!(add(&mut totals, &histogram(&[2.0], &[1, 1], 50, 40), true).contains("latency_count"), "as many");
}

#[test]
fn what_is_no_number_does_not_become_the_total() {
    let mut totals = Accumulator::default();
    check_add(
        &mut totals,
        &sum(&[point(0, 50, 3.0), json!({"timeUnixNano": (NOW.0 - 45 * SECOND).to_string(), "asDouble": "NaN"})]),
        expect![[r#"
        metrics.hits{otel_scope_name="cart",service.name="shop"} value=3 @-50
        metrics.hits: 1 a delta is a finite number
    "#]],
    );
    check_add(
        &mut totals,
        &sum(&[point(50, 40, 4.0)]),
        expect![[r#"
        metrics.hits{otel_scope_name="cart",service.name="shop"} value=7 @-40
    "#]],
    );
}
