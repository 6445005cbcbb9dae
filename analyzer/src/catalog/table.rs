//! One table: its fields, its series and their inverted index.

use std::{collections::BTreeMap, sync::Arc};

use roaring::RoaringBitmap;
use weir_model::observation::{Labels, Series, TableName};

use super::{Refused, SeriesId, Shape, TableId};
use crate::{fields::Field, settings::Limits};

/// Label value -> the series that have it.
pub(crate) type Values = BTreeMap<Arc<str>, RoaringBitmap>;

#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) id: TableId,
    pub(crate) name: TableName,
    pub(crate) fields: Vec<Field>,
    /// Whether any row of it is, or was, stored in its own shape.
    pub(crate) is_wide: bool,
    /// Rows refused for too many series, since the start.
    pub(crate) refused_rows: u64,
    all: RoaringBitmap,
    postings: BTreeMap<Arc<str>, Values>,
}

impl Table {
    pub(super) fn new(id: TableId, name: TableName) -> Self {
        Self {
            id,
            name,
            fields: Vec::new(),
            is_wide: false,
            refused_rows: 0,
            all: RoaringBitmap::new(),
            postings: BTreeMap::new(),
        }
    }

    /// Whether its rows are samples: a float called `value` and nothing else, now and ever before. Once it
    /// has had other rows, later ones go where those are, so that they are newer wherever they are.
    pub(crate) fn has_samples_only(&self) -> bool {
        !self.is_wide && matches!(&self.fields[..], [only] if only.is_value())
    }

    /// Every place where rows of this table can be.
    pub(crate) fn shapes(&self) -> [Shape; 2] {
        [Shape::Value, Shape::Table(self.id)]
    }

    /// The ids of all series.
    pub(crate) fn all(&self) -> &RoaringBitmap {
        &self.all
    }

    pub(crate) fn series_count(&self) -> usize {
        self.all.len() as usize
    }

    /// Names of labels that any series has, or had, sorted.
    pub(crate) fn label_names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.postings.keys()
    }

    /// Labels that any series has, with how many values.
    pub(crate) fn label_counts(&self) -> impl Iterator<Item = (&Arc<str>, usize)> {
        self.postings.iter().map(|(label, values)| (label, values.len())).filter(|(_, values)| *values > 0)
    }

    /// The values of a label. Series without it are in none of them.
    pub(crate) fn values(&self, label: &str) -> Option<&Values> {
        self.postings.get(label)
    }

    /// Whether a series with `labels` may be added.
    pub(super) fn admit(&self, labels: &Labels, limits: &Limits) -> Result<(), Refused> {
        if labels.len() > limits.labels_per_series {
            return Err(Refused::Cardinality(format!(
                "a series has {} labels, more than {}",
                labels.len(),
                limits.labels_per_series
            )));
        }
        if self.series_count() >= limits.series_per_table {
            return Err(Refused::Cardinality(format!(
                "the table has {} series, its limit{}",
                limits.series_per_table,
                self.suspect()
            )));
        }
        let new = || labels.iter().filter(|(name, _)| self.values(name).is_none());
        if let Some((name, _)) = new().last() {
            let used = self.postings.len() - self.unused_labels().count();
            if used + new().count() > limits.labels_per_table {
                return Err(Refused::Cardinality(format!(
                    "the table has {used} label names, the limit is {}: '{name}' is one too many",
                    limits.labels_per_table
                )));
            }
        }
        let full = labels.iter().find(|(name, value)| {
            self.values(name).is_some_and(|known| known.len() >= limits.values_per_label && !known.contains_key(*value))
        });
        match full {
            Some((name, _)) => Err(Refused::Cardinality(format!(
                "label '{name}' has {} values in this table, the limit",
                limits.values_per_label
            ))),
            None => Ok(()),
        }
    }

    /// Names the label with most values, which is nearly always the one to remove.
    fn suspect(&self) -> String {
        let largest = self.postings.iter().max_by_key(|(_, values)| values.len());
        largest.map_or_else(String::new, |(name, values)| format!("; label '{name}' has most values, {}", values.len()))
    }

    /// A label that no series may have; the column stays when series go, as those of fields do.
    pub(super) fn insert_label(&mut self, name: &Arc<str>) {
        self.postings.entry(Arc::clone(name)).or_default();
    }

    /// Labels that no series has.
    pub(super) fn unused_labels(&self) -> impl Iterator<Item = &Arc<str>> {
        self.postings.iter().filter(|(_, values)| values.is_empty()).map(|(name, _)| name)
    }

    /// Makes room for the labels of a series that was admitted.
    pub(super) fn make_room(&mut self, labels: &Labels, limits: &Limits) {
        let new = labels.iter().filter(|(name, _)| self.values(name).is_none()).count();
        if self.postings.len() + new > limits.labels_per_table {
            self.postings.retain(|_, values| !values.is_empty());
        }
    }

    /// Removes a series, with values that no other has.
    pub(super) fn remove(&mut self, id: SeriesId, series: &Series) {
        self.all.remove(id.0);
        for (name, value) in series.labels().iter() {
            let Some(values) = self.postings.get_mut(name) else { continue };
            if let Some(having) = values.get_mut(value) {
                having.remove(id.0);
                if having.is_empty() {
                    values.remove(value);
                }
            }
        }
    }

    /// Adds a series; the handle to keep. Names and values are shared with series that have the same: where
    /// whoever made the handle did so already, it stays the one that is looked up with.
    pub(super) fn insert(&mut self, id: SeriesId, series: &Series) -> Series {
        let mut shared = Vec::with_capacity(series.labels().len());
        for (name, value) in series.labels().iter() {
            let name = Arc::clone(self.postings.get_key_value(name).map_or(name, |(known, _)| known));
            let values = self.postings.entry(Arc::clone(&name)).or_default();
            let value = Arc::clone(values.get_key_value(value).map_or(value, |(known, _)| known));
            values.entry(Arc::clone(&value)).or_default().insert(id.0);
            shared.push((name, value));
        }
        self.all.insert(id.0);
        let mut pairs = series.labels().iter().zip(&shared);
        let is_shared = pairs.all(|(held, shared)| Arc::ptr_eq(held.0, &shared.0) && Arc::ptr_eq(held.1, &shared.1));
        if is_shared { series.clone() } else { Series::new(self.name.clone(), Labels::new(shared)) }
    }
}
