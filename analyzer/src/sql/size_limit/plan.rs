//! Limits on the calls in a plan: some of them are never looked up by name, as `[a, b]` and `a || b`.

use std::sync::Arc;

use datafusion::{
    common::{
        Result,
        tree_node::{Transformed, TreeNode, TreeNodeRecursion},
    },
    logical_expr::{BinaryExpr, Expr, LogicalPlan, Operator, expr::ScalarFunction},
};

use super::{Limits, bytes, is_limited, limited, text_concat::text_concat};
use crate::sql::SqlError;

/// Constants of all columns: expanded to a batch of 8,192 rows they are 512 MiB.
const CONSTANTS_BYTES_MAX: usize = 64 << 10;

/// Puts limits on every call in `plan` that needs them; refuses constants that are too long.
pub(in crate::sql) fn guard(plan: LogicalPlan) -> Result<LogicalPlan, SqlError> {
    let (mut calls, mut constants) = (0, 0);
    let counted = plan.apply_with_subqueries(|node| {
        let is_output = !matches!(node, LogicalPlan::Filter(_) | LogicalPlan::Join(_) | LogicalPlan::Values(_));
        node.apply_expressions(|expr| {
            expr.apply(|expr| {
                calls += usize::from(is_call(expr));
                match expr {
                    // What is only compared with is not expanded.
                    Expr::InList(list) => {
                        list.expr.apply(|expr| {
                            calls += usize::from(is_call(expr));
                            Ok(TreeNodeRecursion::Continue)
                        })?;
                        return Ok(TreeNodeRecursion::Jump);
                    }
                    Expr::Literal(value, _) if is_output => constants += bytes::of_scalar(value),
                    _ => {}
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    });
    let invalid = |error| SqlError::from_datafusion(&error);
    counted.map_err(invalid)?;
    if constants > CONSTANTS_BYTES_MAX {
        return Err(SqlError::Memory(format!(
            "its columns have constants of {constants} bytes, {CONSTANTS_BYTES_MAX} are the limit: shorten them",
        )));
    }
    if calls == 0 {
        return Ok(plan);
    }
    let limits = Limits::of(calls);
    let guarded = plan.transform_up_with_subqueries(|node| {
        node.map_expressions(|expr| Ok(Transformed::yes(limit(expr, limits)?)))?.map_data(LogicalPlan::recompute_schema)
    });
    Ok(guarded.map_err(invalid)?.data)
}

/// Puts limits on the calls in an expression.
pub(super) fn limit(expr: Expr, limits: Limits) -> Result<Expr> {
    let limited = expr.transform_up(|expr| {
        Ok(match expr {
            Expr::ScalarFunction(call) if is_limited(&unwrapped(&call)) => {
                let func = Arc::new(limited(&unwrapped(&call), limits));
                Transformed::yes(Expr::ScalarFunction(ScalarFunction { func, args: call.args }))
            }
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::StringConcat, right }) => {
                let func = Arc::new(limited(&Arc::new(text_concat()), limits));
                Transformed::yes(Expr::ScalarFunction(ScalarFunction { func, args: vec![*left, *right] }))
            }
            other => Transformed::no(other),
        })
    });
    Ok(limited?.data)
}

fn is_call(expr: &Expr) -> bool {
    match expr {
        Expr::ScalarFunction(call) => is_limited(&unwrapped(call)),
        Expr::BinaryExpr(binary) => binary.op == Operator::StringConcat,
        _ => false,
    }
}

/// The function without limits that it has already, from the session.
fn unwrapped(call: &ScalarFunction) -> Arc<datafusion::logical_expr::ScalarUDF> {
    let limits = call.func.inner().downcast_ref::<super::Limited>();
    limits.map_or_else(|| Arc::clone(&call.func), |limits| Arc::clone(&limits.inner))
}
