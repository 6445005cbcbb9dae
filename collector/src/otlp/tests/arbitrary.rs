//! Bytes as nobody should send them.

use proptest::prelude::*;
use prost::Message;
use serde_json::json;

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
    let refused = logs::decode(&bytes.into(), NOW, &limits).unwrap_err();
    assert!(refused.to_string().contains("recursion limit"), "{refused}");
}
