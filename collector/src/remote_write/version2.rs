//! `io.prometheus.write.v2.Request` (prometheus.io/docs/specs/prw/remote_write_spec_2_0): strings are sent once, and
//! named by their numbers.
//!
//! A series' labels are written out as 1.0 has them, and then are what 1.0 sends: the same keys, the same checks,
//! the same handles.

use std::collections::HashSet;

use super::{
    DecodeError, SeriesProblem,
    error::Fault,
    exemplar::Exemplar,
    gathered::{Gathered, Parts, Sample},
    labels::text,
    metadata::Metadata,
    wire::{Fields, Malformed, length_bytes, put_bytes, put_length},
};

/// Decodes a message; `spare` is room for the labels of a series.
pub(super) fn decode(message: &[u8], gathered: &mut Gathered<'_>, spare: &mut Vec<u8>) -> Result<(), DecodeError> {
    let mut request = Request {
        symbols: symbols(message, gathered.decoder.limits.symbols)?,
        expanded_left: gathered.decoder.limits.expanded_bytes,
        expanded_max: gathered.decoder.limits.expanded_bytes,
        described: HashSet::new(),
    };
    let mut parts = SeriesParts::default();
    let mut fields = Fields::new(message);
    while let Some((field, value)) = fields.next()? {
        if field == 5 {
            if request.symbols.first() != Some(&&[][..]) {
                return Err(DecodeError::FirstSymbol);
            }
            request.series(value.bytes()?, &mut parts, gathered, spare)?;
        }
    }
    Ok(())
}

/// All symbols, wherever they are.
fn symbols(message: &[u8], most: usize) -> Result<Vec<&[u8]>, DecodeError> {
    let mut symbols = Vec::new();
    let mut fields = Fields::new(message);
    while let Some((field, value)) = fields.next()? {
        if field == 4 {
            if symbols.len() == most {
                return Err(DecodeError::TooMany { what: "symbols", limit: most });
            }
            symbols.push(value.bytes()?);
        }
    }
    Ok(symbols)
}

/// What a series has.
#[derive(Debug, Default)]
struct SeriesParts<'a> {
    parts: Parts<'a>,
    /// Alternately names and values.
    references: Vec<u64>,
    metadata: Option<&'a [u8]>,
}

#[derive(Debug)]
struct Request<'a> {
    symbols: Vec<&'a [u8]>,
    /// Bytes that may still be written out.
    expanded_left: usize,
    expanded_max: usize,
    /// Metrics, by their shared name's address, and what was said of them: most series repeat it.
    described: HashSet<(usize, [u64; 3])>,
}

impl<'a> Request<'a> {
    fn series(
        &mut self,
        message: &'a [u8],
        has: &mut SeriesParts<'a>,
        gathered: &mut Gathered<'_>,
        spare: &mut Vec<u8>,
    ) -> Result<(), DecodeError> {
        if !gathered.admit_size(message)? {
            return Ok(());
        }
        walk(message, has)?;
        let SeriesParts { parts, references, metadata } = has;
        gathered.admit(parts)?;
        let labels = self.labels(references, gathered, spare);
        if let Err(fault) = labels {
            return gathered.reject(fault, parts.len());
        }
        let Some((series, key)) = gathered.series(spare, parts)? else { return Ok(()) };
        for message in &parts.exemplars {
            match self.exemplar(message, gathered.decoder.limits.value_bytes) {
                Ok(exemplar) => gathered.push_exemplar(&series, &exemplar),
                Err(fault) => gathered.reject(fault, 1)?,
            }
        }
        if let Some(metadata) = metadata {
            match self.metadata(metadata, &series.table().name) {
                Ok(Some(metadata)) => gathered.push_metadata(&metadata),
                Ok(None) => {}
                Err(fault) => gathered.reject(fault, 0)?,
            }
        }
        gathered.push(series, key, parts)
    }

    fn symbol(&self, reference: u64) -> Result<&'a [u8], SeriesProblem> {
        let symbol = usize::try_from(reference).ok().and_then(|reference| self.symbols.get(reference));
        symbol.copied().ok_or(SeriesProblem::NoSuchSymbol(reference))
    }

    fn spend(&mut self, bytes: usize) -> Result<(), Fault> {
        let left = self.expanded_left.checked_sub(bytes);
        self.expanded_left = left.ok_or(Fault::Expanded(self.expanded_max))?;
        Ok(())
    }

    /// Writes label fields into `into` as a 1.0 message has them.
    fn labels(&mut self, references: &[u64], gathered: &Gathered<'_>, into: &mut Vec<u8>) -> Result<(), Fault> {
        let limits = &gathered.decoder.limits;
        let (pairs, []) = references.as_chunks() else { return Err(SeriesProblem::OddReferences.into()) };
        if pairs.len() > limits.labels {
            return Err(SeriesProblem::TooManyLabels(limits.labels).into());
        }
        into.clear();
        for [name, value] in pairs {
            let (name, value) = (self.symbol(*name)?, self.symbol(*value)?);
            if name.len() > limits.name_bytes || value.len() > limits.value_bytes {
                let name = String::from_utf8_lossy(name).chars().take(100).collect();
                return Err(SeriesProblem::LabelTooLong(name).into());
            }
            // What is empty is left out by writers of messages.
            let field = |bytes: &[u8]| match bytes.len() {
                0 => 0,
                length => 1 + length_bytes(length) + length,
            };
            into.push(1 << 3 | 2);
            put_length(into, field(name) + field(value));
            for (number, bytes) in [(1, name), (2, value)] {
                if !bytes.is_empty() {
                    put_bytes(into, number, bytes);
                }
            }
        }
        self.spend(into.len())
    }

    fn exemplar(&mut self, message: &'a [u8], text_bytes_max: usize) -> Result<Exemplar<'a>, Fault> {
        let mut exemplar = Exemplar::default();
        let mut references = Vec::new();
        if message.len() > text_bytes_max {
            return Err(SeriesProblem::ExemplarTooLarge(text_bytes_max).into());
        }
        let mut fields = Fields::new(message);
        while let Some((field, value)) = fields.next()? {
            match field {
                1 => value.varints(|reference| references.push(reference))?,
                2 => exemplar.value = value.double()?,
                3 => exemplar.timestamp_ms = value.int()?,
                _ => {}
            }
        }
        let (pairs, []) = references.as_chunks() else { return Err(SeriesProblem::OddReferences.into()) };
        let mut text_bytes = 0;
        for [name, value] in pairs {
            let (name, value) = (self.symbol(*name)?, self.symbol(*value)?);
            text_bytes += name.len() + value.len();
            if text_bytes > text_bytes_max {
                return Err(SeriesProblem::ExemplarTooLarge(text_bytes_max).into());
            }
            exemplar.labels.push((text(name)?, text(value)?));
        }
        self.spend(text_bytes)?;
        Ok(exemplar)
    }

    /// What is said of a series' metric; `None` when this request has said it before.
    fn metadata<'b>(&mut self, message: &[u8], metric: &'b str) -> Result<Option<Metadata<'b>>, Fault>
    where
        'a: 'b,
    {
        let (mut kind, mut help, mut unit) = (0, 0, 0);
        let mut fields = Fields::new(message);
        while let Some((field, value)) = fields.next()? {
            match field {
                1 => kind = value.uint()?,
                3 => help = value.uint()?,
                4 => unit = value.uint()?,
                _ => {}
            }
        }
        if !self.described.insert((metric.as_ptr().addr(), [kind, help, unit])) {
            return Ok(None);
        }
        let (help, unit) = (text(self.symbol(help)?)?, text(self.symbol(unit)?)?);
        self.spend(help.len() + unit.len())?;
        Ok(Some(Metadata::of_series(metric, kind, help, unit)))
    }
}

fn walk<'a>(message: &'a [u8], has: &mut SeriesParts<'a>) -> Result<(), Malformed> {
    has.parts.clear();
    has.references.clear();
    has.metadata = None;
    let mut created_ms = 0;
    let mut fields = Fields::new(message);
    while let Some((field, value)) = fields.next()? {
        match field {
            1 => value.varints(|reference| has.references.push(reference))?,
            2 => has.parts.samples.push(sample(value.bytes()?)?),
            3 => has.parts.histograms.push(value.bytes()?),
            4 => has.parts.exemplars.push(value.bytes()?),
            5 => has.metadata = Some(value.bytes()?),
            6 => created_ms = value.int()?,
            _ => {}
        }
    }
    // Until 2.0-rc.3 a series had what now its samples have.
    for sample in has.parts.samples.iter_mut().filter(|sample| sample.start_time_ms == 0) {
        sample.start_time_ms = created_ms;
    }
    Ok(())
}

#[inline]
fn sample(message: &[u8]) -> Result<Sample, Malformed> {
    let mut sample = Sample { timestamp_ms: 0, value: 0.0, start_time_ms: 0 };
    let mut fields = Fields::new(message);
    while let Some((field, value)) = fields.next()? {
        match field {
            1 => sample.value = value.double()?,
            2 => sample.timestamp_ms = value.int()?,
            3 => sample.start_time_ms = value.int()?,
            _ => {}
        }
    }
    Ok(sample)
}
