//! Every kind of metric, and data points that cannot be.

use expect_test::expect;
use serde_json::json;
use weir_model::observation::STALE_NAN_BITS;

use super::{NOW, check, decoded, request, show};

#[test]
fn a_gauge_is_a_sample_a_data_point_under_its_exact_name() {
    check(
        &json!([{"name": "system.cpu.utilization", "unit": "1", "gauge": {"dataPoints": [
            {"timeUnixNano": "1700000000000000000", "asDouble": 0.25,
             "attributes": [{"key": "cpu", "value": {"intValue": "3"}}, {"key": "time", "value": {"stringValue": "t"}}]},
            {"timeUnixNano": "1600000000000000001", "asInt": "-7"},
        ]}}]),
        expect![[r#"
            metrics.system.cpu.utilization{cpu="3",label_time="t",otel_scope_name="cart",service.name="shop"} value=0.25 @1700000000
            metrics.system.cpu.utilization{otel_scope_name="cart",service.name="shop"} value=-7 @1600000000
        "#]],
    );
}

#[test]
fn sums_are_kept_when_cumulative_whether_monotonic_or_not() {
    let point = json!([{"timeUnixNano": "5000000000", "startTimeUnixNano": "1", "asInt": "12"}]);
    check(
        &json!([
            {"name": "requests", "sum": {"aggregationTemporality": 2, "isMonotonic": true, "dataPoints": point}},
            {"name": "queue", "sum": {"aggregationTemporality": 2, "dataPoints": point}},
            {"name": "neither", "sum": {"dataPoints": point}},
        ]),
        expect![[r#"
            metrics.requests{otel_scope_name="cart",service.name="shop"} value=12 @5
            metrics.queue{otel_scope_name="cart",service.name="shop"} value=12 @5
            metrics.neither: 1 the aggregation temporality is neither delta nor cumulative
        "#]],
    );
}

#[test]
fn a_histogram_is_a_classic_one() {
    check(
        &json!([{"name": "latency", "histogram": {"aggregationTemporality": 2, "dataPoints": [
            {"timeUnixNano": "5000000000", "count": "6", "sum": 8.5, "min": 0.1, "max": 9.0,
             "bucketCounts": ["1", "2", "3"], "explicitBounds": [0.005, 10.0],
             "attributes": [{"key": "le", "value": {"stringValue": "the sender's"}}],
             "exemplars": [{"asDouble": 1.0}]},
            {"timeUnixNano": "6000000000", "count": "2"},
        ]}}]),
        expect![[r#"
            metrics.latency_bucket{le="0.005",otel_scope_name="cart",service.name="shop"} value=1 @5
            metrics.latency_bucket{le="10",otel_scope_name="cart",service.name="shop"} value=3 @5
            metrics.latency_bucket{le="+Inf",otel_scope_name="cart",service.name="shop"} value=6 @5
            metrics.latency_bucket{le="+Inf",otel_scope_name="cart",service.name="shop"} value=2 @6
            metrics.latency_sum{le="the sender's",otel_scope_name="cart",service.name="shop"} value=8.5 @5
            metrics.latency_count{le="the sender's",otel_scope_name="cart",service.name="shop"} value=6 @5
            metrics.latency_count{otel_scope_name="cart",service.name="shop"} value=2 @6
        "#]],
    );
}

#[test]
fn histograms_that_cannot_be_are_left_out() {
    let point = |counts: &[u64], bounds: &[f64]| json!({"timeUnixNano": "1000000000", "count": 1, "bucketCounts": counts, "explicitBounds": bounds});
    let unordered = [point(&[1, 0, 0], &[2.0, 1.0]), point(&[1, 0, 0], &[1.0, 1.0])];
    let uneven = [point(&[1], &[1.0]), point(&[], &[1.0])];
    check(
        &json!([{"name": "latency", "histogram": {"aggregationTemporality": 2, "dataPoints": [
            unordered[0], unordered[1], uneven[0], uneven[1], point(&vec![0; 4_097], &vec![1.0; 4_096]),
        ]}}]),
        expect![[r#"
            metrics.latency: 2 the bounds of a histogram ascend, and are numbers
            metrics.latency: 2 a histogram has one bucket more than it has bounds
            metrics.latency: 1 more than 4096 buckets
        "#]],
    );
}

#[test]
fn an_exponential_histogram_is_a_row_of_a_native_one() {
    check(
        &json!([{"name": "latency", "exponentialHistogram": {"aggregationTemporality": 2, "dataPoints": [
            {"timeUnixNano": "5000000000", "count": "20", "sum": 8.5, "scale": 20, "zeroCount": "1",
             "zeroThreshold": 0.001, "min": 0.5, "max": 4.0,
             "positive": {"offset": -3, "bucketCounts": [0, 5, 2, 2, 0, 0, 3, 0, 0, 0, 4, 0]},
             "negative": {"offset": 2147483647, "bucketCounts": ["10"]}},
            {"timeUnixNano": "6000000000", "startTimeUnixNano": "1000000000", "count": "0"},
            {"timeUnixNano": "7000000000", "flags": 1},
            {"timeUnixNano": "8000000000", "count": "18446744073709551615"},
        ]}}, {"name": "increase", "exponentialHistogram": {"aggregationTemporality": 1, "dataPoints": [
            {"timeUnixNano": "5000000000", "count": "1", "zeroCount": "1"},
        ]}}]),
        expect![[r#"
            metrics.latency{otel_scope_name="cart",service.name="shop"} count=20 count_int=20 sum=8.5 schema=20 zero_threshold=0.001 zero_count=1 zero_count_int=1 reset_hint=0 start_time_ms=null positive_spans="[[-1,6],[3,1]]" positive_deltas="[5,-3,0,-2,0,3,1]" negative_spans="[[2147483648,1]]" negative_deltas="[10]" min=0.5 max=4 @5
            metrics.latency{otel_scope_name="cart",service.name="shop"} count=0 count_int=0 sum=null schema=0 zero_threshold=0 zero_count=0 zero_count_int=0 reset_hint=0 start_time_ms=1000 min=null max=null @6
            metrics.latency{otel_scope_name="cart",service.name="shop"} sum=NaN value=NaN @7
            metrics.increase{otel_scope_name="cart",service.name="shop"} count=1 count_int=1 sum=null schema=0 zero_threshold=0 zero_count=1 zero_count_int=1 reset_hint=3 start_time_ms=null min=null max=null @5
            metrics.latency: 1 an exponential histogram's numbers do not fit into 63 bits
        "#]],
    );
}

#[test]
fn a_summary_has_quantiles_a_sum_and_a_count() {
    check(
        &json!([{"name": "gc", "summary": {"dataPoints": [
            {"timeUnixNano": "5000000000", "count": "6", "sum": 8.5,
             "quantileValues": [{"value": 0.25}, {"quantile": 0.99, "value": "NaN"}, {"quantile": 1.0, "value": 3}]},
        ]}}]),
        expect![[r#"
            metrics.gc{otel_scope_name="cart",quantile="0",service.name="shop"} value=0.25 @5
            metrics.gc{otel_scope_name="cart",quantile="0.99",service.name="shop"} value=NaN @5
            metrics.gc{otel_scope_name="cart",quantile="1",service.name="shop"} value=3 @5
            metrics.gc_sum{otel_scope_name="cart",service.name="shop"} value=8.5 @5
            metrics.gc_count{otel_scope_name="cart",service.name="shop"} value=6 @5
        "#]],
    );
}

#[test]
fn labels_of_the_data_point_count_before_the_scopes_and_the_resources() {
    let attribute = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
    let request = json!({"resourceMetrics": [{
        "resource": {"attributes": [
            attribute("a", "resource"), attribute("b", "resource"), attribute("c", "resource"), attribute("d", "resource"),
        ]},
        "scopeMetrics": [{
            "scope": {"name": "lib", "version": "1.0", "attributes": [
                attribute("b", "scope"), attribute("c", "scope"), attribute("otel_scope_name", "not this"),
            ]},
            "metrics": [{"name": "m", "gauge": {"dataPoints": [{
                "timeUnixNano": 1_000_000_000, "asDouble": 1, "attributes": [attribute("c", "point"), attribute("d", "")],
            }]}}],
        }],
    }]});
    expect![[r#"
        metrics.m{a="resource",b="scope",c="point",otel_scope_name="lib",otel_scope_version="1.0"} value=1 @1
    "#]]
    .assert_eq(&show(decoded(&request)));
}

#[test]
fn values_that_are_no_text_are_written_as_json() {
    let values = [
        json!({"boolValue": true}),
        json!({"intValue": 5}),
        json!({"doubleValue": 0.5}),
        json!({"doubleValue": "-Infinity"}),
        json!({"bytesValue": "AQL_"}),
        json!({"arrayValue": {"values": [{"stringValue": "a\"b"}, {"doubleValue": "NaN"}, {}]}}),
        json!({"kvlistValue": {"values": [{"key": "z", "value": {"bytesValue": "AQL/"}}, {"key": "a"}]}}),
        json!({}),
    ];
    let attributes: Vec<_> =
        values.iter().enumerate().map(|(index, value)| json!({"key": format!("k{index}"), "value": value})).collect();
    check(
        &json!([{"name": "m", "gauge": {"dataPoints": [
            {"timeUnixNano": "1000000000", "asDouble": 1, "attributes": attributes},
        ]}}]),
        expect![[r#"
            metrics.m{k0="true",k1="5",k2="0.5",k3="-Infinity",k4="AQL/",k5="[\"a\\\"b\",\"NaN\",null]",k6="{\"z\":\"AQL/\",\"a\":null}",otel_scope_name="cart",service.name="shop"} value=1 @1
        "#]],
    );
}

#[test]
fn no_recorded_value_ends_every_series_of_the_metric() {
    let stale = json!([{"timeUnixNano": "1000000000", "flags": 1, "explicitBounds": [1.0]}]);
    let quantiles = json!([{"timeUnixNano": "1000000000", "flags": 1, "quantileValues": [{"quantile": 0.5}]}]);
    let decoded = decoded(&request(&json!([
        {"name": "gauge", "gauge": {"dataPoints": stale}},
        {"name": "sum", "sum": {"dataPoints": stale, "aggregationTemporality": 1}},
        {"name": "histogram", "histogram": {"dataPoints": stale, "aggregationTemporality": 2}},
        {"name": "summary", "summary": {"dataPoints": quantiles}},
    ])));
    let samples = decoded.batch.samples;
    assert!(samples.value.iter().all(|value| value.to_bits() == STALE_NAN_BITS), "{samples:?}");
    let names: Vec<_> = samples.series.iter().map(|series| &*series.table().name).collect();
    expect![
        "gauge sum histogram_bucket histogram_bucket histogram_sum histogram_count summary summary_sum summary_count"
    ]
    .assert_eq(&names.join(" "));
}

#[test]
fn data_points_that_cannot_be_are_left_out_with_the_reason() {
    let ahead = (NOW.0 + 3_600_000_000_001).to_string();
    let edge = (NOW.0 + 3_600_000_000_000).to_string();
    let named = |key: String, value: String| json!([{"key": key, "value": {"stringValue": value}}]);
    let many: Vec<_> = (0..64).map(|n| json!({"key": format!("k{n}"), "value": {"intValue": n}})).collect();
    check(
        &json!([
            {"name": "m", "gauge": {"dataPoints": [
                {"timeUnixNano": edge, "asDouble": 1},
                {"timeUnixNano": ahead, "asDouble": 1},
                {"timeUnixNano": "18446744073709551615", "asDouble": 1},
                {"asDouble": 1},
                {"timeUnixNano": 1},
                {"timeUnixNano": 1, "asDouble": 1, "attributes": named("".into(), "v".into())},
                {"timeUnixNano": 1, "asDouble": 1, "attributes": named("k".into(), "v".repeat(4_097))},
                {"timeUnixNano": 1, "asDouble": 1, "attributes": many},
            ]}},
            {"name": "", "gauge": {"dataPoints": [{"timeUnixNano": 1, "asDouble": 1}]}},
            {"name": "n".repeat(1_025), "gauge": {"dataPoints": [{"timeUnixNano": 1, "asDouble": 1}]}},
        ]),
        expect![[r#"
            metrics.m{otel_scope_name="cart",service.name="shop"} value=1 @1700003600
            metrics.m: 2 more than 1 h ahead of this server's clock
            metrics.m: 1 no time
            metrics.m: 1 no value
            metrics.m: 1 an attribute has no name
            metrics.m: 1 attribute "k" is too long: a name may have 1024 bytes, a label's value 4096
            metrics.m: 1 more than 64 labels: attributes of resource, scope and data point together
            metrics.: 1 the metric has no name
            metrics.: 1 the metric's name is longer than 1024 bytes
        "#]],
    );
}
