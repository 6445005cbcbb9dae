//! Names of one kind of row, and references to them.

use std::{collections::BTreeMap, fmt::Display};

use super::ROWS_MAX;
use crate::yaml::{Fields, Item, Mark, Reader, Scalar, Spanned, nearest};

/// The ids of one section of the inventory, numbered in the file's order.
#[derive(Debug)]
pub(super) struct Names<'a, Id> {
    reader: &'a Reader,
    what: &'static str,
    items: Vec<(Item<'a>, Id)>,
    ordinals: BTreeMap<String, usize>,
    /// How an id is written to be compared.
    canonical: fn(&str) -> String,
}

impl<'a, Id: Scalar + Display + Clone> Names<'a, Id> {
    /// Reads the `id` of every row; rows without one, or with one taken, are reported and dropped.
    pub(super) fn collect(reader: &'a Reader, what: &'static str, items: Vec<Item<'a>>) -> Self {
        Self::collect_as(reader, what, items, str::to_owned)
    }

    /// As [`Names::collect`]; ids that `canonical` writes alike are one.
    pub(super) fn collect_as(
        reader: &'a Reader,
        what: &'static str,
        items: Vec<Item<'a>>,
        canonical: fn(&str) -> String,
    ) -> Self {
        let mut names = Self { reader, what, items: Vec::new(), ordinals: BTreeMap::new(), canonical };
        let mut lines: Vec<usize> = Vec::new();
        if items.len() > ROWS_MAX {
            reader.error(Mark::START, format!("{} rows of kind {what}: at most {ROWS_MAX} are allowed", items.len()));
        }
        for item in items.into_iter().take(ROWS_MAX) {
            let Some(id) = item.fields_of(what).and_then(|mut fields| fields.required_spanned::<Id>("id")) else {
                continue;
            };
            let text = canonical(&id.value.to_string());
            if let Some(first) = names.ordinals.get(&text) {
                let hint = format!("the other is on line {}", lines[*first]);
                reader.error_with_hint(id.mark, format!("there are two of {what} `{text}`"), hint);
                continue;
            }
            names.ordinals.insert(text, names.items.len());
            names.items.push((item, id.value));
            lines.push(id.mark.line);
        }
        names
    }

    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    /// Builds every row. A row that cannot be built has been reported.
    pub(super) fn rows<T>(&self, mut build: impl FnMut(&mut Fields<'a>, Id) -> Option<T>) -> Vec<T> {
        let mut rows = Vec::with_capacity(self.items.len());
        for (item, id) in &self.items {
            let Some(mut fields) = item.fields_of(self.what) else { continue };
            // Named here so that `finish` knows it.
            let _: Option<Id> = fields.optional("id");
            rows.extend(build(&mut fields, id.clone()));
            fields.finish();
        }
        rows
    }

    /// The ordinal that a written reference means; an error is noted when there is none.
    pub(super) fn resolve<Ord>(&self, name: &Spanned<Id>, ord: fn(usize) -> Ord) -> Option<Ord> {
        let text = (self.canonical)(&name.value.to_string());
        if let Some(index) = self.ordinals.get(&text) {
            return Some(ord(*index));
        }
        let message = format!("there is no {} `{text}`", self.what);
        match nearest(&text, self.ordinals.keys().map(String::as_str)) {
            Some(known) => self.reader.error_with_hint(name.mark, message, format!("did you mean `{known}`?")),
            None => self.reader.error(name.mark, message),
        }
        None
    }

    /// The reference under a key that must be there.
    pub(super) fn required<Ord>(
        &self,
        fields: &mut Fields<'_>,
        key: &'static str,
        ord: fn(usize) -> Ord,
    ) -> Option<Ord> {
        self.resolve(&fields.required_spanned(key)?, ord)
    }

    /// The reference under a key that may be there.
    pub(super) fn optional<Ord>(
        &self,
        fields: &mut Fields<'_>,
        key: &'static str,
        ord: fn(usize) -> Ord,
    ) -> Option<Ord> {
        self.resolve(&fields.optional_spanned(key)?, ord)
    }

    /// The references in the list under a key.
    pub(super) fn list<Ord>(&self, fields: &mut Fields<'_>, key: &'static str, ord: fn(usize) -> Ord) -> Vec<Ord> {
        fields.scalars::<Id>(key).iter().filter_map(|name| self.resolve(name, ord)).collect()
    }
}
