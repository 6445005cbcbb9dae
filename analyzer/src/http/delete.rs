//! `POST /api/v1/delete` with JSON
//!
//! ```json
//! {"table": "metrics.cpu", "where": "host = 'a'", "from": "2026-01-01T00:00:00Z", "until": "2026-01-02", "dry_run": false}
//! ```
//!
//! All but the table may be absent. Rows at `from` are deleted, those at `until` are kept. The answer repeats
//! what was asked, so that whoever records answers knows it, and says of how many series rows were deleted.

use std::sync::Arc;

use arrow::compute::kernels::cast_utils::string_to_timestamp_nanos;
use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, State},
    http::{HeaderValue, StatusCode, header::RETRY_AFTER},
    response::{IntoResponse, Response},
    routing::post,
};
use serde::{Deserialize, Serialize};

use super::{BODY_BYTES_MAX, Problem, status_of};
use crate::{
    delete::{Delete, DeleteError},
    store::Store,
};

/// The route `/api/v1/delete` over `store`.
pub fn delete_router(store: Arc<Store>) -> Router {
    Router::new().route("/api/v1/delete", post(delete)).layer(DefaultBodyLimit::max(BODY_BYTES_MAX)).with_state(store)
}

/// What is asked. A member that is misspelt is refused: without it more would be deleted.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    table: String,
    #[serde(rename = "where", default, skip_serializing_if = "Option::is_none")]
    condition: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<String>,
    #[serde(default)]
    dry_run: bool,
}

/// What was done.
#[derive(Debug, Serialize)]
struct Done {
    #[serde(flatten)]
    asked: Asked,
    series: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'static str>,
}

async fn delete(State(store): State<Arc<Store>>, body: Bytes) -> Response {
    let asked = match serde_json::from_slice::<Asked>(&body) {
        Ok(asked) => asked,
        Err(error) => return refused(format!("not {{\"table\": ...}}: {error}")),
    };
    let what = match what(&asked) {
        Ok(what) => what,
        Err(error) => return refused(error),
    };
    match store.delete(&what).await {
        Ok(deleted) => {
            let note = deleted.has_history.then_some("rows in ClickHouse, the schema `history`, stay: drop them there");
            let asked = Asked { table: deleted.table.to_string(), ..asked };
            Json(Done { asked, series: deleted.series, note }).into_response()
        }
        Err(error) => problem(&error),
    }
}

fn what(asked: &Asked) -> Result<Delete, String> {
    let time = |key: &str, text: &Option<String>| {
        let parsed = text.as_deref().map(string_to_timestamp_nanos).transpose();
        parsed.map_err(|error| format!("`{key}` is no time: {error}"))
    };
    Ok(Delete {
        table: asked.table.clone(),
        condition: asked.condition.clone(),
        from: time("from", &asked.from)?,
        until: time("until", &asked.until)?,
        dry_run: asked.dry_run,
    })
}

fn refused(error: String) -> Response {
    let hint = "as in {\"table\": \"metrics.cpu\", \"where\": \"host = 'a'\", \"from\": \"2026-01-01T00:00:00Z\", \
                \"until\": \"2026-01-02T00:00:00Z\", \"dry_run\": true}; all but the table may be absent";
    (StatusCode::BAD_REQUEST, Json(Problem { error, hint: hint.into() })).into_response()
}

fn problem(error: &DeleteError) -> Response {
    let status = match error {
        DeleteError::Rows(error) => status_of(error),
        DeleteError::Times => StatusCode::BAD_REQUEST,
        DeleteError::Flush(_) => StatusCode::SERVICE_UNAVAILABLE,
    };
    let mut response = (status, Json(Problem { error: error.to_string(), hint: error.hint() })).into_response();
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("10"));
    }
    response
}
