//! A request's body: reading it, and from its bytes to a protobuf message.

use std::{
    error::Error,
    io::{self, Read},
    time::Duration,
};

use axum::body::{Body, to_bytes};
use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use http_body_util::LengthLimitError;
use prost::Message;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::{DecodeError, Limits, limits::JSON_BYTES_MAX, refusal::Refusal};

/// How long a body may take to arrive, so that slow senders do not hold all places: 8 MiB at
/// 2.3 Mbit/s.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// How a message is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Protobuf,
    Json,
}

/// A body as it was sent.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    pub(super) bytes: Bytes,
    pub(super) is_gzip: bool,
    pub(super) form: Form,
}

impl Sent {
    /// The message; JSON is translated into `M` and then into protobuf, so that what is read of it
    /// is the same.
    pub(super) fn message<M: Message + DeserializeOwned>(self, limits: &Limits) -> Result<Bytes, DecodeError> {
        let bytes_max = match self.form {
            Form::Protobuf => limits.message_bytes,
            Form::Json => limits.message_bytes.min(JSON_BYTES_MAX),
        };
        let bytes = if self.is_gzip { unzip(&self.bytes, bytes_max)? } else { self.bytes };
        if bytes.len() > bytes_max {
            return Err(DecodeError::MessageTooLarge(bytes_max));
        }
        match self.form {
            Form::Protobuf => Ok(bytes),
            Form::Json => from_json::<M>(&bytes, limits),
        }
    }
}

fn from_json<M: Message + DeserializeOwned>(text: &[u8], limits: &Limits) -> Result<Bytes, DecodeError> {
    // Those within strings as well: nobody sends so many.
    if text.iter().filter(|byte| **byte == b'{').count() > limits.json_objects {
        return Err(DecodeError::TooManyObjects(limits.json_objects));
    }
    let message: M = serde_json::from_slice(text)?;
    Ok(message.encode_to_vec().into())
}

/// Takes no more memory than `bytes_max`, whatever the body would become.
fn unzip(zipped: &[u8], bytes_max: usize) -> Result<Bytes, DecodeError> {
    let mut bytes = Vec::new();
    let limit = bytes_max as u64 + 1;
    MultiGzDecoder::new(io::Cursor::new(zipped)).take(limit).read_to_end(&mut bytes).map_err(DecodeError::Gzip)?;
    if bytes.len() > bytes_max { Err(DecodeError::MessageTooLarge(bytes_max)) } else { Ok(bytes.into()) }
}

/// Waits for a body.
pub(super) async fn read(body: Body, bytes_max: usize) -> Result<Bytes, Refusal> {
    let late = |_| Refusal::later("the body did not arrive in time");
    timeout(READ_TIMEOUT, to_bytes(body, bytes_max)).await.map_err(late)?.map_err(|error| {
        match error.source().is_some_and(|cause| cause.is::<LengthLimitError>()) {
            true => Refusal::TooLarge(format!(
                "the body has more than {bytes_max} bytes; send fewer data points or records at a time"
            )),
            false => Refusal::Malformed("the body ended early".to_owned()),
        }
    })
}
