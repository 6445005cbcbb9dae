//! From a data point to the handle of its series, without looking at attributes where it is known.

use std::sync::Arc;

use bytes::Bytes;
use prost::Message;
use weir_model::observation::{Labels, Samples, Series, TableName};

use super::{Problem, Unread, labels::Precedence, wire::attributes::KeyValue};
use crate::series_cache::{Dialect, SeriesCache};

/// What a series is called by besides its metric and attributes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Part {
    /// Nothing: of gauges, of sums, and what the parts of others are derived from.
    Whole,
    /// Up to this bound, of a histogram: `_bucket` with the label `le`.
    Bucket(f64),
    /// At this quantile, of a summary: the label `quantile`.
    Quantile(f64),
    /// `_sum`.
    Sum,
    /// `_count`.
    Count,
}

/// The label with a bucket's upper bound, which belongs to it.
const UPPER_BOUND: &str = "le";

/// The label with the quantile, which belongs to it.
const QUANTILE: &str = "quantile";

/// Series of data points with the same attributes.
#[derive(Clone, Debug)]
pub(super) struct Family {
    key: u128,
    /// Of the metric's name, and the attributes. Of histograms nothing is stored under it.
    pub(super) whole: Series,
}

/// What data points of a metric have in common.
#[derive(Debug)]
pub(super) struct Naming<'a> {
    cache: &'a SeriesCache,
    key: u128,
    table: TableName,
    outer: Result<&'a Precedence, Problem>,
}

impl<'a> Naming<'a> {
    /// Of the metric `table`; `outer_key` is a key of the resource and the scope that `outer` was made of.
    pub(super) fn new(
        cache: &'a SeriesCache,
        outer_key: u128,
        table: TableName,
        outer: Result<&'a Precedence, Problem>,
    ) -> Self {
        let mut key = cache.key(Dialect::Otlp);
        key.write(&outer_key.to_le_bytes());
        key.write(table.name.as_bytes());
        Self { cache, key: key.finish(), table, outer }
    }

    /// The metric's name.
    pub(super) fn name(&self) -> &Arc<str> {
        &self.table.name
    }

    /// The series of a data point with these attributes.
    pub(super) fn family(&self, attributes: &[Bytes]) -> Result<Family, Unread> {
        let outer = self.outer.clone()?;
        let mut key = self.cache.key(Dialect::Otlp);
        key.write(&self.key.to_le_bytes());
        for attribute in attributes {
            key.write(&(attribute.len() as u64).to_le_bytes());
            key.write(attribute);
        }
        let key = key.finish();
        let whole = self.cache.get_or_insert_with(key, || {
            let attributes = attributes.iter().map(|bytes| KeyValue::decode(bytes.clone()));
            let labels = outer.clone().and_attributes(attributes.collect::<Result<_, _>>()?)?.labels()?;
            Ok::<_, Unread>(series(self.cache, &self.table, &labels, None))
        })?;
        Ok(Family { key, whole })
    }
}

impl Family {
    /// How many labels each of its series has, at most.
    pub(super) fn labels(&self) -> usize {
        self.whole.labels().len() + 1
    }

    /// Appends a sample of `part`.
    pub(super) fn push(&self, cache: &SeriesCache, samples: &mut Samples, part: Part, time: i64, value: f64) {
        let series = samples.push_series(self.part(cache, part));
        samples.push(series, time, value);
    }

    fn part(&self, cache: &SeriesCache, part: Part) -> Series {
        let (suffix, label, code, number) = match part {
            Part::Whole => return self.whole.clone(),
            Part::Bucket(bound) => ("_bucket", Some((UPPER_BOUND, written(bound))), 1, bound),
            Part::Quantile(quantile) => ("", Some((QUANTILE, written(quantile))), 2, quantile),
            Part::Sum => ("_sum", None, 3, 0.0),
            Part::Count => ("_count", None, 4, 0.0),
        };
        let mut key = cache.key(Dialect::Otlp);
        key.write(&self.key.to_le_bytes());
        key.write(&[code]);
        key.write(&number.to_le_bytes());
        let made = cache.get_or_insert_with(key.finish(), || {
            let table = TableName::metric(format!("{}{suffix}", self.whole.table().name));
            let label = label.as_ref().map(|(name, value)| (*name, &**value));
            Ok::<_, std::convert::Infallible>(series(cache, &table, self.whole.labels(), label))
        });
        match made {
            Ok(series) => series,
            Err(never) => match never {},
        }
    }
}

/// A series with `labels` and one more, which replaces what they have under its name.
fn series(cache: &SeriesCache, table: &TableName, labels: &Labels, more: Option<(&str, &str)>) -> Series {
    cache.series(table, labels.iter().map(|(name, value)| (&**name, &**value)).chain(more))
}

/// A bound or quantile as Prometheus's OTLP receiver writes it: shortest digits, no exponent.
fn written(number: f64) -> String {
    match number {
        f64::INFINITY => "+Inf".to_owned(),
        f64::NEG_INFINITY => "-Inf".to_owned(),
        number => number.to_string(),
    }
}
