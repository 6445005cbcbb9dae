//! `POST /api/v1/write`.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{
        HeaderMap, StatusCode,
        header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName, RETRY_AFTER},
    },
    response::{IntoResponse, Response},
    routing::post,
};
use bytes::Bytes;
use tokio::{sync::Semaphore, task::JoinError, time::timeout};
use weir_model::observation::Rows;

use super::{DecodeError, Decoded, Limits, decode};
use crate::{
    clock,
    counters::{REMOTE_WRITE_REFUSED, REMOTE_WRITE_SAMPLES, REMOTE_WRITE_SAMPLES_REJECTED},
    sink::{Rejection, Sink, SinkError, Written},
};

/// Most requests at once. The largest allowed holds 8 MiB as sent, 32 MiB decompressed and about
/// 64 MiB as rows, so 8 of them take 8 x 104 MiB = 832 MiB; usual ones take 1/1000 of that.
const IN_FLIGHT_MAX: usize = 8;

/// How long a body may take to arrive, so that slow senders do not hold all places: 8 MiB at
/// 2.3 Mbit/s.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// When to try again while all places are taken.
const BUSY_RETRY_AFTER: Duration = Duration::from_secs(1);

/// How many rejections an answer lists.
const REJECTIONS_LISTED_MAX: usize = 10;

#[derive(Debug)]
struct Receiver {
    sink: Arc<dyn Sink>,
    limits: Limits,
    places: Semaphore,
}

/// The receiver, writing into `sink`.
///
/// Answers 204 when everything is durable; 400 when the request is malformed, or when samples
/// were rejected (the others are written, as the specification allows); 408 for a body that does
/// not arrive; 413 for one too large; 415 for another encoding; 503 with `Retry-After` when the
/// request may succeed later.
pub fn router(sink: Arc<dyn Sink>) -> Router {
    let receiver = Receiver { sink, limits: Limits::default(), places: Semaphore::new(IN_FLIGHT_MAX) };
    Router::new().route("/api/v1/write", post(write)).with_state(Arc::new(receiver))
}

async fn write(State(receiver): State<Arc<Receiver>>, request: Request) -> Response {
    match receive(&receiver, request).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(refusal) => {
            REMOTE_WRITE_REFUSED.add(1);
            refusal.into_response()
        }
    }
}

async fn receive(receiver: &Receiver, request: Request) -> Result<(), Refusal> {
    check_headers(request.headers())?;
    let busy = |_| Refusal::later("too many requests at once", BUSY_RETRY_AFTER);
    let _place = receiver.places.try_acquire().map_err(busy)?;
    let body = read(request.into_body(), receiver.limits.compressed_bytes).await?;
    // On a thread of its own: megabytes take milliseconds, which probes on this thread would measure.
    let (limits, now) = (receiver.limits, clock::wall());
    let Decoded { rows, rejected } = tokio::task::spawn_blocking(move || decode(&body, now, &limits)).await??;
    let mut written = match rows.iter().all(Rows::is_empty) {
        // An empty request asks which version is spoken here.
        true => Written::default(),
        false => receiver.sink.write(rows.into()).await?,
    };
    written.rejected.extend(rejected);
    REMOTE_WRITE_SAMPLES.add(written.rows);
    REMOTE_WRITE_SAMPLES_REJECTED.add(written.rejected_rows());
    if written.rejected.is_empty() { Ok(()) } else { Err(Refusal::partial(&written)) }
}

/// Senders from before the specification leave the headers out, and mean the same.
fn check_headers(headers: &HeaderMap) -> Result<(), Refusal> {
    let refuse = |text: &str| Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, text);
    let header = |name: HeaderName| headers.get(name).map_or(Ok(""), |value| value.to_str()).unwrap_or("?");
    let content_type = header(CONTENT_TYPE).to_ascii_lowercase();
    let mut parts = content_type.split(';').map(str::trim);
    if !["", "application/x-protobuf"].contains(&parts.next().unwrap_or_default()) {
        return Err(refuse("content type must be application/x-protobuf"));
    }
    if parts.any(|part| part.starts_with("proto=") && part != "proto=prometheus.writerequest") {
        return Err(refuse("only prometheus.WriteRequest (remote write 1.0) is understood"));
    }
    match header(CONTENT_ENCODING) {
        "" | "snappy" => Ok(()),
        _ => Err(refuse("content encoding must be snappy")),
    }
}

async fn read(body: Body, limit: usize) -> Result<Bytes, Refusal> {
    let read = timeout(READ_TIMEOUT, to_bytes(body, limit)).await;
    let read = read.map_err(|_| Refusal::new(StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time"))?;
    read.map_err(|error| {
        let is_too_large =
            std::error::Error::source(&error).is_some_and(|cause| cause.is::<http_body_util::LengthLimitError>());
        match is_too_large {
            true => Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, format!("the body has more than {limit} bytes")),
            false => Refusal::new(StatusCode::BAD_REQUEST, "the body ended early"),
        }
    })
}

/// An answer that is not 204.
#[derive(Debug)]
struct Refusal {
    status: StatusCode,
    text: String,
    retry_after: Option<Duration>,
}

impl Refusal {
    fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self { status, text: text.into(), retry_after: None }
    }

    fn later(text: impl Into<String>, after: Duration) -> Self {
        Self { retry_after: Some(after), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, text) }
    }

    fn partial(written: &Written) -> Self {
        let mut text = format!("{} samples written, {} rejected", written.rows, written.rejected_rows());
        for Rejection { table, rows, reason } in written.rejected.iter().take(REJECTIONS_LISTED_MAX) {
            text.push_str(&format!("\n{table}: {rows} {reason}"));
        }
        if written.rejected.len() > REJECTIONS_LISTED_MAX {
            text.push_str("\n...");
        }
        Self::new(StatusCode::BAD_REQUEST, text)
    }
}

impl From<DecodeError> for Refusal {
    fn from(error: DecodeError) -> Self {
        let status = if error.is_too_large() { StatusCode::PAYLOAD_TOO_LARGE } else { StatusCode::BAD_REQUEST };
        Self::new(status, error.to_string())
    }
}

impl From<SinkError> for Refusal {
    fn from(error: SinkError) -> Self {
        let text = error.to_string();
        match error {
            SinkError::Overloaded { retry_after } | SinkError::DiskFull { retry_after } => {
                Self::later(text, retry_after)
            }
            SinkError::Closed => Self::later(text, BUSY_RETRY_AFTER),
            SinkError::Invalid(_) => Self::new(StatusCode::BAD_REQUEST, text),
        }
    }
}

impl From<JoinError> for Refusal {
    fn from(_: JoinError) -> Self {
        Self::later("the server is stopping", BUSY_RETRY_AFTER)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        // Whole seconds, and at least one: zero would mean at once (RFC 9110, section 10.2.3).
        let seconds = self.retry_after.map(|after| after.as_millis().div_ceil(1_000).max(1).to_string());
        let retry_after = seconds.map(|seconds| [(RETRY_AFTER, seconds)]);
        match retry_after {
            Some(header) => (self.status, header, self.text).into_response(),
            None => (self.status, self.text).into_response(),
        }
    }
}
