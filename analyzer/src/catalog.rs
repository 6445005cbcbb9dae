//! Which tables, fields and series exist, and an inverted index from label values to series.
//!
//! Ids of series are dense `u32`s handed out in blocks per table ([`blocks`]), so that the series of
//! one table lie together in files sorted by series. What is new waits in [`journal`] until the log
//! and then a series segment have it. Series of which no row is left are forgotten ([`Catalog::forget`]); their
//! ids are not used again.

use std::{collections::HashMap, sync::Arc};

use hashbrown::HashTable;
use roaring::RoaringBitmap;
use weir_model::observation::{Labels, Series, TableName};

use crate::{
    fields::{Field, FieldType},
    pages::Pages,
    settings::Limits,
};

mod blocks;
pub(crate) mod journal;
pub(crate) mod sources;
pub(crate) mod table;
#[cfg(test)]
mod tests;

use blocks::Blocks;
use journal::{Definition, Journal};
use sources::Sources;
use table::Table;

/// A table, as an ordinal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct TableId(pub(crate) u32);

/// A series, as an ordinal over all tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SeriesId(pub(crate) u32);

/// Where rows are stored together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Shape {
    /// Rows whose only field is a float called `value`, of all tables.
    Value,
    /// Rows of one table with other fields.
    Table(TableId),
}

/// A limit that a definition would break, or a contradiction to what is defined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    Cardinality(String),
    FieldType(String),
}

/// All tables and their series.
#[derive(Debug)]
pub(crate) struct Catalog {
    tables: Vec<Table>,
    by_name: HashMap<TableName, TableId>,
    blocks: Blocks,
    /// By id; ids of a table's blocks that are not used yet have none.
    series: Pages<Option<Known>>,
    by_identity: HashTable<SeriesId>,
    forgotten: RoaringBitmap,
    pub(crate) sources: Sources,
    /// Rows refused whose table there is no room for.
    pub(crate) refused_rows: u64,
    pub(crate) journal: Journal,
}

/// A series.
#[derive(Clone, Debug)]
struct Known {
    series: Series,
    table: TableId,
}

impl Default for Catalog {
    fn default() -> Self {
        Self {
            tables: Vec::new(),
            by_name: HashMap::new(),
            blocks: Blocks::default(),
            series: Pages::new(None),
            by_identity: HashTable::new(),
            forgotten: RoaringBitmap::new(),
            sources: Sources::default(),
            refused_rows: 0,
            journal: Journal::default(),
        }
    }
}

impl Catalog {
    pub(crate) fn table(&self, id: TableId) -> &Table {
        &self.tables[id.0 as usize]
    }

    /// Notes rows that were refused for too many series.
    pub(crate) fn note_refused(&mut self, name: &TableName, rows: u64) {
        match self.find(name) {
            Some(id) => self.tables[id.0 as usize].refused_rows += rows,
            None => self.refused_rows += rows,
        }
    }

    /// Rows of a table are stored in its own shape.
    pub(crate) fn set_wide(&mut self, id: TableId) {
        self.tables[id.0 as usize].is_wide = true;
    }

    pub(crate) fn find(&self, name: &TableName) -> Option<TableId> {
        self.by_name.get(name).copied()
    }

    pub(crate) fn tables(&self) -> std::slice::Iter<'_, Table> {
        self.tables.iter()
    }

    /// How many series there are.
    pub(crate) fn series_count(&self) -> usize {
        self.by_identity.len()
    }

    /// The id of a series and its table. Fast for the handle that it was defined with.
    pub(crate) fn find_series(&self, series: &Series) -> Option<(SeriesId, TableId)> {
        self.find_identity(series.hash64(), |known| known == series)
    }

    /// As [`Catalog::find_series`], of the series of `table` with `labels`.
    pub(crate) fn find_labels(&self, table: &TableName, labels: &Labels) -> Option<(SeriesId, TableId)> {
        self.find_identity(Series::hash_of(table, labels), |known| known.is(table, labels))
    }

    fn find_identity(&self, hash: u64, is_it: impl Fn(&Series) -> bool) -> Option<(SeriesId, TableId)> {
        let known = |id: &SeriesId| self.known(*id).is_some_and(|known| is_it(&known.series));
        let id = *self.by_identity.find(hash, known)?;
        Some((id, self.known(id)?.table))
    }

    fn known(&self, id: SeriesId) -> Option<&Known> {
        self.series.get(id.0).as_ref()
    }

    /// The labels of a series.
    pub(crate) fn labels(&self, id: SeriesId) -> Option<&Labels> {
        self.known(id).map(|known| known.series.labels())
    }

    /// The table called `name`, defined when new.
    pub(crate) fn define_table(&mut self, name: &TableName, limits: &Limits) -> Result<TableId, Refused> {
        if let Some(id) = self.find(name) {
            return Ok(id);
        }
        if self.tables.len() >= limits.tables {
            return Err(Refused::Cardinality(format!("there are {} tables already, the limit", limits.tables)));
        }
        let id = TableId(self.tables.len() as u32);
        self.add(Definition::Table { id, name: name.clone() });
        Ok(id)
    }

    /// The position of a field in its table, defined when new.
    pub(crate) fn define_field(
        &mut self,
        table: TableId,
        name: &Arc<str>,
        kind: FieldType,
        limits: &Limits,
    ) -> Result<u32, Refused> {
        let fields = &self.table(table).fields;
        match fields.iter().position(|field| field.name == *name) {
            Some(index) if fields[index].kind == kind => Ok(index as u32),
            Some(index) => Err(Refused::FieldType(format!(
                "field '{name}' is {} in this table, not {}",
                fields[index].kind.name(),
                kind.name()
            ))),
            None if fields.len() >= limits.fields_per_table => Err(Refused::Cardinality(format!(
                "field '{name}' would be one more than the {} that a table may have",
                limits.fields_per_table
            ))),
            None => {
                let index = fields.len() as u32;
                self.add(Definition::Field { table, field: Field { name: Arc::clone(name), kind } });
                Ok(index)
            }
        }
    }

    /// A new series of `table`.
    pub(crate) fn define_series(
        &mut self,
        table: TableId,
        series: &Series,
        limits: &Limits,
    ) -> Result<SeriesId, Refused> {
        if self.series_count() >= limits.series {
            return Err(Refused::Cardinality(format!("the store has {} series, its limit", limits.series)));
        }
        self.sources.admit(series.labels(), limits)?;
        self.table(table).admit(series.labels(), limits)?;
        self.tables[table.0 as usize].make_room(series.labels(), limits);
        let held = self.table(table).series_count();
        let id = self.blocks.next(table, held).ok_or_else(|| Refused::Cardinality("series ids are used up".into()))?;
        self.insert_series(id, table, series);
        self.journal.push(Definition::Series { id, table, labels: series.labels().clone() });
        Ok(id)
    }

    /// Forgets series, of which there must be no rows that are still to be read.
    pub(crate) fn forget(&mut self, series: &RoaringBitmap) {
        if !series.is_empty() {
            let series: Vec<SeriesId> = series.iter().map(SeriesId).collect();
            self.remove(&series);
            self.journal.push(Definition::Forgotten { series });
        }
    }

    /// Ids of series below this may have been in use.
    pub(crate) fn series_end(&self) -> u32 {
        self.blocks.end()
    }

    /// As [`Catalog::series_end`] was.
    pub(crate) fn series_end_at_least(&mut self, end: u32) {
        self.blocks.end_at_least(end);
    }

    /// Series that were forgotten since the series segments were put into one: files may have rows of them.
    pub(crate) fn forgotten(&self) -> &RoaringBitmap {
        &self.forgotten
    }

    /// How many [`Catalog::definitions`] there are.
    pub(crate) fn definition_count(&self) -> usize {
        let of_table = |table: &Table| 1 + table.fields.len() + table.unused_labels().count() + table.series_count();
        self.tables.iter().map(of_table).sum()
    }

    /// What defines everything that is known, and nothing that was forgotten.
    pub(crate) fn definitions(&self) -> Vec<Definition> {
        let tables = self.tables.iter().flat_map(|table| {
            let named = Definition::Table { id: table.id, name: table.name.clone() };
            let field = |field: &Field| Definition::Field { table: table.id, field: field.clone() };
            let label = |name: &Arc<str>| Definition::Label { table: table.id, name: Arc::clone(name) };
            std::iter::once(named).chain(table.fields.iter().map(field)).chain(table.unused_labels().map(label))
        });
        let series = self.tables.iter().flat_map(|table| table.all()).map(SeriesId).filter_map(|id| {
            let known = self.known(id)?;
            Some(Definition::Series { id, table: known.table, labels: known.series.labels().clone() })
        });
        tables.chain(series).collect()
    }

    fn add(&mut self, definition: Definition) {
        self.insert(&definition);
        self.journal.push(definition);
    }

    /// Takes a definition read back from disk; one that is known already changes nothing. Says what
    /// contradicts the definitions before it, if anything does.
    pub(crate) fn restore(&mut self, definition: &Definition) -> Result<bool, String> {
        let known = match definition {
            Definition::Table { id, name } => {
                let at = self.tables.get(id.0 as usize);
                if at.is_none() && id.0 as usize != self.tables.len() {
                    return Err(format!("table {} is defined before its predecessors", id.0));
                }
                at.map(|table| table.name == *name)
            }
            Definition::Field { table, field } => {
                let fields = &self.tables.get(table.0 as usize).ok_or("a field of no table")?.fields;
                fields.iter().find(|known| known.name == field.name).map(|known| known == field)
            }
            Definition::Label { table, name } => {
                let table = self.tables.get(table.0 as usize).ok_or("a label of no table")?;
                table.values(name).map(|_| true)
            }
            Definition::Series { id, table, labels } => {
                let table = self.tables.get(table.0 as usize).ok_or("a series of no table")?;
                match (self.known(*id), self.find_labels(&table.name, labels)) {
                    (None, None) => None,
                    (Some(known), _) => Some(known.series.is(&table.name, labels)),
                    // Of a series that was forgotten in between the newer definition counts; ids only grow.
                    (None, Some((newer, _))) if newer > *id => Some(true),
                    (None, Some((older, _))) => {
                        self.remove(&[older]);
                        None
                    }
                }
            }
            Definition::Forgotten { .. } => None,
        };
        match known {
            None => self.insert(definition),
            Some(true) => return Ok(false),
            Some(false) => return Err(format!("defined again and otherwise: {definition:?}")),
        }
        Ok(true)
    }

    fn insert_series(&mut self, id: SeriesId, table: TableId, series: &Series) {
        let series = self.tables[table.0 as usize].insert(id, series);
        self.sources.add(series.labels());
        self.blocks.taken(id);
        let hash = series.hash64();
        *self.series.at(id.0) = Some(Known { series, table });
        let all = &self.series;
        let rehash = |id: &SeriesId| all.get(id.0).as_ref().map_or(0, |known| known.series.hash64());
        self.by_identity.insert_unique(hash, id, rehash);
    }

    fn remove(&mut self, series: &[SeriesId]) {
        for id in series {
            // A definition may be read twice.
            let Some(Known { series, table }) = self.series.get(id.0).clone() else { continue };
            self.tables[table.0 as usize].remove(*id, &series);
            self.sources.remove(series.labels());
            self.forgotten.insert(id.0);
            if let Ok(held) = self.by_identity.find_entry(series.hash64(), |held| held == id) {
                held.remove();
            }
        }
        // Runs of ids take little.
        self.forgotten.optimize();
        self.series.clear(series.iter().map(|id| id.0), Option::is_none);
    }

    fn insert(&mut self, definition: &Definition) {
        match definition {
            Definition::Table { id, name } => {
                self.by_name.insert(name.clone(), *id);
                self.tables.push(Table::new(*id, name.clone()));
            }
            Definition::Field { table, field } => self.tables[table.0 as usize].fields.push(field.clone()),
            Definition::Series { id, table, labels } => {
                let series = Series::new(self.table(*table).name.clone(), labels.clone());
                self.insert_series(*id, *table, &series);
            }
            Definition::Label { table, name } => self.tables[table.0 as usize].insert_label(name),
            Definition::Forgotten { series } => self.remove(series),
        }
    }
}
