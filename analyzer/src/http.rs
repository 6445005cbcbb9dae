//! SQL over HTTP: `POST /api/v1/sql` with the text, or with JSON `{"sql": "..."}`; `GET /api/v1/sql?q=...`
//! for a terminal.
//!
//! The answer is JSON, CSV (`Accept: text/csv`) or an Arrow stream
//! (`Accept: application/vnd.apache.arrow.stream`), and streams. JSON is
//!
//! ```json
//! {"columns": [{"name": "time", "type": "Timestamp(ns, \"UTC\")"}], "rows": [["2026-01-01T00:00:00Z"]], "elapsed_ms": 3}
//! ```
//!
//! Times are RFC 3339; what JSON's numbers cannot say is text: `"NaN"`, `"Infinity"`, `"-Infinity"`, and
//! integers beyond 2^53, which many readers would round. Decimals and other types are text too.
//!
//! Errors are `{"error": "...", "hint": "..."}`. The first MiB is held back, so nearly every error has
//! its status; one after that ends JSON with a member `error`, and breaks the connection otherwise.

use std::{sync::Arc, time::Instant};

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::{DefaultBodyLimit, Query, State},
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{ACCEPT, CONTENT_TYPE, RETRY_AFTER},
    },
    response::{IntoResponse, Response},
    routing::get,
};
use futures::{Stream, StreamExt, stream};
use serde::{Deserialize, Serialize};

use crate::{
    sql::{QueryLimits, SqlError},
    store::Store,
};

mod delete;
mod format;
#[cfg(test)]
mod tests;

pub use delete::delete_router;
use format::{Encoder, Format};

/// What is held back until the status is sent: answers up to here never fail half way.
const HELD_BACK_BYTES: usize = 1 << 20;
/// A query's text with its JSON around it; the engine takes 1 MiB of text.
const BODY_BYTES_MAX: usize = 2 << 20;

/// What the handlers hold.
#[derive(Clone, Debug)]
struct Served {
    store: Arc<Store>,
    limits: QueryLimits,
}

/// The route `/api/v1/sql` over `store`; every query gets `limits`.
pub fn router(store: Arc<Store>, limits: QueryLimits) -> Router {
    Router::new()
        .route("/api/v1/sql", get(by_get).post(by_post))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(Served { store, limits })
}

/// `?q=SELECT ...`
#[derive(Debug, Deserialize)]
struct Asked {
    q: String,
}

/// `{"sql": "SELECT ..."}`
#[derive(Debug, Deserialize)]
struct AskedInJson {
    sql: String,
}

/// What is answered when nothing else can be.
#[derive(Debug, Serialize)]
struct Problem {
    error: String,
    hint: String,
}

async fn by_get(State(served): State<Served>, headers: HeaderMap, Query(asked): Query<Asked>) -> Response {
    answer(&served, &headers, &asked.q).await
}

async fn by_post(State(served): State<Served>, headers: HeaderMap, body: Bytes) -> Response {
    match text_of(&headers, &body) {
        Ok(text) => answer(&served, &headers, &text).await,
        Err(error) => problem(&error),
    }
}

fn text_of(headers: &HeaderMap, body: &[u8]) -> Result<String, SqlError> {
    let is_json = headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    if is_json {
        let asked: Result<AskedInJson, _> = serde_json::from_slice(body);
        return asked
            .map(|asked| asked.sql)
            .map_err(|error| SqlError::Invalid(format!("not {{\"sql\": ...}}: {error}")));
    }
    String::from_utf8(body.to_vec()).map_err(|_| SqlError::Invalid("the query is not UTF-8".into()))
}

async fn answer(served: &Served, headers: &HeaderMap, text: &str) -> Response {
    let begun = Instant::now();
    let format = Format::accepted(headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default());
    let result = match served.store.sql(text, served.limits).await {
        Ok(result) => result,
        Err(error) => return problem(&error),
    };
    let encoder = match Encoder::new(format, &result.schema(), begun) {
        Ok(encoder) => encoder,
        Err(error) => return problem(&error),
    };
    let mut chunks = Box::pin(encoder.encode(result));
    let mut held_back = Vec::new();
    while held_back.len() < HELD_BACK_BYTES {
        match chunks.next().await {
            Some(Ok(bytes)) => held_back.extend(bytes),
            Some(Err(error)) => return problem(&error),
            None => return respond(format, Body::from(held_back)),
        }
    }
    let rest = rest(format, chunks);
    respond(format, Body::from_stream(stream::once(async { Ok(Bytes::from(held_back)) }).chain(rest)))
}

/// What follows after the status was sent.
fn rest(
    format: Format,
    chunks: impl Stream<Item = Result<Vec<u8>, SqlError>>,
) -> impl Stream<Item = Result<Bytes, SqlError>> {
    chunks.map(move |chunk| match (chunk, format) {
        (Err(error), Format::Json) => Ok(Bytes::from(format::json_ending_with(&error))),
        (chunk, _) => chunk.map(Bytes::from),
    })
}

fn respond(format: Format, body: Body) -> Response {
    ([(CONTENT_TYPE, HeaderValue::from_static(format.content_type()))], body).into_response()
}

fn status_of(error: &SqlError) -> StatusCode {
    match error {
        SqlError::ReadOnly { .. } | SqlError::UnknownTable { .. } | SqlError::Invalid(_) => StatusCode::BAD_REQUEST,
        SqlError::Timeout { .. } => StatusCode::REQUEST_TIMEOUT,
        SqlError::TooManyRows { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        SqlError::Memory(_) => StatusCode::UNPROCESSABLE_ENTITY,
        SqlError::Busy { .. } | SqlError::Closed => StatusCode::SERVICE_UNAVAILABLE,
        SqlError::Unreadable(_) | SqlError::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn problem(error: &SqlError) -> Response {
    let status = status_of(error);
    let body = Json(Problem { error: error.to_string(), hint: error.hint() });
    match status {
        StatusCode::SERVICE_UNAVAILABLE => {
            (status, [(RETRY_AFTER, HeaderValue::from_static("2"))], body).into_response()
        }
        _ => (status, body).into_response(),
    }
}
