//! A sink for tests: keeps what it is given, or fails as told.

use std::sync::Mutex;

use async_trait::async_trait;
use tokio::sync::mpsc;
use weir_model::observation::{Batch, Column, Rows, merge};

use super::{Sink, SinkError, Written};

#[derive(Debug)]
pub(crate) struct Recorder {
    batches: mpsc::UnboundedSender<Vec<Rows>>,
    answer: Mutex<Result<Written, SinkError>>,
}

impl Recorder {
    /// A sink, and the batches that reach it.
    pub(crate) fn new() -> (Self, mpsc::UnboundedReceiver<Vec<Rows>>) {
        let (batches, received) = mpsc::unbounded_channel();
        (Self { batches, answer: Mutex::new(Ok(Written::default())) }, received)
    }

    /// What it answers from now on. Of `Ok` only the rejections count.
    pub(crate) fn answer(&self, answer: Result<Written, SinkError>) {
        *self.answer.lock().unwrap() = answer;
    }
}

#[async_trait]
impl Sink for Recorder {
    async fn write(&self, batch: Batch) -> Result<Written, SinkError> {
        let mut written = self.answer.lock().unwrap().clone()?;
        written.rows = batch.len() as u64 - written.rejected_rows();
        // A test that does not look at the batches dropped the other end.
        drop(self.batches.send(batch.into_rows()));
        Ok(written)
    }
}

/// Rows as text, one line each: `schema.table{label="value"} field=value ... @seconds`.
pub(crate) fn render(batch: impl IntoIterator<Item = Rows>) -> String {
    let mut lines = String::new();
    for rows in merge(batch) {
        for row in 0..rows.len() {
            let labels: Vec<String> = rows.labels[rows.series[row] as usize]
                .iter()
                .map(|(name, value)| format!("{name}={value:?}"))
                .collect();
            let fields: Vec<String> =
                rows.fields.iter().map(|(name, column)| format!("{name}={}", field(column, row))).collect();
            let seconds = rows.time[row] as f64 / 1e9;
            lines += &format!("{}{{{}}} {} @{seconds}\n", rows.table, labels.join(","), fields.join(" "));
        }
    }
    lines
}

fn field(column: &Column, row: usize) -> String {
    let text = match column {
        Column::F64(values) => values[row].map(|value| value.to_string()),
        Column::I64(values) => values[row].map(|value| value.to_string()),
        Column::Bool(values) => values[row].map(|value| value.to_string()),
        Column::Text(values) => values[row].as_ref().map(|value| format!("{value:?}")),
        Column::Amount(values) => values[row].map(|value| value.to_string()),
    };
    text.unwrap_or_else(|| "null".to_owned())
}
