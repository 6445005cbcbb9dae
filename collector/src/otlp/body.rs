//! A request's body: reading it, and from its bytes to a protobuf message.

use std::{
    io::{self, Read},
    time::Duration,
};

use axum::body::Body;
use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use prost::Message;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::{
    DecodeError, Limits,
    limits::{BODY_BYTES_MAX, JSON_BYTES_MAX},
    refusal::Refusal,
};
use crate::forgotten::forget;

/// How long a body may take to arrive, so that slow senders do not hold all places: 8 MiB at
/// 2.3 Mbit/s.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// Bytes of a body that are read beyond its limit and forgotten: 64 MiB at 18 Mbit/s.
const FORGOTTEN_BYTES_MAX: usize = 8 * BODY_BYTES_MAX;

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

/// Waits for a body. What is left of one that is refused is read and forgotten.
pub(super) async fn read(mut body: Body, bytes_max: usize) -> Result<Bytes, Refusal> {
    let read = timeout(READ_TIMEOUT, Limited::new(&mut body, bytes_max).collect()).await;
    match read.map_err(|_| Refusal::later("the body did not arrive in time"))? {
        Ok(read) => Ok(read.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            forget_rest(&mut body).await;
            Err(Refusal::TooLarge(format!(
                "the body has more than {bytes_max} bytes; send fewer data points or records at a time"
            )))
        }
        Err(_) => Err(Refusal::Malformed("the body ended early".to_owned())),
    }
}

/// Reads what is left of a body that is refused.
pub(super) async fn forget_rest(body: &mut Body) {
    forget(body, FORGOTTEN_BYTES_MAX).await;
}
