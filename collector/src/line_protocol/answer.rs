//! Answers in the forms that clients of the two versions of InfluxDB's API read.

use std::time::Duration;

use axum::{
    Json,
    http::{StatusCode, header::RETRY_AFTER},
    response::{IntoResponse, Response},
};
use serde_json::json;
use tokio::task::JoinError;

use super::{BadLine, DecodeError, Decoded, body::ReadError};
use crate::sink::{Rejection, SinkError, Written};

/// When to try again while everything is busy, or the store is closing.
const BUSY_RETRY_AFTER: Duration = Duration::from_secs(1);

/// How many of the store's rejections an answer lists.
const REJECTIONS_LISTED_MAX: usize = 10;

/// Whose form an answer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// `{"error": ...}`
    V1,
    /// `{"code": ..., "message": ...}`, and `line` where it is about one.
    V2,
}

/// An answer that is not 204.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    text: String,
    line: Option<u64>,
    retry_after: Option<Duration>,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self { status, text: text.into(), line: None, retry_after: None }
    }

    fn later(text: impl Into<String>, after: Duration) -> Self {
        Self { retry_after: Some(after), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, text) }
    }

    pub(super) fn busy() -> Self {
        Self::later(ReadError::Busy.to_string(), BUSY_RETRY_AFTER)
    }

    /// Some lines are not written, and never will be. Version 1 of Telegraf's output looks for
    /// "partial write".
    pub(super) fn partial(decoded: &Decoded, written: &Written) -> Self {
        let rejected = decoded.rejected + written.rejected_rows();
        let mut text = format!("partial write: {} lines written, {rejected} rejected", written.rows);
        for BadLine { number, problem } in &decoded.bad {
            text.push_str(&format!("\nline {number}: {problem}"));
        }
        let untold = decoded.rejected - decoded.bad.len() as u64;
        if untold > 0 {
            text.push_str(&format!("\nand {untold} more lines"));
        }
        for Rejection { table, rows, reason } in written.rejected.iter().take(REJECTIONS_LISTED_MAX) {
            text.push_str(&format!("\n{table}: {rows} {reason}"));
        }
        if written.rejected.len() > REJECTIONS_LISTED_MAX {
            text.push_str("\n...");
        }
        let line = decoded.bad.first().map(|bad| bad.number);
        Self { line, ..Self::new(StatusCode::BAD_REQUEST, text) }
    }

    /// As a response to a client of a version.
    pub(super) fn into_response(self, form: Form) -> Response {
        let mut body = match form {
            Form::V1 => json!({ "error": self.text }),
            Form::V2 => json!({ "code": code(self.status), "message": self.text }),
        };
        if let (Form::V2, Some(line)) = (form, self.line) {
            body["line"] = line.into();
        }
        // Whole seconds, and at least one: zero would mean at once (RFC 9110, section 10.2.3).
        let seconds = self.retry_after.map(|after| after.as_millis().div_ceil(1_000).max(1).to_string());
        match seconds {
            Some(seconds) => (self.status, [(RETRY_AFTER, seconds)], Json(body)).into_response(),
            None => (self.status, Json(body)).into_response(),
        }
    }
}

/// The API's word for a status.
fn code(status: StatusCode) -> &'static str {
    match status {
        StatusCode::PAYLOAD_TOO_LARGE => "request too large",
        StatusCode::SERVICE_UNAVAILABLE => "unavailable",
        _ => "invalid",
    }
}

impl From<ReadError> for Refusal {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::TooLarge(error) => error.into(),
            ReadError::Cut => Self::new(StatusCode::BAD_REQUEST, error.to_string()),
            // Not 408: Telegraf drops what it is refused with any 4xx but 413 and 429.
            ReadError::Busy | ReadError::Late => Self::later(error.to_string(), BUSY_RETRY_AFTER),
        }
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
