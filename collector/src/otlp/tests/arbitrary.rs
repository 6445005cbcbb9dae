//! Bytes as nobody should send them.

use expect_test::expect;
use proptest::prelude::*;
use prost::Message;
use serde_json::{Value, json};

use super::{NOW, log_request, request};
use crate::otlp::{
    body::{Form, Sent},
    limits::Limits,
    log_times::LogTimes,
    logs, metrics,
    wire::{logs::LogsRequest, metrics::MetricsRequest},
};
use crate::series_cache::SeriesCache;

/// Reads a body in every way there is.
fn read(bytes: &[u8]) {
    let limits = Limits::default();
    for form in [Form::Protobuf, Form::Json] {
        for is_gzip in [false, true] {
            let sent = Sent { bytes: bytes.to_vec().into(), is_gzip, form };
            if let Ok(message) = sent.clone().message::<MetricsRequest>(&limits) {
                drop(metrics::decode(&message, NOW, &SeriesCache::default(), &limits));
            }
            if let Ok(message) = sent.message::<LogsRequest>(&limits)
                && let Ok(mut decoded) = logs::decode(&message, NOW, &limits)
            {
                decoded.batch.rows.iter_mut().for_each(|rows| LogTimes::default().give(bytes, rows));
            }
        }
    }
}

/// A request with everything in it.
fn everything() -> Vec<u8> {
    let attributes = json!([{"key": "k", "value": {"arrayValue": {"values": [{"doubleValue": 0.5}]}}}]);
    let number = json!({"timeUnixNano": "7", "asDouble": 1, "attributes": attributes});
    let buckets = json!({"offset": 3, "bucketCounts": ["1", "2"]});
    let metrics = json!([
        {"name": "gauge", "gauge": {"dataPoints": [number]}},
        {"name": "sum", "sum": {"aggregationTemporality": 1, "dataPoints": [number]}},
        {"name": "histogram", "histogram": {"aggregationTemporality": 2, "dataPoints": [
            {"timeUnixNano": "7", "count": 3, "bucketCounts": [1, 2], "explicitBounds": [0.5]}]}},
        {"name": "exponential", "exponentialHistogram": {"aggregationTemporality": 2, "dataPoints": [
            {"timeUnixNano": "7", "count": 3, "positive": buckets}]}},
        {"name": "summary", "summary": {"dataPoints": [
            {"timeUnixNano": "7", "quantileValues": [{"quantile": 0.5, "value": 1}]}]}},
    ]);
    serde_json::from_value::<MetricsRequest>(request(&metrics)).unwrap().encode_to_vec()
}

fn some_logs() -> Vec<u8> {
    let records = json!([{"timeUnixNano": "7", "body": {"stringValue": "x"}, "traceId": "00"}, {"severityNumber": 3}]);
    serde_json::from_value::<LogsRequest>(log_request(&records)).unwrap().encode_to_vec()
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        read(&bytes);
    }

    #[test]
    fn damaged_requests_never_panic(at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>()) {
        for mut bytes in [everything(), some_logs()] {
            let (at, cut) = (at.index(bytes.len()), cut.index(bytes.len() + 1));
            bytes[at] = byte;
            read(&bytes);
            read(&bytes[..cut]);
        }
    }

    #[test]
    fn arbitrary_json_never_panics(text in r#"\{("resourceMetrics"|"resourceLogs"):\[[\{\}\[\]:,"a0-9\-]{0,60}"#) {
        read(text.as_bytes());
    }
}

#[test]
fn values_within_values_are_refused_and_not_followed() {
    let mut deep = json!({"stringValue": "x"});
    for _ in 0..200 {
        deep = json!({"arrayValue": {"values": [deep]}});
    }
    let text = log_request(&json!([{"body": deep}])).to_string();
    read(text.as_bytes());
    // The same in protobuf: each level is an AnyValue (5) of an ArrayValue (1).
    let mut bytes = Vec::new();
    for level in 0..10_000 {
        let mut outer = Vec::new();
        prost::encoding::bytes::encode(if level % 2 == 0 { 1 } else { 5 }, &bytes, &mut outer);
        bytes = outer;
    }
    for tag in [5, 2, 2, 1] {
        let mut outer = Vec::new();
        prost::encoding::bytes::encode(tag, &bytes, &mut outer);
        bytes = outer;
    }
    let limits = Limits::default();
    let rejected = logs::decode(&bytes.into(), NOW, &limits).unwrap().rejected;
    assert!(rejected.len() == 1 && rejected[0].reason.contains("recursion limit"), "{rejected:?}");
}

/// What is left of a request when one string in it, this one, is not UTF-8.
fn with_broken(text: &str, request: &Value) -> String {
    let is_metrics = request.get("resourceMetrics").is_some();
    let mut bytes = match is_metrics {
        true => serde_json::from_value::<MetricsRequest>(request.clone()).unwrap().encode_to_vec(),
        false => serde_json::from_value::<LogsRequest>(request.clone()).unwrap().encode_to_vec(),
    };
    let place = bytes.windows(text.len()).position(|window| window == text.as_bytes()).unwrap();
    bytes[place] = 0xff;
    let limits = Limits::default();
    let decoded = match is_metrics {
        true => metrics::decode(&bytes.into(), NOW, &SeriesCache::default(), &limits).unwrap(),
        false => logs::decode(&bytes.into(), NOW, &limits).unwrap(),
    };
    let rejected = decoded.rejected.iter().map(|one| format!("; {} {}", one.rows, one.reason)).collect::<String>();
    format!("{} taken{rejected}", decoded.batch.len())
}

#[test]
fn a_string_that_is_not_utf_8_loses_what_it_belongs_to_and_no_more() {
    let attributes = json!([{"key": "k", "value": {"stringValue": "of one"}}]);
    let record = json!({"timeUnixNano": "7", "body": {"stringValue": "text"}});
    let logs = log_request(&json!([record, {"timeUnixNano": "8", "attributes": attributes}]));
    let gauge = |name: &str, attributes: Value| {
        let point = json!({"timeUnixNano": "7", "asDouble": 1, "attributes": attributes});
        json!({"name": name, "gauge": {"dataPoints": [point]}})
    };
    let metrics = request(&json!([gauge("first", attributes), gauge("second", json!([]))]));
    let shown = [
        with_broken("text", &logs),
        with_broken("of one", &logs),
        with_broken("shop", &logs),
        with_broken("of one", &metrics),
        with_broken("first", &metrics),
        with_broken("cart", &metrics),
    ];
    expect![[r#"
        1 taken; 1 failed to decode Protobuf message: AnyValue.value: LogRecord.body: invalid string value: data is not UTF-8 encoded
        1 taken; 1 failed to decode Protobuf message: AnyValue.value: KeyValue.value: LogRecord.attributes: invalid string value: data is not UTF-8 encoded
        0 taken; 2 failed to decode Protobuf message: AnyValue.value: KeyValue.value: Resource.attributes: invalid string value: data is not UTF-8 encoded
        1 taken; 1 failed to decode Protobuf message: AnyValue.value: KeyValue.value: invalid string value: data is not UTF-8 encoded
        1 taken; 1 failed to decode Protobuf message: MetricHead.name: invalid string value: data is not UTF-8 encoded
        0 taken; 1 failed to decode Protobuf message: InstrumentationScope.name: invalid string value: data is not UTF-8 encoded; 1 failed to decode Protobuf message: InstrumentationScope.name: invalid string value: data is not UTF-8 encoded
    "#]].assert_eq(&(shown.join("\n") + "\n"));
}
