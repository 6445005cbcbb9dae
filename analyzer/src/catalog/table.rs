//! One table: its fields, its series and their inverted index.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use roaring::RoaringBitmap;
use weir_model::observation::{Labels, TableName};

use super::{Refused, SeriesId, Shape, TableId};
use crate::{fields::Field, settings::Limits};

/// Label value -> the series that have it.
pub(crate) type Values = BTreeMap<Arc<str>, RoaringBitmap>;

#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) id: TableId,
    pub(crate) name: TableName,
    pub(crate) fields: Vec<Field>,
    by_labels: HashMap<Labels, SeriesId>,
    by_id: BTreeMap<u32, Labels>,
    all: RoaringBitmap,
    postings: BTreeMap<Arc<str>, Values>,
}

impl Table {
    pub(super) fn new(id: TableId, name: TableName) -> Self {
        Self {
            id,
            name,
            fields: Vec::new(),
            by_labels: HashMap::new(),
            by_id: BTreeMap::new(),
            all: RoaringBitmap::new(),
            postings: BTreeMap::new(),
        }
    }

    /// Where rows with these fields (positions in the table's fields) are stored.
    pub(crate) fn shape_of(&self, fields: &[u32]) -> Shape {
        match fields {
            [only] if self.fields[*only as usize].is_value() => Shape::Value,
            _ => Shape::Table(self.id),
        }
    }

    /// Every place where rows of this table can be.
    pub(crate) fn shapes(&self) -> [Shape; 2] {
        [Shape::Value, Shape::Table(self.id)]
    }

    pub(crate) fn find(&self, labels: &Labels) -> Option<SeriesId> {
        self.by_labels.get(labels).copied()
    }

    pub(crate) fn labels(&self, id: SeriesId) -> Option<&Labels> {
        self.by_id.get(&id.0)
    }

    /// The ids of all series.
    pub(crate) fn all(&self) -> &RoaringBitmap {
        &self.all
    }

    pub(crate) fn series_count(&self) -> usize {
        self.by_id.len()
    }

    /// Names of labels that any series has, sorted.
    pub(crate) fn label_names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.postings.keys()
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

    /// Adds a series. Names and values are shared with series that have the same.
    pub(super) fn insert(&mut self, id: SeriesId, labels: &Labels) {
        let mut shared = Vec::with_capacity(labels.len());
        for (name, value) in labels.iter() {
            let name = Arc::clone(self.postings.get_key_value(name).map_or(name, |(known, _)| known));
            let values = self.postings.entry(Arc::clone(&name)).or_default();
            let value = Arc::clone(values.get_key_value(value).map_or(value, |(known, _)| known));
            values.entry(Arc::clone(&value)).or_default().insert(id.0);
            shared.push((name, value));
        }
        let labels = Labels::new(shared);
        self.by_labels.insert(labels.clone(), id);
        self.by_id.insert(id.0, labels);
        self.all.insert(id.0);
    }
}
