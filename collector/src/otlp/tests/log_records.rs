//! Log records.

use expect_test::expect;
use serde_json::json;

use super::{check_logs, decoded_logs, log_request};

#[test]
fn a_record_has_few_labels_and_the_rest_in_fields() {
    check_logs(
        &json!([
            {"timeUnixNano": "5000000000", "observedTimeUnixNano": "6000000000", "severityNumber": 17,
             "severityText": "ERROR", "body": {"stringValue": "it broke"},
             "traceId": "5b8efff798038103d269b633813fc60c", "spanId": "EEE19B7EC3C1B174",
             "attributes": [{"key": "user", "value": {"stringValue": "u\n1"}}, {"key": "n", "value": {"intValue": "2"}}],
             "eventName": "crash"},
            {"observedTimeUnixNano": "6000000000", "severityNumber": 10,
             "body": {"kvlistValue": {"values": [{"key": "a", "value": {"boolValue": false}}]}}},
            {},
        ]),
        expect![[r#"
            metrics.logs{otel_scope_name="cart",otel_scope_version="1.2",service.name="shop",severity_text="ERROR"} body="it broke" severity_number=17 trace_id="5b8efff798038103d269b633813fc60c" span_id="eee19b7ec3c1b174" attributes="{\"user\":\"u\\n1\",\"n\":2}" event_name="crash" @5
            metrics.logs{otel_scope_name="cart",otel_scope_version="1.2",service.name="shop",severity_text="INFO2"} body="{\"a\":false}" severity_number=10 trace_id=null span_id=null attributes=null event_name=null @6
            metrics.logs{otel_scope_name="cart",otel_scope_version="1.2",service.name="shop"} body=null severity_number=null trace_id=null span_id=null attributes=null event_name=null @1700000000
        "#]],
    );
}

#[test]
fn records_that_cannot_be_are_left_out() {
    check_logs(
        &json!([
            {"timeUnixNano": "18446744073709551615"},
            {"timeUnixNano": "1", "body": {"stringValue": "b".repeat(65_537)}},
            {"timeUnixNano": "1", "severityText": "s".repeat(4_097)},
            {"timeUnixNano": "2", "body": {"stringValue": "kept"}},
        ]),
        expect![[r#"
            metrics.logs{otel_scope_name="cart",otel_scope_version="1.2",service.name="shop"} body="kept" severity_number=null trace_id=null span_id=null attributes=null event_name=null @0.000000002
            metrics.logs: 1 more than 1 h ahead of this server's clock
            metrics.logs: 1 body or attributes are longer than 65536 bytes
            metrics.logs: 1 attribute "severity_text" is too long: a name may have 1024 bytes, a label's value 4096
        "#]],
    );
}

#[test]
fn a_severity_without_text_has_its_numbers_name() {
    let records: Vec<_> = [-1, 0, 1, 4, 9, 12, 24, 25].iter().map(|number| json!({"severityNumber": number})).collect();
    let decoded = decoded_logs(&log_request(&json!(records)));
    let rows = &decoded.batch.rows[0];
    let names: Vec<_> = rows.series.iter().map(|series| rows.labels[*series as usize].get("severity_text")).collect();
    assert_eq!(names, ["", "", "TRACE", "TRACE4", "INFO", "INFO4", "FATAL4", ""]);
    assert_eq!(rows.labels.len(), 6, "records of a severity share a series");
}
