//! Encoding answers.

use std::{io::Write, time::Instant};

use arrow::{array::RecordBatch, csv, datatypes::SchemaRef, error::ArrowError, ipc};
use futures::{Stream, StreamExt, stream};
use serde_json::json;

use crate::sql::{QueryResult, SqlError};

mod json_rows;

/// What an answer is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    Csv,
    Arrow,
}

impl Format {
    /// By the `Accept` header: the first that is known, else JSON.
    pub(super) fn accepted(accept: &str) -> Self {
        let kinds = accept.split(',').map(|kind| kind.split(';').next().unwrap_or_default().trim());
        let known = kinds.filter_map(|kind| match kind {
            "application/json" => Some(Self::Json),
            "text/csv" => Some(Self::Csv),
            "application/vnd.apache.arrow.stream" => Some(Self::Arrow),
            _ => None,
        });
        known.take(1).last().unwrap_or(Self::Json)
    }

    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Csv => "text/csv; charset=utf-8",
            Self::Arrow => "application/vnd.apache.arrow.stream",
        }
    }
}

/// Writes one answer.
pub(super) struct Encoder {
    writer: Writer,
    begun: Instant,
}

enum Writer {
    Json { schema: SchemaRef, rows: u64 },
    Csv { header: bool, schema: SchemaRef },
    Arrow(Box<ipc::writer::StreamWriter<Vec<u8>>>),
}

impl Encoder {
    pub(super) fn new(format: Format, schema: &SchemaRef, begun: Instant) -> Result<Self, SqlError> {
        let schema = SchemaRef::clone(schema);
        let writer = match format {
            Format::Json => Writer::Json { schema, rows: 0 },
            Format::Csv => Writer::Csv { header: true, schema },
            Format::Arrow => {
                Writer::Arrow(Box::new(ipc::writer::StreamWriter::try_new(Vec::new(), &schema).map_err(failed)?))
            }
        };
        Ok(Self { writer, begun })
    }

    /// The bytes of the answer, or where it ends in an error.
    pub(super) fn encode(self, result: QueryResult) -> impl Stream<Item = Result<Vec<u8>, SqlError>> {
        let parts = result.map(Some).chain(stream::once(async { None }));
        let mut encoder = self;
        let begin = stream::once({
            let begin = encoder.begin();
            async { begin }
        });
        begin
            .chain(parts.map(move |part| match part {
                Some(Ok(batch)) => encoder.batch(&batch).map_err(failed),
                Some(Err(error)) => Err(error),
                None => encoder.end().map_err(failed),
            }))
            // Nothing follows an error, the ending least of all.
            .scan(false, |ended, part| {
                let over = std::mem::replace(ended, *ended || part.is_err());
                futures::future::ready((!over).then_some(part))
            })
    }

    fn begin(&self) -> Result<Vec<u8>, SqlError> {
        let Writer::Json { schema, .. } = &self.writer else { return Ok(Vec::new()) };
        let columns: Vec<_> = schema
            .fields()
            .iter()
            .map(|field| json!({"name": field.name(), "type": field.data_type().to_string()}))
            .collect();
        Ok(format!(r#"{{"columns":{},"rows":["#, json!(columns)).into_bytes())
    }

    fn batch(&mut self, batch: &RecordBatch) -> Result<Vec<u8>, ArrowError> {
        match &mut self.writer {
            Writer::Json { rows, .. } => {
                let encoded = json_rows::encode(batch, *rows == 0)?;
                *rows += batch.num_rows() as u64;
                Ok(encoded)
            }
            Writer::Csv { header, .. } => {
                let mut out = Vec::new();
                csv_writer(&mut out, std::mem::take(header)).write(batch)?;
                Ok(out)
            }
            Writer::Arrow(writer) => {
                writer.write(batch)?;
                Ok(std::mem::take(writer.get_mut()))
            }
        }
    }

    fn end(&mut self) -> Result<Vec<u8>, ArrowError> {
        match &mut self.writer {
            Writer::Json { .. } => Ok(format!(r#"],"elapsed_ms":{}}}"#, self.begun.elapsed().as_millis()).into_bytes()),
            Writer::Csv { header: false, .. } => Ok(Vec::new()),
            Writer::Csv { schema, .. } => {
                let mut out = Vec::new();
                csv_writer(&mut out, true).write(&RecordBatch::new_empty(SchemaRef::clone(schema)))?;
                Ok(out)
            }
            Writer::Arrow(writer) => {
                writer.finish()?;
                Ok(std::mem::take(writer.get_mut()))
            }
        }
    }
}

fn csv_writer<W: Write>(out: W, header: bool) -> csv::Writer<W> {
    csv::WriterBuilder::new().with_header(header).build(out)
}

/// How JSON ends when an error comes after the status was sent.
pub(super) fn json_ending_with(error: &SqlError) -> Vec<u8> {
    format!(r#"],"error":{},"hint":{}}}"#, json!(error.to_string()), json!(error.hint())).into_bytes()
}

fn failed(error: impl std::fmt::Display) -> SqlError {
    SqlError::Failed(format!("cannot encode the answer: {error}"))
}
