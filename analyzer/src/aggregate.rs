//! Aggregates over stored rows, by series and time, without hashing rows.
//!
//! Stored rows come sorted by series and time. So `SELECT node, date_bin('1 minute', time), max(value) ..
//! GROUP BY 1, 2` needs no hash table: all rows of a run belong to one group, and each group is a cell of
//! a dense grid of (labels, bin), which a run's slices are folded into. [`pushdown`] finds such aggregates
//! in physical plans and puts [`exec`] in the place of both stages of DataFusion's aggregation: partitions have the
//! same cells, which are combined one by one. Files that have a rollup are read by that where it says enough
//! ([`rolled`]). What is folded how is in [`call`], which cell a row belongs to in
//! [`grid`].

mod call;
mod exec;
mod grid;
pub(crate) mod pushdown;
mod rolled;
#[cfg(test)]
mod tests;

pub(crate) use call::{Argument, Call, Folded, Function};
pub(crate) use grid::Segment;
