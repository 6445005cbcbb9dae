//! Requests that are too large.

use bytes::Bytes;
use expect_test::{Expect, expect};
use prost::Message;
use serde_json::json;

use super::{NOW, log_request, request, sent};
use crate::otlp::{
    DecodeError,
    body::{Form, Sent},
    limits::Limits,
    logs, metrics,
    refusal::Refusal,
    wire::{logs::LogsRequest, metrics::MetricsRequest},
};
use crate::series_cache::SeriesCache;

fn check_limit(limits: Limits, expect: Expect) {
    let attributes = json!([{"key": "k", "value": {"stringValue": "v".repeat(20)}}]);
    let point = json!({"timeUnixNano": 1, "asDouble": 1, "attributes": attributes});
    let request = request(&json!([{"name": "m", "gauge": {"dataPoints": [point, point]}}]));
    let message = sent(&request).message::<MetricsRequest>(&limits);
    let refused =
        message.and_then(|message| metrics::decode(&message, NOW, &SeriesCache::default(), &limits)).unwrap_err();
    assert!(refused.is_too_large());
    expect.assert_eq(&refused.to_string());
}

#[test]
fn every_limit_holds_and_is_named() {
    let limits = Limits::default();
    check_limit(
        Limits { message_bytes: 100, ..limits },
        expect!["the message has more than 100 bytes; send fewer data points or records at a time"],
    );
    check_limit(
        Limits { json_objects: 10, ..limits },
        expect!["the JSON text has more than 10 objects; send fewer data points or records at a time, or protobuf"],
    );
    check_limit(Limits { part_bytes: 20, ..limits }, expect!["a resource or scope has more than 20 bytes"]);
    check_limit(Limits { items: 1, ..limits }, expect!["more than 1 data points or log records; send fewer at a time"]);
    check_limit(
        Limits { samples: 1, ..limits },
        expect!["the data points become more than 1 samples; send fewer at a time"],
    );
    check_limit(
        Limits { labels_total: 5, ..limits },
        expect!["the series have more than 5 labels together; send fewer at a time"],
    );
}

#[test]
fn a_data_point_or_record_that_is_too_large_is_left_out_alone() {
    let limits = Limits { part_bytes: 100, ..Limits::default() };
    let attributes = json!([{"key": "k", "value": {"stringValue": "v".repeat(100)}}]);
    let large = json!({"timeUnixNano": 1, "asDouble": 1, "attributes": attributes});
    let points = json!([large, {"timeUnixNano": 1, "asDouble": 1}]);
    let message = sent(&request(&json!([{"name": "m", "gauge": {"dataPoints": points}}])));
    let message = message.message::<MetricsRequest>(&limits).unwrap();
    let decoded = metrics::decode(&message, NOW, &SeriesCache::default(), &limits).unwrap();
    expect![[r#"
        metrics.m{otel_scope_name="cart",service.name="shop"} value=1 @0.000000001
        metrics.m: 1 more than 100 bytes
    "#]]
    .assert_eq(&super::show(decoded));

    let records = json!([{"timeUnixNano": 1, "attributes": attributes}, {"timeUnixNano": 1}]);
    let message = sent(&log_request(&records)).message::<LogsRequest>(&limits).unwrap();
    expect![[r#"
        metrics.logs{otel_scope_name="cart",otel_scope_version="1.2",service.name="shop"} body=null severity_number=null trace_id=null span_id=null attributes=null event_name=null @0.000000001
        metrics.logs: 1 more than 100 bytes
    "#]].assert_eq(&super::show(logs::decode(&message, NOW, &limits).unwrap()));
}

#[test]
fn a_bomb_is_refused_before_it_is_unpacked() {
    let mut bomb = super::http::gzip(&vec![0; 1 << 20]);
    assert!(bomb.len() < 2_000);
    // Whoever unpacked it to its end would find that this is missing.
    bomb.truncate(bomb.len() - 100);
    let limits = Limits { message_bytes: 10_000, ..Limits::default() };
    let sent = Sent { bytes: bomb.into(), is_gzip: true, form: Form::Protobuf };
    let refused = sent.message::<MetricsRequest>(&limits).unwrap_err();
    assert!(matches!(refused, DecodeError::MessageTooLarge(10_000)), "{refused}");
    assert!(matches!(Refusal::from(refused), Refusal::TooLarge(_)));
}

#[test]
fn a_length_beyond_the_end_takes_no_memory() {
    // Field 1, 2^60 bytes.
    let mut message = vec![0x0a];
    prost::encoding::encode_varint(1 << 60, &mut message);
    let refused = metrics::decode(&Bytes::from(message), NOW, &SeriesCache::default(), &Limits::default()).unwrap_err();
    assert!(matches!(refused, DecodeError::Truncated), "{refused}");
    assert!(MetricsRequest::decode(&b"\x0a\x7f"[..]).is_err());
}

#[test]
fn a_resource_does_without_an_attribute_that_is_too_long() {
    let points = json!([{"timeUnixNano": 1, "asDouble": 1}]);
    let mut request = request(&json!([{"name": "m", "gauge": {"dataPoints": points}}]));
    let attributes = request["resourceMetrics"][0]["resource"]["attributes"].as_array_mut().unwrap();
    let arguments = "a".repeat(5_000);
    attributes.insert(0, json!({"key": "process.command_line", "value": {"stringValue": arguments}}));
    expect![[r#"
        metrics.m{otel_scope_name="cart",service.name="shop"} value=1 @0.000000001
    "#]]
    .assert_eq(&super::show(super::decoded(&request)));
}
