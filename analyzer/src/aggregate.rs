//! Aggregates over stored rows, by series and time, without hashing rows.
//!
//! Stored rows come sorted by series and time. So `SELECT node, date_bin('1 minute', time), max(value) ..
//! GROUP BY 1, 2` needs no hash table: all rows of a run belong to one group, and each group is a cell of
//! a dense grid of (labels, bin), which a run's slices are folded into. [`pushdown`] finds such aggregates
//! in physical plans and puts [`exec`] in the place of DataFusion's partial aggregation; the final one stays
//! and combines what partitions found. What is folded how is in [`call`], which cell a row belongs to in
//! [`grid`].

mod call;
mod exec;
mod grid;
pub(crate) mod pushdown;
#[cfg(test)]
mod tests;
