//! Walking a protobuf message without holding it decoded: a request's data points are decoded one
//! by one, so that what two bytes on the wire become in memory is forgotten before the next.

use bytes::{Buf, Bytes};
use prost::{
    Message,
    encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field},
};

use super::{DecodeError, Problem};

/// The embedded messages in field `tag` of `message`, in order; shared, not copied.
pub(super) fn of(message: &Bytes, tag: u32) -> Fields {
    Fields { rest: message.clone(), tag }
}

/// Decodes the one embedded message in field `tag`; what is there twice is merged, as protobuf has it. One that is
/// malformed itself is a problem of what it belongs to.
pub(super) fn only<M: Message + Default>(
    message: &Bytes,
    tag: u32,
    bytes_max: usize,
) -> Result<Result<M, Problem>, DecodeError> {
    let mut decoded = M::default();
    let mut bytes = 0;
    for field in of(message, tag) {
        let field = field?;
        bytes += field.len();
        if bytes > bytes_max {
            return Err(DecodeError::PartTooLarge(bytes_max));
        }
        if let Err(error) = decoded.merge(field) {
            return Ok(Err(error.into()));
        }
    }
    Ok(Ok(decoded))
}

#[derive(Debug)]
pub(super) struct Fields {
    rest: Bytes,
    tag: u32,
}

impl Fields {
    fn read(&mut self) -> Result<Option<Bytes>, DecodeError> {
        while self.rest.has_remaining() {
            let (tag, wire_type) = decode_key(&mut self.rest)?;
            if tag != self.tag || wire_type != WireType::LengthDelimited {
                skip_field(wire_type, tag, &mut self.rest, DecodeContext::default())?;
                continue;
            }
            let length = decode_varint(&mut self.rest)?;
            return match usize::try_from(length) {
                Ok(length) if length <= self.rest.len() => Ok(Some(self.rest.split_to(length))),
                _ => Err(DecodeError::Truncated),
            };
        }
        Ok(None)
    }
}

impl Iterator for Fields {
    type Item = Result<Bytes, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        let read = self.read();
        if read.is_err() {
            // Behind an error nothing is where it seems to be.
            self.rest.clear();
        }
        read.transpose()
    }
}
