//! Requests of which nothing was taken.

use std::time::Duration;

use bytes::Bytes;
use prost::Message;
use tokio::task::JoinError;
use tonic::{Code, Status};

use super::{
    DecodeError,
    wire::response::{AnyMessage, Delay, RetryInfo, RpcStatus},
};
use crate::sink::SinkError;

/// When to try again where nothing better is known.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Why nothing of a request was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It will not do, however often it is sent.
    Malformed(String),
    /// Neither will this, but less at a time would.
    TooLarge(String),
    /// It may succeed later.
    Later(String, Duration),
}

impl Refusal {
    pub(super) fn later(text: &str) -> Self {
        Self::Later(text.to_owned(), RETRY_AFTER)
    }

    /// In words for whoever sent it.
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Malformed(text) | Self::TooLarge(text) | Self::Later(text, _) => text,
        }
    }

    /// As gRPC says it. A client sends again what is unavailable, and what is exhausted only where
    /// it is told when.
    pub(super) fn code(&self) -> Code {
        match self {
            Self::Malformed(_) => Code::InvalidArgument,
            Self::TooLarge(_) => Code::ResourceExhausted,
            Self::Later(..) => Code::Unavailable,
        }
    }

    /// `google.rpc.Status`, with the time to wait.
    pub(super) fn rpc_status(&self) -> RpcStatus {
        let retry_info = match self {
            Self::Later(_, after) => Some(AnyMessage {
                type_url: "type.googleapis.com/google.rpc.RetryInfo".to_owned(),
                value: RetryInfo { retry_delay: Some(delay(*after)) }.encode_to_vec().into(),
            }),
            Self::Malformed(_) | Self::TooLarge(_) => None,
        };
        RpcStatus {
            code: self.code() as i32,
            message: self.text().to_owned(),
            details: retry_info.into_iter().collect(),
        }
    }

    /// The end of a gRPC call.
    pub(super) fn status(&self) -> Status {
        let details: Bytes = self.rpc_status().encode_to_vec().into();
        Status::with_details(self.code(), self.text(), details)
    }
}

fn delay(after: Duration) -> Delay {
    Delay { seconds: i64::try_from(after.as_secs()).unwrap_or(i64::MAX), nanos: after.subsec_nanos().cast_signed() }
}

impl From<DecodeError> for Refusal {
    fn from(error: DecodeError) -> Self {
        let text = error.to_string();
        if error.is_too_large() { Self::TooLarge(text) } else { Self::Malformed(text) }
    }
}

impl From<SinkError> for Refusal {
    fn from(error: SinkError) -> Self {
        let text = error.to_string();
        match error {
            SinkError::Overloaded { retry_after } | SinkError::DiskFull { retry_after } => {
                Self::Later(text, retry_after)
            }
            SinkError::Closed => Self::Later(text, RETRY_AFTER),
            SinkError::Invalid(_) => Self::Malformed(text),
        }
    }
}

impl From<JoinError> for Refusal {
    fn from(_: JoinError) -> Self {
        Self::later("the server is stopping")
    }
}
