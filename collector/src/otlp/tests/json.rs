//! JSON and protobuf say the same.

use expect_test::expect;
use prost::Message;
use serde_json::{Value, json};

use super::{NOW, request, sent, show};
use crate::otlp::{
    body::{Form, Sent},
    limits::Limits,
    metrics,
    wire::{
        attributes::{AnyValue, InstrumentationScope, KeyValue, Resource, Value as AttributeValue},
        logs::LogsRequest,
        metrics::{Metric, MetricsRequest, NumberDataPoint, Numbers, ResourceMetrics, ScopeMetrics},
    },
};
use crate::series_cache::SeriesCache;

fn attribute(key: &str, value: AttributeValue) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }) }
}

#[test]
fn json_and_protobuf_are_equal() {
    let point = NumberDataPoint {
        attributes: vec![attribute("n", AttributeValue::Int(i64::MAX)).encode_to_vec().into()],
        start_time_unix_nano: 1,
        time_unix_nano: 1_000_000_007,
        as_double: Some(f64::INFINITY),
        as_int: None,
        exemplars: vec![bytes::Bytes::new()],
        flags: 0,
    };
    let metric = Metric {
        name: "m".to_owned(),
        sum: Some(Numbers { data_points: vec![point], aggregation_temporality: 2, is_monotonic: true }),
        ..Metric::default()
    };
    let in_protobuf = MetricsRequest {
        resource_metrics: vec![ResourceMetrics {
            resource: Some(Resource {
                attributes: vec![attribute("service.name", AttributeValue::Text("shop".into()))],
            }),
            scope_metrics: vec![ScopeMetrics {
                scope: Some(InstrumentationScope { name: "cart".to_owned(), ..InstrumentationScope::default() }),
                metrics: vec![metric],
            }],
        }],
    };
    let in_json = request(&json!([{"name": "m", "sum": {
        "aggregationTemporality": 2, "isMonotonic": true, "dataPoints": [{
            "attributes": [{"key": "n", "value": {"intValue": "9223372036854775807"}}],
            "startTimeUnixNano": "1", "timeUnixNano": "1000000007", "asDouble": "Infinity", "asInt": null,
            "exemplars": [{"timeUnixNano": "1"}], "somethingNew": {"a": [1]},
        }],
    }}]));
    assert_eq!(serde_json::from_value::<MetricsRequest>(in_json.clone()).unwrap(), in_protobuf);

    let limits = Limits::default();
    let protobuf = Sent { bytes: in_protobuf.encode_to_vec().into(), is_gzip: false, form: Form::Protobuf };
    let [json, protobuf] = [sent(&in_json), protobuf].map(|sent| {
        let decoded =
            metrics::decode(&sent.message::<MetricsRequest>(&limits).unwrap(), NOW, &SeriesCache::default(), &limits)
                .unwrap();
        (decoded.exemplars, show(decoded))
    });
    assert_eq!(json, protobuf);
    assert_eq!(json.0, 1);
    expect![[r#"
        metrics.m{n="9223372036854775807",otel_scope_name="cart",service.name="shop"} value=inf @1.000000007
    "#]]
    .assert_eq(&json.1);
}

#[test]
fn numbers_may_be_text_and_what_is_left_out_may_be_null() {
    let read = |json: Value| serde_json::from_value::<NumberDataPoint>(json);
    let point = read(json!({"timeUnixNano": 5, "asDouble": "1.5e3", "flags": "1", "attributes": null})).unwrap();
    assert_eq!((point.time_unix_nano, point.as_double, point.flags), (5, Some(1_500.0), 1));
    assert_eq!(read(json!({"asInt": 1e3})).unwrap().as_int, Some(1_000));
    for wrong in [json!({"timeUnixNano": -1}), json!({"asInt": 1.5}), json!({"asDouble": "x"}), json!({"flags": []})] {
        assert!(read(wrong.clone()).is_err(), "{wrong}");
    }
    let read = |id: &str| {
        let request = json!({"resourceLogs": [{"scopeLogs": [{"logRecords": [{"traceId": id}]}]}]});
        serde_json::from_value::<LogsRequest>(request)
    };
    assert_eq!(read("00fF").unwrap().resource_logs[0].scope_logs[0].log_records[0].trace_id, [0, 255][..]);
    assert!(read("0").is_err() && read("xy").is_err());
}
