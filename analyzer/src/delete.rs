//! Deleting rows: what is asked, what is answered.

use std::sync::Arc;

use tokio::sync::oneshot;
use weir_model::observation::TableName;

use crate::{
    commit::{Command, FlushError},
    sql::SqlError,
    store::Store,
    time_range::TimeRange,
};

/// Which rows are to be deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delete {
    /// Of which table: `schema.name`, or `name` of a metric.
    pub table: String,
    /// A condition in SQL over labels, and time; all series without one.
    pub condition: Option<String>,
    /// Rows at or after this time, in nanoseconds since the epoch.
    pub from: Option<i64>,
    /// Rows before this time, in nanoseconds since the epoch.
    pub until: Option<i64>,
    /// Only to say what would be deleted.
    pub dry_run: bool,
}

/// What was deleted: no query that begins from now on sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Deleted {
    /// Of which table.
    pub table: TableName,
    /// Rows of so many series. Some may have had none at these times.
    pub series: u64,
    /// Whether rows may remain in ClickHouse, where nothing is deleted.
    pub has_history: bool,
}

/// Why nothing was deleted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeleteError {
    /// The table or the condition makes no sense.
    #[error(transparent)]
    Rows(#[from] SqlError),
    /// There is no time between the two.
    #[error("`from` is not before `until`")]
    Times,
    /// The deletion cannot be made durable now.
    #[error("nothing is deleted: {0}")]
    Flush(#[from] FlushError),
}

impl DeleteError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Rows(error) => error.hint(),
            Self::Times => "rows at `from` are deleted, those at `until` are kept".into(),
            Self::Flush(FlushError::Deletions) => {
                "try again in a minute, or delete with one condition what you delete with many".into()
            }
            Self::Flush(_) => "try again; see the daemon's log".into(),
        }
    }
}

impl Store {
    /// Deletes rows that were written so far: they are hidden, durably, on return, and leave the disk when
    /// their files are written anew. Rows written later stay.
    ///
    /// # Errors
    /// When nothing was deleted.
    pub async fn delete(&self, what: &Delete) -> Result<Deleted, DeleteError> {
        let time = TimeRange {
            min: what.from.unwrap_or(i64::MIN),
            max: what.until.map_or(i64::MAX, |until| until.saturating_sub(1)),
        };
        if time.is_empty() || what.until == Some(i64::MIN) {
            return Err(DeleteError::Times);
        }
        let (table, mut hidden) = self.engine().choose_rows(&what.table, what.condition.as_deref()).await?;
        hidden.time = hidden.time.intersect(time);
        let series = if hidden.time.is_empty() { 0 } else { hidden.series.len() };
        if series > 0 && !what.dry_run {
            // Runs of ids take little in the manifest.
            Arc::make_mut(&mut hidden.series).optimize();
            let (reply, answer) = oneshot::channel();
            self.send(Command::Delete { hidden, reply }).map_err(|()| FlushError::Closed)?;
            answer.await.unwrap_or(Err(FlushError::Closed))?;
        }
        Ok(Deleted { table, series, has_history: self.shared().history.is_some() })
    }
}
