//! Which predicates a scan answers itself.

use arrow::datatypes::{Schema, SchemaRef};
use datafusion::{
    common::{Column as ColumnName, ScalarValue},
    logical_expr::{Expr, Operator, TableProviderFilterPushDown},
};

use super::logical::{Column, Logical};
use crate::time_range::TimeRange;

/// A predicate that a scan answers exactly.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Predicate {
    /// Rows in this range.
    Time(TimeRange),
    /// Series whose labels satisfy the expression; the columns that it reads.
    Labels(Vec<String>),
    /// Rows whose fields satisfy the expression; the columns that it reads.
    Fields(Vec<String>),
}

/// What `expr` is for a scan; `None` when DataFusion must evaluate it row by row.
pub(crate) fn classify(expr: &Expr, table: &Logical) -> Option<Predicate> {
    if let Some(range) = time_range(expr) {
        return Some(Predicate::Time(range));
    }
    let names: Vec<String> = expr.column_refs().into_iter().map(|column| column.name.clone()).collect();
    let all = |is: fn(&Column) -> bool| names.iter().all(|name| table.column(name).is_some_and(is));
    let kind = if all(|column| matches!(column, Column::Label(_))) {
        Predicate::Labels
    } else if all(|column| matches!(column, Column::Field(_))) {
        Predicate::Fields
    } else {
        return None;
    };
    let steady = !expr.is_volatile() && !has_subquery(expr);
    (!names.is_empty() && steady).then(|| {
        let mut names = names;
        names.sort_unstable();
        kind(names)
    })
}

/// As DataFusion asks it.
pub(crate) fn pushdown(expr: &Expr, table: &Logical) -> TableProviderFilterPushDown {
    match classify(expr, table) {
        Some(_) => TableProviderFilterPushDown::Exact,
        None => TableProviderFilterPushDown::Unsupported,
    }
}

/// Expressions that read more than the row: other queries, parameters that are not known yet.
fn has_subquery(expr: &Expr) -> bool {
    use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
    let mut found = false;
    let walked = expr.apply(|expr| {
        found |= matches!(
            expr,
            Expr::ScalarSubquery(_)
                | Expr::Exists(_)
                | Expr::InSubquery(_)
                | Expr::OuterReferenceColumn(..)
                | Expr::Placeholder(_)
                | Expr::AggregateFunction(_)
                | Expr::WindowFunction(_)
                | Expr::Unnest(_)
        );
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    });
    found || walked.is_err()
}

/// The times that satisfy `expr`, when it compares `time` with a literal.
pub(crate) fn time_range(expr: &Expr) -> Option<TimeRange> {
    match expr {
        Expr::BinaryExpr(binary) if binary.op == Operator::And => {
            Some(time_range(&binary.left)?.intersect(time_range(&binary.right)?))
        }
        Expr::BinaryExpr(binary) => match (&*binary.left, &*binary.right) {
            (column, literal) if is_time(column) => compared(binary.op, nanoseconds(literal)?),
            (literal, column) if is_time(column) => compared(binary.op.swap()?, nanoseconds(literal)?),
            _ => None,
        },
        Expr::Between(between) if !between.negated && is_time(&between.expr) => {
            Some(TimeRange { min: nanoseconds(&between.low)?, max: nanoseconds(&between.high)? })
        }
        _ => None,
    }
}

fn is_time(expr: &Expr) -> bool {
    matches!(expr, Expr::Column(ColumnName { name, .. }) if name == "time")
}

/// A literal of the column's own type; DataFusion casts literals to it before it asks.
fn nanoseconds(expr: &Expr) -> Option<i64> {
    match expr {
        Expr::Literal(ScalarValue::TimestampNanosecond(time, _), _) => *time,
        _ => None,
    }
}

pub(super) fn compared(op: Operator, time: i64) -> Option<TimeRange> {
    const NOTHING: TimeRange = TimeRange { min: i64::MAX, max: i64::MIN };
    Some(match op {
        Operator::Eq => TimeRange::at(time),
        Operator::Lt => time.checked_sub(1).map_or(NOTHING, |max| TimeRange { max, ..TimeRange::ALL }),
        Operator::LtEq => TimeRange { max: time, ..TimeRange::ALL },
        Operator::Gt => time.checked_add(1).map_or(NOTHING, |min| TimeRange { min, ..TimeRange::ALL }),
        Operator::GtEq => TimeRange { min: time, ..TimeRange::ALL },
        _ => return None,
    })
}

/// The schema of just these columns, in which a predicate on labels is evaluated.
pub(crate) fn schema_of(table: &Logical, names: &[String]) -> SchemaRef {
    let fields = names.iter().filter_map(|name| table.schema.field_with_name(name).ok().cloned());
    std::sync::Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}
