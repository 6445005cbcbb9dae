//! Answers that are not 204.

use std::time::Duration;

use axum::{
    http::{HeaderName, StatusCode, header::RETRY_AFTER},
    response::{AppendHeaders, IntoResponse, Response},
};
use tokio::task::JoinError;

use super::super::{Counts, DecodeError, Rejections};
use crate::sink::SinkError;

/// When to try again while the server is busy or stopping.
pub(super) const BUSY_RETRY_AFTER: Duration = Duration::from_secs(1);

const SAMPLES_WRITTEN: HeaderName = HeaderName::from_static("x-prometheus-remote-write-samples-written");
const HISTOGRAMS_WRITTEN: HeaderName = HeaderName::from_static("x-prometheus-remote-write-histograms-written");
const EXEMPLARS_WRITTEN: HeaderName = HeaderName::from_static("x-prometheus-remote-write-exemplars-written");

/// What every answer to an understood content type says (2.0, Required Written Response Headers).
pub(super) fn written_headers(counts: &Counts) -> AppendHeaders<[(HeaderName, String); 3]> {
    AppendHeaders([
        (SAMPLES_WRITTEN, counts.samples.to_string()),
        (HISTOGRAMS_WRITTEN, counts.histograms.to_string()),
        (EXEMPLARS_WRITTEN, counts.exemplars.to_string()),
    ])
}

/// An answer that is not 204.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    text: String,
    retry_after: Option<Duration>,
    pub(super) written: Counts,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self { status, text: text.into(), retry_after: None, written: Counts::default() }
    }

    pub(super) fn later(text: impl Into<String>, after: Duration) -> Self {
        Self { retry_after: Some(after), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, text) }
    }

    /// Some is written, some is not and never will be.
    pub(super) fn partial(written: Counts, rejected: &Rejections) -> Self {
        let mut text = format!("{} samples", written.samples);
        for (count, what) in [(written.histograms, "histograms"), (written.exemplars, "exemplars")] {
            if count > 0 {
                text.push_str(&format!(", {count} {what}"));
            }
        }
        text.push_str(&format!(" written, {} rejected{rejected}", rejected.elements()));
        Self { written, ..Self::new(StatusCode::BAD_REQUEST, text) }
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
        let retry_after = AppendHeaders(seconds.map(|seconds| (RETRY_AFTER, seconds)));
        (self.status, retry_after, self.text).into_response()
    }
}
