//! Which data points are of one series.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{NOW, request, sent};
use crate::{
    otlp::{gathered::Decoded, limits::Limits, metrics, wire::metrics::MetricsRequest},
    series_cache::SeriesCache,
};

fn decoded(json: &Value, cache: &SeriesCache) -> Decoded {
    let limits = Limits::default();
    metrics::decode(&sent(json).message::<MetricsRequest>(&limits).unwrap(), NOW, cache, &limits).unwrap()
}

fn attribute(key: &str, value: &str) -> Value {
    json!({"key": key, "value": {"stringValue": value}})
}

#[test]
fn known_series_are_handed_out_again() {
    let cache = SeriesCache::default();
    let request = request(&json!([
        {"name": "latency", "histogram": {"aggregationTemporality": 2, "dataPoints": [
            {"timeUnixNano": "1", "bucketCounts": [1, 2], "explicitBounds": [1.0], "sum": 1.0}]}},
        {"name": "gc", "summary": {"dataPoints": [{"timeUnixNano": "1", "quantileValues": [{"quantile": 0.5}]}]}},
    ]));
    let first = decoded(&request, &cache).batch.samples.series;
    let known = cache.usage().series;
    assert_eq!(decoded(&request, &cache).batch.samples.series, first);
    assert_eq!(cache.usage().series, known, "nothing was new");
}

#[test]
fn what_differs_anywhere_is_another_series() {
    let cache = SeriesCache::default();
    let mut seen = BTreeSet::new();
    let attribute_sets = [
        json!([]),
        json!([attribute("ab", "c")]),
        json!([attribute("a", "bc")]),
        json!([attribute("a", "b"), attribute("c", "d")]),
    ];
    for name in ["m", "ma"] {
        for resource in &attribute_sets {
            for scope in ["", "a"] {
                for point in &attribute_sets {
                    let point = json!({"timeUnixNano": "1", "asDouble": 1, "attributes": point});
                    let request = json!({"resourceMetrics": [{
                        "resource": {"attributes": resource},
                        "scopeMetrics": [{"scope": {"name": scope}, "metrics": [
                            {"name": name, "gauge": {"dataPoints": [point]}},
                        ]}],
                    }]});
                    let samples = decoded(&request, &cache).batch.samples;
                    let series = &samples.series[0];
                    // What a cache that knows nothing makes of it.
                    assert_eq!(*series, decoded(&request, &SeriesCache::default()).batch.samples.series[0]);
                    seen.insert(format!("{series:?}"));
                }
            }
        }
    }
    // The 16 pairs of attributes of resource and data point make 7 sets of labels.
    assert_eq!(seen.len(), 2 * 2 * 7);
}

#[test]
fn an_attribute_that_is_none_costs_its_data_point() {
    let point = crate::otlp::wire::metrics::NumberDataPoint {
        attributes: vec![bytes::Bytes::from_static(b"\x0a\x7f")],
        time_unix_nano: 1,
        as_double: Some(1.0),
        ..Default::default()
    };
    let mut request: MetricsRequest =
        serde_json::from_value(request(&json!([{"name": "m", "gauge": {"dataPoints": [{}]}}]))).unwrap();
    let gauge = &mut request.resource_metrics[0].scope_metrics[0].metrics[0].gauge;
    gauge.as_mut().unwrap().data_points[0] = point;
    let message = prost::Message::encode_to_vec(&request);
    let decoded = metrics::decode(&message.into(), NOW, &SeriesCache::default(), &Limits::default()).unwrap();
    assert_eq!((decoded.batch.len(), decoded.rejected[0].rows), (0, 1));
}
