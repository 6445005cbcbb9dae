//! What was defined and is not yet on disk.
//!
//! A definition must be durable before the first row that uses it: the next log record takes all
//! that are not in the log, and a flush writes the journal to a series segment before it lets go
//! of the log.

use std::sync::Arc;

use weir_model::observation::{Labels, TableName};

use super::{SeriesId, TableId};
use crate::fields::Field;

/// A fact of the catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Definition {
    Table {
        id: TableId,
        name: TableName,
    },
    /// Fields are numbered in the order of their definitions.
    Field {
        table: TableId,
        field: Field,
    },
    /// A label that no series has any more.
    Label {
        table: TableId,
        name: Arc<str>,
    },
    Series {
        id: SeriesId,
        table: TableId,
        labels: Labels,
    },
    /// These series are not there any more. Whoever sends one of them again gets another id.
    Forgotten {
        series: Vec<SeriesId>,
    },
}

/// Definitions in order, from the oldest that no series segment has. They are counted from the first
/// that ever was, so that a count stays right while a flush takes definitions away.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    definitions: Vec<Definition>,
    /// How many came before `definitions`.
    persisted: usize,
    logged: usize,
}

impl Journal {
    pub(super) fn push(&mut self, definition: Definition) {
        self.definitions.push(definition);
    }

    /// Takes a definition read back from the log.
    pub(crate) fn push_logged(&mut self, definition: Definition) {
        self.definitions.push(definition);
        self.logged = self.end();
    }

    /// What no log record has.
    pub(crate) fn unlogged(&self) -> &[Definition] {
        &self.definitions[self.logged.saturating_sub(self.persisted)..]
    }

    /// How many the log has, for [`Journal::set_logged`].
    pub(crate) fn logged(&self) -> usize {
        self.logged
    }

    /// How many there ever were.
    pub(crate) fn end(&self) -> usize {
        self.persisted + self.definitions.len()
    }

    /// The log has the first `logged`: more after a record was encoded, fewer again when it could
    /// not be written.
    pub(crate) fn set_logged(&mut self, logged: usize) {
        self.logged = logged;
    }

    /// What no series segment has.
    pub(crate) fn unpersisted(&self) -> &[Definition] {
        &self.definitions
    }

    /// A series segment has the first `count` of [`Journal::unpersisted`].
    pub(crate) fn persist(&mut self, count: usize) {
        self.definitions.drain(..count);
        self.persisted += count;
    }
}
