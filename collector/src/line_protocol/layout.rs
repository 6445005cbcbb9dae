//! Lists of fields: which keys, in which order, of which types, and where their values go.

use std::{collections::HashMap, sync::Arc};

use weir_model::observation::{Column, Rows, TableName, VALUE};

use super::{
    DecodeError, Limits, LineProblem,
    decode::Refused,
    fields::{Fields, Kind},
    names,
    problem::excerpt,
};
use crate::series_cache::SeriesCache;

/// Where the values of a list of fields go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Place {
    /// Among the samples: one float called `value`.
    Samples,
    /// Into these rows.
    Rows(usize),
}

/// A list of fields in the order of some line.
#[derive(Debug)]
pub(super) struct Layout {
    /// Every key as sent, each with its `=`.
    keys: Vec<u8>,
    /// Where each ends, and its type.
    fields: Vec<(u32, Kind)>,
    /// For each its column in the rows.
    pub(super) columns: Vec<u32>,
    pub(super) place: Place,
}

impl Layout {
    pub(super) fn len(&self) -> usize {
        self.fields.len()
    }

    /// A field's key with its `=`, and its type.
    pub(super) fn field(&self, index: usize) -> Option<(&[u8], Kind)> {
        let (end, kind) = *self.fields.get(index)?;
        let start = if index == 0 { 0 } else { self.fields[index - 1].0 };
        Some((&self.keys[start as usize..end as usize], kind))
    }
}

/// A field's name and type.
type Named = (Arc<str>, Kind);

/// Every list of fields in a request, and the rows that they are for.
#[derive(Debug, Default)]
pub(super) struct Layouts {
    layouts: Vec<Layout>,
    /// By table, keys and types as sent.
    by_text: HashMap<Vec<u8>, u32>,
    /// By table, names and types in the order of the names: one for each [`Place::Rows`].
    by_names: HashMap<(u32, Vec<Named>), usize>,
    pub(super) rows: Vec<Rows>,
    /// For each of the rows its columns in the order of their names.
    sorted: Vec<Vec<u32>>,
    fields: usize,
    /// Kept for its memory.
    text: Vec<u8>,
}

impl Layouts {
    pub(super) fn get(&self, index: u32) -> &Layout {
        &self.layouts[index as usize]
    }

    /// The layout of `fields`, and the rows to write to.
    pub(super) fn layout_and_rows(&mut self, index: u32) -> (&Layout, &mut [Rows]) {
        (&self.layouts[index as usize], &mut self.rows)
    }

    /// The layout of a line's fields.
    pub(super) fn find(
        &mut self,
        (number, table): (u32, &TableName),
        fields: &Fields<'_>,
        cache: &SeriesCache,
        limits: &Limits,
    ) -> Result<u32, Refused> {
        self.text.clear();
        self.text.extend(number.to_le_bytes());
        for (key, value) in fields.keys.iter().zip(&fields.values) {
            self.text.push(value.kind() as u8);
            self.text.extend_from_slice(key);
            self.text.push(b'=');
        }
        if let Some(known) = self.by_text.get(&self.text) {
            return Ok(*known);
        }
        let names = names(fields, cache, limits)?;
        if self.fields + names.len() > limits.columns {
            return Err(DecodeError::TooMany { what: "fields in all lists of fields", limit: limits.columns }.into());
        }
        self.fields += names.len();
        let layout = self.make((number, table), fields, &names);
        let index = self.layouts.len() as u32;
        self.layouts.push(layout);
        self.by_text.insert(self.text.clone(), index);
        Ok(index)
    }

    fn make(&mut self, (number, table): (u32, &TableName), fields: &Fields<'_>, names: &[Arc<str>]) -> Layout {
        let kinds = fields.values.iter().map(super::fields::Value::kind);
        let (mut keys, mut ends) = (Vec::new(), Vec::with_capacity(names.len()));
        for (key, kind) in fields.keys.iter().zip(kinds.clone()) {
            keys.extend_from_slice(key);
            keys.push(b'=');
            ends.push((keys.len() as u32, kind));
        }
        let named: Vec<Named> = names.iter().cloned().zip(kinds).collect();
        if let [(name, Kind::F64)] = named.as_slice()
            && **name == *VALUE
        {
            return Layout { keys, fields: ends, columns: Vec::new(), place: Place::Samples };
        }
        let mut order: Vec<u32> = (0..names.len() as u32).collect();
        order.sort_unstable_by(|a, b| names[*a as usize].cmp(&names[*b as usize]));
        let by_name = order.iter().map(|index| named[*index as usize].clone()).collect();
        let place = *self.by_names.entry((number, by_name)).or_insert_with(|| {
            let mut rows = Rows::empty(table.clone());
            rows.fields = named.iter().map(|(name, kind)| (Arc::clone(name), column(*kind))).collect();
            self.rows.push(rows);
            self.sorted.push(order.clone());
            self.rows.len() - 1
        });
        let mut columns = vec![0; names.len()];
        for (field, column) in order.iter().zip(&self.sorted[place]) {
            columns[*field as usize] = *column;
        }
        Layout { keys, fields: ends, columns, place: Place::Rows(place) }
    }
}

/// The names that the keys mean, each once.
fn names(fields: &Fields<'_>, cache: &SeriesCache, limits: &Limits) -> Result<Vec<Arc<str>>, LineProblem> {
    let name = |key: &&[u8]| names::name("field", key, limits).map(|name| cache.intern(&name));
    let names: Vec<Arc<str>> = fields.keys.iter().map(name).collect::<Result<_, _>>()?;
    let mut sorted: Vec<&Arc<str>> = names.iter().collect();
    sorted.sort_unstable();
    match sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(twice) => Err(LineProblem::Duplicate("field", excerpt(twice[0].as_bytes()))),
        None => Ok(names),
    }
}

fn column(kind: Kind) -> Column {
    match kind {
        Kind::F64 => Column::F64(Vec::new()),
        Kind::I64 => Column::I64(Vec::new()),
        Kind::Bool => Column::Bool(Vec::new()),
        Kind::Text => Column::Text(Vec::new()),
    }
}
