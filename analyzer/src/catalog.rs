//! Which tables, fields and series exist, and an inverted index from label values to series.
//!
//! Ids of series are dense `u32`s handed out in blocks per table ([`blocks`]), so that the series of
//! one table lie together in files sorted by series. What is new waits in [`journal`] until the log
//! and then a series segment have it.

use std::{collections::HashMap, sync::Arc};

use weir_model::observation::{Labels, TableName};

use crate::{
    fields::{Field, FieldType},
    settings::Limits,
};

mod blocks;
pub(crate) mod journal;
pub(crate) mod table;
#[cfg(test)]
mod tests;

use blocks::Blocks;
use journal::{Definition, Journal};
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
#[derive(Debug, Default)]
pub(crate) struct Catalog {
    tables: Vec<Table>,
    by_name: HashMap<TableName, TableId>,
    blocks: Blocks,
    series: usize,
    pub(crate) journal: Journal,
}

impl Catalog {
    pub(crate) fn table(&self, id: TableId) -> &Table {
        &self.tables[id.0 as usize]
    }

    pub(crate) fn find(&self, name: &TableName) -> Option<TableId> {
        self.by_name.get(name).copied()
    }

    pub(crate) fn tables(&self) -> impl Iterator<Item = &Table> {
        self.tables.iter()
    }

    /// How many series there are.
    pub(crate) fn series_count(&self) -> usize {
        self.series
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

    /// The series of `table` with `labels`, defined when new.
    pub(crate) fn define_series(
        &mut self,
        table: TableId,
        labels: &Labels,
        limits: &Limits,
    ) -> Result<SeriesId, Refused> {
        if let Some(id) = self.table(table).find(labels) {
            return Ok(id);
        }
        if self.series >= limits.series {
            return Err(Refused::Cardinality(format!("the store has {} series, its limit", limits.series)));
        }
        self.table(table).admit(labels, limits)?;
        let held = self.table(table).series_count();
        let id = self.blocks.next(table, held).ok_or_else(|| Refused::Cardinality("series ids are used up".into()))?;
        self.add(Definition::Series { id, table, labels: labels.clone() });
        Ok(id)
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
            Definition::Series { id, table, labels } => {
                let table = self.tables.get(table.0 as usize).ok_or("a series of no table")?;
                match (table.labels(*id), table.find(labels)) {
                    (None, None) => None,
                    (Some(known), _) => Some(known == labels),
                    (None, Some(_)) => Some(false),
                }
            }
        };
        match known {
            None => self.insert(definition),
            Some(true) => return Ok(false),
            Some(false) => return Err(format!("defined again and otherwise: {definition:?}")),
        }
        Ok(true)
    }

    fn insert(&mut self, definition: &Definition) {
        match definition {
            Definition::Table { id, name } => {
                self.by_name.insert(name.clone(), *id);
                self.tables.push(Table::new(*id, name.clone()));
            }
            Definition::Field { table, field } => self.tables[table.0 as usize].fields.push(field.clone()),
            Definition::Series { id, table, labels } => {
                self.tables[table.0 as usize].insert(*id, labels);
                self.blocks.taken(*id);
                self.series += 1;
            }
        }
    }
}
