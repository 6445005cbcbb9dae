//! Requests as SDKs and collectors make them, and bytes as nobody should.

use expect_test::Expect;
use serde_json::Value;
use weir_model::{observation::Rows, time::UnixNanos};

use super::{
    body::{Form, Sent},
    gathered::Decoded,
    limits::Limits,
    wire::{logs::LogsRequest, metrics::MetricsRequest},
};
use crate::{
    series_cache::SeriesCache,
    sink::{Rejection, recorder::render},
};

mod arbitrary;
mod deltas;
mod grpc;
mod http;
mod json;
mod limited;
mod log_records;
mod log_times;
mod metric_kinds;
mod series;

const NOW: UnixNanos = UnixNanos::from_secs(1_700_000_000);

/// A request of one resource, one scope and these metrics.
fn request(metrics: &Value) -> Value {
    serde_json::json!({"resourceMetrics": [{
        "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]},
        "scopeMetrics": [{"scope": {"name": "cart"}, "metrics": metrics}],
    }]})
}

/// A request of one resource, one scope and these log records.
fn log_request(records: &Value) -> Value {
    serde_json::json!({"resourceLogs": [{
        "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]},
        "scopeLogs": [{"scope": {"name": "cart", "version": "1.2"}, "logRecords": records}],
    }]})
}

fn sent(json: &Value) -> Sent {
    Sent { bytes: json.to_string().into(), is_gzip: false, form: Form::Json }
}

fn decoded(json: &Value) -> Decoded {
    let limits = Limits::default();
    let message = sent(json).message::<MetricsRequest>(&limits).unwrap();
    super::metrics::decode(&message, NOW, &SeriesCache::default(), &limits).unwrap()
}

fn decoded_logs(json: &Value) -> Decoded {
    let limits = Limits::default();
    super::logs::decode(&sent(json).message::<LogsRequest>(&limits).unwrap(), NOW, &limits).unwrap()
}

/// Rows and rejections as lines. Samples of a table stand together.
fn shown(rows: Vec<Rows>, rejected: &[Rejection]) -> String {
    let rejected = rejected.iter().map(|one| format!("{}: {} {}\n", one.table, one.rows, one.reason));
    render(rows) + &rejected.collect::<String>()
}

fn show(decoded: Decoded) -> String {
    shown(decoded.batch.into_rows(), &decoded.rejected)
}

/// What becomes of these metrics.
fn check(metrics: &Value, expect: Expect) {
    expect.assert_eq(&show(decoded(&request(metrics))));
}

/// What becomes of these log records.
fn check_logs(records: &Value, expect: Expect) {
    expect.assert_eq(&show(decoded_logs(&log_request(records))));
}
