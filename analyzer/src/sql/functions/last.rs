//! `last(value, time)`: the value of the row with the largest time, as TimescaleDB's function of that name.
//!
//! Rows whose value or time is null are passed over; of several rows of the largest time the later one counts.
//! Values may be of any type; a label comes as text. It is by this name that "latest of every series" is
//! known: `SELECT node, last(value, time) FROM load GROUP BY node` is what a last-value cache can answer.

use datafusion::logical_expr::AggregateUDF;

use super::by_time::{End, by_time};

/// The function.
pub(super) fn last() -> AggregateUDF {
    by_time(
        End::Last,
        "The value of the row with the largest time; nulls are passed over.",
        "SELECT node, last(value, time), max(time) FROM load GROUP BY node",
    )
}
