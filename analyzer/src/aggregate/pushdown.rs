//! Finds aggregations that scans can do.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::{
    common::{
        ScalarValue,
        config::ConfigOptions,
        tree_node::{Transformed, TransformedResult, TreeNode},
    },
    error::Result,
    physical_expr::{
        PhysicalExpr, ScalarFunctionExpr,
        aggregate::AggregateFunctionExpr,
        expressions::{CastExpr, Column, Literal},
    },
    physical_optimizer::PhysicalOptimizerRule,
    physical_plan::{
        ExecutionPlan,
        aggregates::{AggregateExec, AggregateMode},
    },
};

use super::{
    call::{Argument, Call, Function},
    exec::SeriesAggregate,
    grid::{Grid, Key, Width},
};
use crate::{
    fields::FieldType,
    scan::{
        emit::{Emitter, Origin},
        exec::SeriesScan,
    },
};

/// Cells of one aggregation: 4 M of some 20 bytes each are 80 MB for each call and thread. A day by the
/// minute of 2,900 nodes fits; larger ones are hashed, row by row.
const CELLS_MAX: usize = 4 << 20;

/// Puts [`SeriesAggregate`] in the place of aggregations over scans.
#[derive(Debug)]
pub(crate) struct AggregatePushdown;

impl PhysicalOptimizerRule for AggregatePushdown {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|plan| {
            let pushed = plan.downcast_ref::<AggregateExec>().and_then(pushed);
            Ok(pushed.map_or_else(|| Transformed::no(plan), |pushed| Transformed::yes(Arc::new(pushed) as _)))
        })
        .data()
    }

    fn name(&self) -> &'static str {
        "AggregatePushdown"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// What does the same as `last`, the final stage with the partial one below it, when a scan can.
fn pushed(last: &AggregateExec) -> Option<SeriesAggregate> {
    let is_final = matches!(last.mode(), AggregateMode::Final | AggregateMode::FinalPartitioned);
    let aggregate = last.input().downcast_ref::<AggregateExec>().filter(|_| is_final)?;
    let is_plain = *aggregate.mode() == AggregateMode::Partial
        && !aggregate.group_expr().has_grouping_set()
        && aggregate.filter_expr().iter().all(Option::is_none);
    let scan = aggregate.input().downcast_ref::<SeriesScan>().filter(|_| is_plain)?;
    let emitter = scan.emitter();
    let calls = aggregate.aggr_expr().iter().map(|call| self::call(emitter, call)).collect::<Option<Vec<_>>>()?;
    let (mut labels, mut keys, mut width) = (Vec::new(), Vec::new(), None);
    for (expr, _) in aggregate.group_expr().expr() {
        match column(emitter, expr) {
            Some((index, Origin::Label(_))) => {
                keys.push(Key::Label(labels.len()));
                labels.push(index);
            }
            Some(_) => return None,
            None => {
                keys.push(Key::Bin);
                if width.replace(bin(emitter, expr)?).is_some() {
                    return None;
                }
            }
        }
    }
    let grid = Grid::new(emitter, labels, width, keys, scan.reader().time()?, CELLS_MAX)?;
    Some(SeriesAggregate::new(scan.again(), grid, calls, last.schema()))
}

/// The output column of the scan that `expr` is.
fn column<'a>(emitter: &'a Emitter, expr: &Arc<dyn PhysicalExpr>) -> Option<(usize, &'a Origin)> {
    let index = expr.downcast_ref::<Column>()?.index();
    Some((index, emitter.origin(index)?))
}

fn literal(expr: &Arc<dyn PhysicalExpr>) -> Option<&ScalarValue> {
    expr.downcast_ref::<Literal>().map(Literal::value)
}

/// The bins of `date_bin(<interval>, time[, <origin>])` and `date_trunc('minute', time)`.
fn bin(emitter: &Emitter, expr: &Arc<dyn PhysicalExpr>) -> Option<Width> {
    let function = expr.downcast_ref::<ScalarFunctionExpr>()?;
    let (first, time, origin) = match function.args() {
        [first, time] => (first, time, None),
        [first, time, origin] => (first, time, Some(origin)),
        _ => return None,
    };
    matches!(column(emitter, time)?, (_, Origin::Time)).then_some(())?;
    let nanos = match function.fun().name() {
        "date_bin" => nanoseconds(literal(first)?)?,
        "date_trunc" => truncated(literal(first)?)?,
        _ => return None,
    };
    let origin = match origin.map(literal) {
        None => 0,
        Some(Some(ScalarValue::TimestampNanosecond(Some(origin), _))) => *origin,
        Some(_) => return None,
    };
    (nanos > 0).then_some(Width { nanos, origin })
}

const SECOND: i64 = 1_000_000_000;
const DAY: i64 = 86_400 * SECOND;

/// The length of an interval that always has the same.
fn nanoseconds(interval: &ScalarValue) -> Option<i64> {
    match interval {
        ScalarValue::IntervalMonthDayNano(Some(interval)) if interval.months == 0 => {
            i64::from(interval.days).checked_mul(DAY)?.checked_add(interval.nanoseconds)
        }
        ScalarValue::IntervalDayTime(Some(interval)) => {
            let milliseconds = i64::from(interval.milliseconds).checked_mul(1_000_000)?;
            i64::from(interval.days).checked_mul(DAY)?.checked_add(milliseconds)
        }
        _ => None,
    }
}

/// Units that always have the same length in UTC.
fn truncated(unit: &ScalarValue) -> Option<i64> {
    match unit.try_as_str()?? {
        "second" => Some(SECOND),
        "minute" => Some(60 * SECOND),
        "hour" => Some(3_600 * SECOND),
        "day" => Some(DAY),
        _ => None,
    }
}

fn call(emitter: &Emitter, call: &AggregateFunctionExpr) -> Option<Call> {
    if call.is_distinct() || !call.order_bys().is_empty() {
        return None;
    }
    let arguments = call.expressions();
    if let ("last", [value, time]) = (call.fun().name(), &arguments[..]) {
        matches!(column(emitter, time)?, (_, Origin::Time)).then_some(())?;
        return Some(Call { function: Function::Last, argument: argument(emitter, Function::Last, value)? });
    }
    let [argument] = &arguments[..] else { return None };
    let function = match call.fun().name() {
        "count" => Function::Count,
        "min" => Function::Min,
        "max" => Function::Max,
        "sum" => Function::Sum,
        "avg" => Function::Avg,
        _ => return None,
    };
    let argument = self::argument(emitter, function, argument)?;
    Some(Call { function, argument })
}

fn argument(emitter: &Emitter, function: Function, expr: &Arc<dyn PhysicalExpr>) -> Option<Argument> {
    if let Some(literal) = literal(expr) {
        return (function == Function::Count && !literal.is_null()).then_some(Argument::Rows);
    }
    let cast = expr.downcast_ref::<CastExpr>();
    let widened = cast.filter(|cast| *cast.cast_type() == DataType::Float64).map(CastExpr::expr);
    let (_, origin) = column(emitter, widened.unwrap_or(expr))?;
    let kind = |column: usize| emitter.kind(column);
    match (function, origin) {
        (Function::Avg, Origin::Stored(column)) if widened.is_some() && kind(*column)? == FieldType::I64 => {
            Some(Argument::Widened(*column))
        }
        // A cast may fail, which is then the answer.
        _ if cast.is_some() => None,
        (Function::Count, Origin::Stored(column)) => Some(Argument::Any(*column)),
        (Function::Count, _) => Some(Argument::Rows),
        (Function::Min | Function::Max, Origin::Time) => Some(Argument::Time),
        (_, Origin::Stored(column)) if kind(*column)? == FieldType::F64 => Some(Argument::F64(*column)),
        (Function::Avg, _) => None,
        (_, Origin::Stored(column)) if kind(*column)? == FieldType::I64 => Some(Argument::I64(*column)),
        _ => None,
    }
}
