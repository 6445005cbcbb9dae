//! Reading tables: from a logical table (time, labels, fields) to the stored rows and back.
//!
//! A scan turns predicates on labels into a set of series through the catalog's index
//! ([`choose`]), predicates on time into a range ([`predicate`]), picks the chunks and files that can
//! have such rows ([`sources`]), reads them, merging only those that can contradict each other
//! ([`exec`]), and gives every row the labels of its series ([`emit`]).

pub(crate) mod choose;
pub(crate) mod emit;
pub(crate) mod exec;
mod floor;
pub(crate) mod logical;
pub(crate) mod predicate;
pub(crate) mod provider;
mod row_filter;
pub(crate) mod rows;
pub(crate) mod sources;
#[cfg(test)]
mod tests;
