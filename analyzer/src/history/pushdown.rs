//! Predicates that ClickHouse answers: on `time`, and labels compared with texts.

use datafusion::{
    common::ScalarValue,
    logical_expr::{Expr, Operator},
};

use super::{
    encode::day,
    names::{identifier, literal, stored_field},
};
use crate::{
    scan::{
        logical::{Column, Logical},
        predicate::time_range,
    },
    time_range::TimeRange,
};

/// `expr` in ClickHouse's SQL; `None` when DataFusion must evaluate it.
pub(super) fn condition(expr: &Expr, table: &Logical) -> Option<String> {
    if let Some(range) = time_range(expr) {
        return Some(in_range(range));
    }
    match expr {
        Expr::BinaryExpr(binary) => {
            let both = |word| {
                Some(format!("({} {word} {})", condition(&binary.left, table)?, condition(&binary.right, table)?))
            };
            match binary.op {
                Operator::And => both("AND"),
                Operator::Or => both("OR"),
                Operator::Eq => compared(&binary.left, "=", &binary.right, table),
                Operator::NotEq => compared(&binary.left, "!=", &binary.right, table),
                _ => None,
            }
        }
        Expr::InList(list) => {
            let texts: Option<Vec<String>> = list.list.iter().map(|text| text_of(text).map(literal)).collect();
            let word = if list.negated { "NOT IN" } else { "IN" };
            Some(format!("{} {word} ({})", label_of(&list.expr, table)?, texts?.join(", ")))
        }
        _ => None,
    }
}

fn in_range(TimeRange { min, max }: TimeRange) -> String {
    // As text, so that the bounds of 64 bits are integers there too. Days pick partitions.
    format!(
        "(day >= toDate({}) AND day <= toDate({}) AND time >= toInt64('{min}') AND time <= toInt64('{max}'))",
        day(min),
        day(max)
    )
}

fn compared(left: &Expr, op: &str, right: &Expr, table: &Logical) -> Option<String> {
    let (label, text) = match (label_of(left, table), label_of(right, table)) {
        (Some(label), _) => (label, text_of(right)?),
        (None, Some(label)) => (label, text_of(left)?),
        (None, None) => return None,
    };
    Some(format!("{label} {op} {}", literal(text)))
}

/// The value of a label; that of one that is absent is `''`, as the default of its type.
pub(super) fn label_value(name: &str) -> String {
    format!("label_values[indexOf(label_names, {})]", literal(name))
}

fn label_of(expr: &Expr, table: &Logical) -> Option<String> {
    match expr {
        Expr::Column(column) => match table.column(&column.name)? {
            Column::Label(label) => Some(label_value(label)),
            Column::Time | Column::Field(_) => None,
        },
        // Labels are texts already, whatever kind of text is compared with.
        Expr::Cast(cast) if cast.field.data_type().is_string() => label_of(&cast.expr, table),
        _ => None,
    }
}

fn text_of(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Literal(value, _) => plain(value).try_as_str().flatten(),
        _ => None,
    }
}

fn plain(value: &ScalarValue) -> &ScalarValue {
    match value {
        ScalarValue::Dictionary(_, value) => plain(value),
        value => value,
    }
}

/// A column of the logical table in ClickHouse's SQL.
pub(super) fn selected(column: &Column) -> String {
    match column {
        Column::Time => "time".to_owned(),
        Column::Label(label) => label_value(label),
        Column::Field(field) => identifier(&stored_field(&field.name)),
    }
}
