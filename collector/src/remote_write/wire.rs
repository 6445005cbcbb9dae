//! The protobuf messages (the specification, "Protocol").

use bytes::{Buf, Bytes};
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};

use super::DecodeError;

/// Field of `WriteRequest` that holds the series.
const TIMESERIES: u32 = 1;

/// One series with its samples.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct TimeSeries {
    #[prost(message, repeated, tag = "1")]
    pub(super) labels: Vec<Label>,
    #[prost(message, repeated, tag = "2")]
    pub(super) samples: Vec<Sample>,
    /// Native histograms: not in version 1.0, but Prometheus sends them when told to. Only counted.
    #[prost(bytes = "bytes", repeated, tag = "4")]
    pub(super) histograms: Vec<Bytes>,
}

/// A label; the metric's name is the one called `__name__`.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub(super) struct Label {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(string, tag = "2")]
    pub(super) value: String,
}

/// A value, milliseconds since the epoch.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(super) struct Sample {
    #[prost(double, tag = "1")]
    pub(super) value: f64,
    #[prost(int64, tag = "2")]
    pub(super) timestamp: i64,
}

/// For tests: a whole request. Decoding goes series by series ([`next_series`]), so that limits
/// hold before memory is taken.
#[cfg(test)]
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct WriteRequest {
    #[prost(message, repeated, tag = "1")]
    pub(super) timeseries: Vec<TimeSeries>,
}

/// The bytes of the next series of a `WriteRequest`; `None` at its end. Other fields (metadata)
/// are skipped.
pub(super) fn next_series(message: &mut Bytes) -> Result<Option<Bytes>, DecodeError> {
    while message.has_remaining() {
        let (tag, wire_type) = decode_key(message)?;
        if tag != TIMESERIES || wire_type != WireType::LengthDelimited {
            skip_field(wire_type, tag, message, DecodeContext::default())?;
            continue;
        }
        let length = usize::try_from(decode_varint(message)?).map_err(|_| DecodeError::Truncated)?;
        if length > message.remaining() {
            return Err(DecodeError::Truncated);
        }
        return Ok(Some(message.split_to(length)));
    }
    Ok(None)
}
