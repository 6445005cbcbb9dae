//! `prometheus.WriteRequest` (prometheus.io/docs/specs/prw/remote_write_spec, and the fields that Prometheus added
//! since: exemplars, histograms, metadata).

use super::{
    DecodeError,
    error::Fault,
    exemplar::Exemplar,
    gathered::{Gathered, Parts, Sample},
    labels::{LabelFields, label_of},
    metadata::Metadata,
    wire::{Fields, Malformed},
};
use crate::remote_write::SeriesProblem;

/// Decodes a message; `spare` is room for labels that do not lie in one piece.
pub(super) fn decode(message: &[u8], gathered: &mut Gathered<'_>, spare: &mut Vec<u8>) -> Result<(), DecodeError> {
    let mut parts = Parts::default();
    let mut fields = Fields::new(message);
    while let Some((field, value)) = fields.next()? {
        match field {
            1 => {
                parts.clear();
                series(value.bytes()?, &mut parts, gathered, spare)?;
            }
            3 => metadata(value.bytes()?, gathered)?,
            _ => {}
        }
    }
    Ok(())
}

fn series<'a>(
    message: &'a [u8],
    parts: &mut Parts<'a>,
    gathered: &mut Gathered<'_>,
    spare: &mut Vec<u8>,
) -> Result<(), DecodeError> {
    if !gathered.admit_size(message)? {
        return Ok(());
    }
    let labels = walk(message, parts)?;
    gathered.admit(parts)?;
    let Some((series, key)) = gathered.series(labels.of(message, spare)?, parts)? else { return Ok(()) };
    for message in &parts.exemplars {
        match exemplar(message, gathered.decoder.limits.value_bytes) {
            Ok(exemplar) => gathered.push_exemplar(&series, &exemplar),
            Err(fault) => gathered.reject(fault, 1)?,
        }
    }
    gathered.push(series, key, parts)
}

/// Finds out what a series has, and where its labels lie.
fn walk<'a>(message: &'a [u8], parts: &mut Parts<'a>) -> Result<LabelFields, Malformed> {
    let mut labels = LabelFields::default();
    let mut fields = Fields::new(message);
    loop {
        let start = fields.position();
        let Some((field, value)) = fields.next()? else { return Ok(labels) };
        match field {
            1 => {
                value.bytes()?;
                labels.add(start, fields.position());
            }
            2 => parts.samples.push(sample(value.bytes()?)?),
            3 => parts.exemplars.push(value.bytes()?),
            4 => parts.histograms.push(value.bytes()?),
            _ => {}
        }
    }
}

#[inline]
fn sample(message: &[u8]) -> Result<Sample, Malformed> {
    let mut sample = Sample { timestamp_ms: 0, value: 0.0, start_time_ms: 0 };
    let mut fields = Fields::new(message);
    while let Some((field, value)) = fields.next()? {
        match field {
            1 => sample.value = value.double()?,
            2 => sample.timestamp_ms = value.int()?,
            _ => {}
        }
    }
    Ok(sample)
}

fn exemplar(message: &[u8], text_bytes_max: usize) -> Result<Exemplar<'_>, Fault> {
    let mut exemplar = Exemplar::default();
    if message.len() > text_bytes_max {
        return Err(SeriesProblem::ExemplarTooLarge(text_bytes_max).into());
    }
    let mut fields = Fields::new(message);
    while let Some((field, value)) = fields.next()? {
        match field {
            1 => exemplar.labels.push(label_of(value.bytes()?)?),
            2 => exemplar.value = value.double()?,
            3 => exemplar.timestamp_ms = value.int()?,
            _ => {}
        }
    }
    Ok(exemplar)
}

fn metadata(message: &[u8], gathered: &mut Gathered<'_>) -> Result<(), DecodeError> {
    let (mut kind, mut name, mut help, mut unit): (_, &[u8], &[u8], &[u8]) = (0, &[], &[], &[]);
    let mut fields = Fields::new(message);
    while let Some((field, value)) = fields.next()? {
        match field {
            1 => kind = value.uint()?,
            2 => name = value.bytes()?,
            4 => help = value.bytes()?,
            5 => unit = value.bytes()?,
            _ => {}
        }
    }
    let text = |bytes| std::str::from_utf8(bytes).map_err(|_| DecodeError::Malformed);
    let (metric, help, unit) = (text(name)?, text(help)?, text(unit)?);
    let is_name = !metric.is_empty() && metric.len() <= gathered.decoder.limits.value_bytes;
    if is_name {
        gathered.push_metadata(&Metadata { metric, kind, help, unit });
    }
    Ok(())
}
