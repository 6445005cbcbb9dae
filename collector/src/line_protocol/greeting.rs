//! What clients ask before they write: whether a server is there, and which.

use std::sync::LazyLock;

use axum::{
    Json,
    extract::Request,
    http::{HeaderValue, StatusCode},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

/// The version of InfluxDB whose way of writing this is: clients choose by it what they send, and some
/// take nothing for a version that has not three numbers.
const VERSION: &str = "2.7.0";

/// Who it is in truth.
static BUILD: LazyLock<HeaderValue> =
    LazyLock::new(|| HeaderValue::from_static(concat!("weir-", env!("CARGO_PKG_VERSION"))));

/// `GET` or `HEAD /ping`: 204, or with `?verbose=true` 200 and the version, as version 1 has it.
pub(super) async fn ping(request: Request) -> Response {
    let is_verbose = super::server::parameter(request.uri().query(), "verbose") == "true";
    let headers = [("x-influxdb-version", HeaderValue::from_static(VERSION)), ("x-influxdb-build", BUILD.clone())];
    match is_verbose {
        true => (headers, Json(json!({ "version": VERSION }))).into_response(),
        false => (StatusCode::NO_CONTENT, headers).into_response(),
    }
}

/// `GET /health`: lines are taken.
pub(super) async fn health() -> Json<Value> {
    Json(json!({
        "name": "weir",
        "message": "ready for writes",
        "status": "pass",
        "checks": [],
        "version": VERSION,
        "commit": "",
    }))
}
