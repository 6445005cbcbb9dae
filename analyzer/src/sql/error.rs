//! What goes wrong with queries, in words with a way out.

use std::{error::Error, iter::successors, time::Duration};

use datafusion::{error::DataFusionError, sql::sqlparser::parser::ParserError};

use crate::data_file::Unreadable;

/// Why there is no (more) answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SqlError {
    /// Something other than a query.
    #[error("{statement} is refused: only queries are answered")]
    ReadOnly {
        /// What it was.
        statement: String,
    },
    /// A table that does not exist.
    #[error("there is no table {name}")]
    UnknownTable {
        /// Its name in the query.
        name: String,
        /// Names like it, the likeliest first.
        nearest: Vec<String>,
    },
    /// The text is no SQL, or does not fit the tables.
    #[error("{0}")]
    Invalid(String),
    /// The memory for queries is used up.
    #[error("the query needs more memory than there is for queries: {0}")]
    Memory(String),
    /// The time is up.
    #[error("the query took longer than {:.1} s", after.as_secs_f64())]
    Timeout {
        /// How long it was given.
        after: Duration,
    },
    /// The answer is too long.
    #[error("the answer has more than {limit} rows")]
    TooManyRows {
        /// How many it may have.
        limit: usize,
    },
    /// Too many queries run.
    #[error("{running} queries are running, as many as may")]
    Busy {
        /// How many may run.
        running: usize,
    },
    /// The store is closed.
    #[error("the store is closed")]
    Closed,
    /// A data file is cut off or damaged.
    #[error("{0}")]
    Unreadable(String),
    /// A defect.
    #[error("the query failed: {0}")]
    Failed(String),
}

impl SqlError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::ReadOnly { .. } => "use SELECT, WITH, EXPLAIN, SHOW or DESCRIBE".into(),
            Self::UnknownTable { nearest, .. } if nearest.is_empty() => "SHOW TABLES lists what there is".into(),
            Self::UnknownTable { nearest, .. } => {
                format!("did you mean {}? SHOW TABLES lists what there is", nearest.join(", "))
            }
            Self::Invalid(_) => "names with capitals or other characters than a-z, 0-9 and _ need double quotes; \
                                 DESCRIBE lists the columns of a table"
                .into(),
            Self::Memory(_) => "ask for a shorter time, fewer labels in GROUP BY, or add a LIMIT to ORDER BY".into(),
            Self::Timeout { .. } => "ask for a shorter time or fewer series".into(),
            Self::TooManyRows { .. } => "add a LIMIT, or aggregate".into(),
            Self::Busy { .. } => "try again in a few seconds".into(),
            Self::Closed => "the daemon is stopping".into(),
            Self::Unreadable(_) => {
                "stop the daemon, put a sound copy of the file in its place or remove the file, and \
                                    start again; queries for other rows are answered meanwhile"
                    .into()
            }
            Self::Failed(_) => "see the daemon's log".into(),
        }
    }

    /// Of an error of planning or running.
    pub(super) fn from_datafusion(error: &DataFusionError) -> Self {
        let mut causes = successors(Some(error as &(dyn Error + 'static)), |cause| Error::source(*cause));
        if let Some(unreadable) = causes.find_map(|cause| cause.downcast_ref::<Unreadable>()) {
            return Self::Unreadable(unreadable.to_string());
        }
        let message = || strip_message(error.find_root());
        match error.find_root() {
            DataFusionError::ResourcesExhausted(reason) => Self::Memory(first_line(reason)),
            // What is put down goes through Arrow's writer, which makes its error a text.
            DataFusionError::ArrowError(..) if message().contains(SPILL_LIMIT) => Self::Memory(first_line(&message())),
            DataFusionError::SQL(..)
            | DataFusionError::Plan(_)
            | DataFusionError::SchemaError(..)
            | DataFusionError::NotImplemented(_)
            | DataFusionError::Configuration(_)
            | DataFusionError::ArrowError(..)
            | DataFusionError::Execution(_) => Self::Invalid(message()),
            DataFusionError::Diagnostic(_, inner) | DataFusionError::Context(_, inner) => Self::from_datafusion(inner),
            _ => Self::Failed(message()),
        }
    }
}

/// Of DataFusion's message that a query has put more down on disk than it may.
const SPILL_LIMIT: &str = "used disk space during the spilling process has exceeded";

/// A message without DataFusion's prefix and backtrace.
fn strip_message(error: &DataFusionError) -> String {
    match error {
        DataFusionError::SQL(parser, _) => match &**parser {
            ParserError::ParserError(text) | ParserError::TokenizerError(text) => text.clone(),
            ParserError::RecursionLimitExceeded => "the query is nested too deeply".into(),
        },
        other => other.message().split(DataFusionError::BACK_TRACE_SEP).next().unwrap_or_default().trim().to_owned(),
    }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}
