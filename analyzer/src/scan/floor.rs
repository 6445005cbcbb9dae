//! What of time a query still wants while it runs.
//!
//! `ORDER BY time DESC LIMIT 10` keeps the ten latest rows so far; rows before the last of them are not
//! wanted any more. DataFusion tells so by a predicate that changes, and reading from the latest rows back
//! then soon wants nothing.

use std::sync::Arc;

use datafusion::{
    common::ScalarValue,
    logical_expr::Operator,
    physical_expr::{
        DynamicFilterTracking, PhysicalExpr,
        expressions::{BinaryExpr, Column, IsNullExpr, Literal},
    },
    physical_expr_common::physical_expr::snapshot_physical_expr,
};

use super::emit::{Emitter, Origin};
use crate::{data_file::Rising, time_range::TimeRange};

const NEVER: TimeRange = TimeRange { min: i64::MAX, max: i64::MIN };

/// The range of time that satisfies a changing predicate on time; `None` for other predicates.
pub(super) fn rising(expr: &Arc<dyn PhysicalExpr>, emitter: &Emitter) -> Option<Rising> {
    let columns = datafusion::physical_expr::utils::collect_columns(expr);
    let is_time = |column: &Column| matches!(emitter.origin(column.index()), Some(Origin::Time));
    let fits = DynamicFilterTracking::classify(expr).contains_dynamic_filter()
        && !columns.is_empty()
        && columns.iter().all(is_time);
    let expr = Arc::clone(expr);
    fits.then(|| {
        Rising::new(move || snapshot_physical_expr(Arc::clone(&expr)).map_or(TimeRange::ALL, |now| hull(&now)))
    })
}

/// A range that holds all times that satisfy `expr`, in which every column is the time, never null.
fn hull(expr: &Arc<dyn PhysicalExpr>) -> TimeRange {
    if expr.downcast_ref::<IsNullExpr>().is_some() {
        return NEVER;
    }
    let Some(binary) = expr.downcast_ref::<BinaryExpr>() else { return TimeRange::ALL };
    match binary.op() {
        Operator::And => hull(binary.left()).intersect(hull(binary.right())),
        Operator::Or => match (hull(binary.left()), hull(binary.right())) {
            (left, right) if left.is_empty() => right,
            (left, right) if right.is_empty() => left,
            (left, right) => left.join(right),
        },
        op => match (binary.left().downcast_ref::<Column>(), literal(binary.right())) {
            (Some(_), Some(time)) => super::predicate::compared(*op, time).unwrap_or(TimeRange::ALL),
            _ => TimeRange::ALL,
        },
    }
}

fn literal(expr: &Arc<dyn PhysicalExpr>) -> Option<i64> {
    match expr.downcast_ref::<Literal>()?.value() {
        ScalarValue::TimestampNanosecond(time, _) => *time,
        _ => None,
    }
}
