//! `buckets(start, end, interval)`: a table with one row for each bucket, also for those without samples.
//!
//! Its column `time` is the begin of each bucket that [`super::time_bucket`] makes of times from `start` up
//! to, not including, `end`. Joined to what was measured it shows what was not:
//!
//! ```sql
//! SELECT buckets.time, avg(load.value)
//! FROM buckets(now() - INTERVAL '1 hour', now(), '5m') AS buckets
//! LEFT JOIN load ON time_bucket('5m', load.time) = buckets.time AND load.node = 'a'
//! GROUP BY buckets.time ORDER BY buckets.time
//! ```

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use datafusion::{
    catalog::{TableFunctionArgs, TableFunctionImpl, TableProvider},
    common::{Result, ScalarValue, plan_err},
    error::DataFusionError,
    functions_table::generate_series::{GenSeriesArgs, GenerateSeriesTable},
    logical_expr::Expr,
};

use super::{
    date_bin::{bin_begin, bin_end},
    time_bucket::default_origin,
    width::Width,
};

pub(super) const NAME: &str = "buckets";
/// Rows of one call: two years of minutes are 1,051,200, and 8 MB.
const BUCKETS_MAX: i64 = 1_051_200;
/// The shortest month, by which the number of buckets is at most counted.
const MONTH_NS: i64 = 28 * 86_400_000_000_000;

/// The table function.
#[derive(Debug)]
pub(super) struct Buckets;

impl TableFunctionImpl for Buckets {
    fn call_with_args(&self, args: TableFunctionArgs<'_, '_>) -> Result<Arc<dyn TableProvider>> {
        let [start, end, Expr::Literal(width, _)] = args.exprs() else {
            return plan_err!(
                "{NAME} takes a start, an end and an interval, all constants: {NAME}('2026-01-01', '2026-01-02', '5m')"
            );
        };
        let (start, end, width) = (time("start", start)?, time("end", end)?, Width::parse(width, NAME)?);
        let kind = DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()));
        let schema = Arc::new(Schema::new(vec![Field::new("time", kind, false)]));
        if start >= end {
            return Ok(Arc::new(GenerateSeriesTable::new(schema, GenSeriesArgs::ContainsNull { name: NAME })));
        }
        let first = bin_begin(start, width, default_origin(width))?;
        let Some(first) = first.filter(|first| bin_end(*first, width).is_some()) else {
            return plan_err!("the start of {NAME} is out of range");
        };
        let shortest = match width {
            Width::Nanoseconds(nanoseconds) => nanoseconds,
            Width::Months(months) => i64::from(months).saturating_mul(MONTH_NS),
        };
        if end.saturating_sub(first) > shortest.saturating_mul(BUCKETS_MAX) {
            return Err(DataFusionError::ResourcesExhausted(format!(
                "{NAME} would return more than {BUCKETS_MAX} rows: ask for a longer interval or a shorter time"
            )));
        }
        let series = GenSeriesArgs::TimestampArgs {
            start: first,
            end,
            step: width.interval(),
            tz: Some("UTC".into()),
            include_end: false,
            name: NAME,
        };
        Ok(Arc::new(GenerateSeriesTable::new(schema, series)))
    }
}

/// A constant time, in nanoseconds.
fn time(which: &str, expr: &Expr) -> Result<i64> {
    let kind = DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()));
    let value = match expr {
        Expr::Literal(value, _) => value.cast_to(&kind).ok(),
        _ => None,
    };
    match value {
        Some(ScalarValue::TimestampNanosecond(Some(time), _)) => Ok(time),
        _ => plan_err!("the {which} of {NAME} must be a constant time such as '2026-01-01T00:00:00Z', not {expr}"),
    }
}
