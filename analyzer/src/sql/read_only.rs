//! Only queries pass.

use datafusion::{
    execution::context::SQLOptions,
    logical_expr::LogicalPlan,
    sql::{parser::Statement, sqlparser::ast::Statement as Sql},
};

use super::error::SqlError;

/// Refuses statements other than queries, by their kind.
pub(super) fn check_statement(statement: &Statement) -> Result<(), SqlError> {
    let refused = match statement {
        Statement::Explain(explain) => return check_statement(&explain.statement),
        Statement::Statement(sql) => match &**sql {
            Sql::Query(_)
            | Sql::Explain { .. }
            | Sql::ExplainTable { .. }
            | Sql::ShowTables { .. }
            | Sql::ShowColumns { .. }
            | Sql::ShowFunctions { .. }
            | Sql::ShowVariable { .. } => return Ok(()),
            other => first_word(&other.to_string()),
        },
        other => first_word(&other.to_string()),
    };
    Err(SqlError::ReadOnly { statement: refused })
}

/// Refuses plans that change something, however deep in a query it is.
pub(super) fn check_plan(plan: &LogicalPlan) -> Result<(), SqlError> {
    let options = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    options.verify_plan(plan).map_err(|error| {
        let reason = error.to_string();
        let statement = reason.rsplit(": ").next().unwrap_or_default();
        SqlError::ReadOnly { statement: statement.to_owned() }
    })
}

fn first_word(text: &str) -> String {
    text.split_whitespace().next().unwrap_or_default().to_uppercase()
}
