//! From the wire.

use super::{Buckets, Count, NativeHistogram, Span};
use crate::remote_write::wire::{Fields, Malformed, Value, zigzag};

impl NativeHistogram {
    /// Reads a `Histogram` message: the same in 1.0 and 2.0.
    pub(in crate::remote_write) fn decode(message: &[u8]) -> Result<Self, Malformed> {
        let mut histogram = Self::default();
        let Self { negative, positive, .. } = &mut histogram;
        let (mut negative, mut positive) = (std::mem::take(negative), std::mem::take(positive));
        let mut fields = Fields::new(message);
        while let Some((field, value)) = fields.next()? {
            match field {
                1 => histogram.count = Some(Count::Int(value.uint()?)),
                2 => histogram.count = Some(Count::Float(value.double()?)),
                3 => histogram.sum = value.double()?,
                4 => histogram.schema = value.zigzag()? as i32,
                5 => histogram.zero_threshold = value.double()?,
                6 => histogram.zero_count = Some(Count::Int(value.uint()?)),
                7 => histogram.zero_count = Some(Count::Float(value.double()?)),
                8..=10 => negative.read(field - 8, value)?,
                11..=13 => positive.read(field - 11, value)?,
                14 => histogram.reset_hint = value.int()? as i32,
                15 => histogram.timestamp_ms = value.int()?,
                16 => value.doubles(&mut histogram.custom_values)?,
                17 => histogram.start_time_ms = value.int()?,
                _ => {}
            }
        }
        Ok(Self { negative, positive, ..histogram })
    }
}

impl Buckets {
    /// Spans, deltas and counts follow each other on both sides of zero.
    fn read(&mut self, field: u64, value: Value<'_>) -> Result<(), Malformed> {
        match field {
            0 => self.spans.push(Span::decode(value.bytes()?)?),
            1 => value.varints(|delta| self.deltas.push(zigzag(delta)))?,
            _ => value.doubles(&mut self.counts)?,
        }
        Ok(())
    }
}

impl Span {
    fn decode(message: &[u8]) -> Result<Self, Malformed> {
        let mut span = Self { offset: 0, length: 0 };
        let mut fields = Fields::new(message);
        while let Some((field, value)) = fields.next()? {
            match field {
                1 => span.offset = value.zigzag()? as i32,
                2 => span.length = value.uint()? as u32,
                _ => {}
            }
        }
        Ok(span)
    }
}
