//! `first(value, time)`: the value of the row with the smallest time, as TimescaleDB's function of that name.
//!
//! As [`super::last`] otherwise: null values are passed over, and of several rows of the smallest time the later
//! one counts, as a row that is written again replaces the one before.

use datafusion::logical_expr::AggregateUDF;

use super::by_time::{End, by_time};

/// The function.
pub(super) fn first() -> AggregateUDF {
    by_time(
        End::First,
        "The value of the row with the smallest time; nulls are passed over.",
        "SELECT node, first(value, time), min(time) FROM load GROUP BY node",
    )
}
