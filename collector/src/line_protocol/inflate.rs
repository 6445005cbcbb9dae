//! Gzip bodies: bounded, whatever they say of themselves.

use std::io::Read;

use bytes::Bytes;
use flate2::bufread::MultiGzDecoder;

use super::{DecodeError, Limits};

/// How a body came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Identity,
    Gzip,
}

impl Encoding {
    /// Bytes that a body may have as sent.
    pub(super) fn body_bytes_max(self, limits: &Limits) -> usize {
        match self {
            Self::Identity => limits.body_bytes,
            Self::Gzip => limits.compressed_bytes,
        }
    }
}

/// The lines of a body.
pub(super) fn inflate(body: Bytes, encoding: Encoding, limits: &Limits) -> Result<Bytes, DecodeError> {
    if encoding == Encoding::Identity {
        return Ok(body);
    }
    let mut lines = Vec::new();
    // One byte more than allowed tells what is too large from what just fits.
    let mut reader = MultiGzDecoder::new(&*body).take(limits.body_bytes as u64 + 1);
    reader.read_to_end(&mut lines).map_err(DecodeError::Gzip)?;
    if lines.len() > limits.body_bytes {
        return Err(DecodeError::InflatedTooLarge(limits.body_bytes));
    }
    Ok(lines.into())
}
