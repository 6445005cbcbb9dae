//! The identity of a series.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use super::{Labels, TableName};

/// A table and the labels of one series in it, shared and hashed once.
///
/// A receiver that hands out the same handle for the same series spares the store comparing labels.
#[derive(Clone, Debug)]
pub struct Series(Arc<Identity>);

#[derive(Debug)]
struct Identity {
    hash: u64,
    table: TableName,
    labels: Labels,
}

impl Series {
    /// The series of `table` with `labels`.
    pub fn new(table: TableName, labels: Labels) -> Self {
        Self(Arc::new(Identity { hash: Self::hash_of(&table, &labels), table, labels }))
    }

    /// What [`Series::hash64`] is of the series of `table` with `labels`.
    pub fn hash_of(table: &TableName, labels: &Labels) -> u64 {
        let mut hasher = DefaultHasher::new();
        (table, labels).hash(&mut hasher);
        hasher.finish()
    }

    /// Whether this is the series of `table` with `labels`.
    pub fn is(&self, table: &TableName, labels: &Labels) -> bool {
        self.0.table == *table && self.0.labels == *labels
    }

    /// Whose series.
    pub fn table(&self) -> &TableName {
        &self.0.table
    }

    /// Its labels.
    pub fn labels(&self) -> &Labels {
        &self.0.labels
    }

    /// Equal for equal series; another in another version of this program.
    pub fn hash64(&self) -> u64 {
        self.0.hash
    }
}

impl PartialEq for Series {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
            || self.0.hash == other.0.hash && self.0.table == other.0.table && self.0.labels == other.0.labels
    }
}

impl Eq for Series {}

impl Hash for Series {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0.hash);
    }
}
