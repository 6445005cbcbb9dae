//! From a series' label fields to its handle: the careful way, for what the cache does not know.

use weir_model::observation::{Series, TableName};

use super::{
    Limits,
    error::{Fault, SeriesProblem},
    wire::{Fields, Malformed},
};
use crate::{column_name, series_cache::SeriesCache};

/// The label that holds the metric's name.
const METRIC_NAME: &str = "__name__";

/// The series of `fields`: the label fields of a 1.0 `TimeSeries`, one after the other.
pub(super) fn series(fields: &[u8], limits: &Limits, cache: &SeriesCache) -> Result<Series, Fault> {
    let mut labels: Vec<(&str, &str)> = Vec::with_capacity(16);
    let mut rest = Fields::new(fields);
    while let Some((_, label)) = rest.next()? {
        if labels.len() == limits.labels {
            return Err(SeriesProblem::TooManyLabels(limits.labels).into());
        }
        let (name, value) = label_of(label.bytes()?)?;
        if name.is_empty() {
            return Err(SeriesProblem::EmptyLabelName.into());
        }
        if name.len() > limits.name_bytes || value.len() > limits.value_bytes {
            return Err(SeriesProblem::LabelTooLong(name.chars().take(100).collect()).into());
        }
        labels.push((column_name::of_label(name), value));
    }
    let mut names: Vec<&str> = labels.iter().map(|(name, _)| *name).collect();
    names.sort_unstable();
    if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(SeriesProblem::DuplicateLabel(twice[0].to_owned()).into());
    }
    let metric = labels.iter().find(|(name, value)| *name == METRIC_NAME && !value.is_empty());
    let (_, metric) = metric.ok_or(SeriesProblem::NoMetricName)?;
    let others = labels.iter().filter(|(name, _)| *name != METRIC_NAME).copied();
    Ok(cache.series(&TableName::metric(*metric), others))
}

/// Name and value of a `Label` message.
pub(super) fn label_of(message: &[u8]) -> Result<(&str, &str), Fault> {
    let (mut name, mut value): (&[u8], &[u8]) = (&[], &[]);
    let mut fields = Fields::new(message);
    while let Some((field, bytes)) = fields.next()? {
        match field {
            1 => name = bytes.bytes()?,
            2 => value = bytes.bytes()?,
            _ => {}
        }
    }
    Ok((text(name)?, text(value)?))
}

pub(super) fn text(bytes: &[u8]) -> Result<&str, SeriesProblem> {
    std::str::from_utf8(bytes).map_err(|_| SeriesProblem::NotUtf8)
}

/// Where the label fields of a 1.0 `TimeSeries` lie: in one piece, as every sender writes them.
#[derive(Debug, Default)]
pub(super) struct LabelFields {
    start: usize,
    end: usize,
    is_scattered: bool,
}

impl LabelFields {
    /// Takes in that a label field lies there.
    #[inline]
    pub(super) fn add(&mut self, start: usize, end: usize) {
        if self.start == self.end {
            self.start = start;
        } else {
            self.is_scattered |= self.end != start;
        }
        self.end = end;
    }

    /// Their bytes; scattered ones are put together in `spare`.
    pub(super) fn of<'a>(&self, series: &'a [u8], spare: &'a mut Vec<u8>) -> Result<&'a [u8], Malformed> {
        if !self.is_scattered {
            return Ok(&series[self.start..self.end]);
        }
        spare.clear();
        let mut fields = Fields::new(series);
        loop {
            let start = fields.position();
            match fields.next()? {
                Some((1, _)) => spare.extend_from_slice(&series[start..fields.position()]),
                Some(_) => {}
                None => return Ok(spare),
            }
        }
    }
}
