//! Since when counters count: rows of `metrics.start_times`, one when a series starts anew.

use weir_model::observation::{Row, Rows, Series, TableName, merge};

use super::wide;

/// The table; a row has the labels of its series, and the metric's name as label `metric`. Its time is that of the
/// first sample that told.
pub(super) const TABLE: &str = "start_times";

/// Its field: milliseconds since the epoch.
const FIELD: &str = "start_time_ms";

/// Start times being gathered, with what remembers them.
#[derive(Debug, Default)]
pub(super) struct StartTimeRows {
    rows: Vec<Rows>,
    pub(super) facts: Vec<u128>,
}

impl StartTimeRows {
    pub(super) fn table() -> TableName {
        TableName::metric(TABLE)
    }

    pub(super) fn push(&mut self, series: &Series, time: i64, start_time_ms: i64, fact: u128) {
        let labels = wide::labels(series, &[FIELD], Some(&series.table().name));
        self.rows.push(Row::new(Self::table(), time, labels).i64(FIELD, start_time_ms).into_rows());
        self.facts.push(fact);
    }

    pub(super) fn into_rows(self) -> Vec<Rows> {
        merge(self.rows)
    }
}
