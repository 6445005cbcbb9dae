//! Printing rows.

use std::io::{self, Write};

use arrow::{
    csv, datatypes::SchemaRef, ipc::writer::StreamWriter, json, record_batch::RecordBatch,
    util::pretty::pretty_format_batches_with_schema,
};
use clap::ValueEnum;

/// Rows, of which there may be none.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    /// The columns.
    pub(super) schema: SchemaRef,
    /// The rows.
    pub(super) batches: Vec<RecordBatch>,
}

impl From<RecordBatch> for Answer {
    fn from(batch: RecordBatch) -> Self {
        Self { schema: batch.schema(), batches: vec![batch] }
    }
}

/// How rows are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Output {
    /// For people.
    #[default]
    Table,
    /// An array of objects.
    Json,
    /// With a header.
    Csv,
    /// An Arrow IPC stream.
    Arrow,
}

impl Output {
    /// Prints `answer`. A reader that went away (`| head`) is no error.
    pub(super) fn print(self, answer: &Answer) -> anyhow::Result<()> {
        let mut bytes = Vec::new();
        self.write(answer, &mut bytes)?;
        match io::stdout().write_all(&bytes).and_then(|()| io::stdout().flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            other => Ok(other?),
        }
    }

    fn write(self, Answer { schema, batches }: &Answer, out: &mut Vec<u8>) -> anyhow::Result<()> {
        match self {
            Self::Table => writeln!(out, "{}", pretty_format_batches_with_schema(SchemaRef::clone(schema), batches)?)?,
            Self::Json => {
                let mut writer = json::ArrayWriter::new(&mut *out);
                writer.write_batches(&batches.iter().collect::<Vec<_>>())?;
                writer.finish()?;
                out.push(b'\n');
            }
            Self::Csv => {
                let mut writer = csv::WriterBuilder::new().with_header(true).build(&mut *out);
                // The header comes with the first batch, also where that has no rows.
                writer.write(&RecordBatch::new_empty(SchemaRef::clone(schema)))?;
                for batch in batches {
                    writer.write(batch)?;
                }
            }
            Self::Arrow => {
                let mut writer = StreamWriter::try_new(&mut *out, schema)?;
                for batch in batches {
                    writer.write(batch)?;
                }
                writer.finish()?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::{
        array::Int64Array,
        datatypes::{DataType, Field, Schema},
        ipc::reader::StreamReader,
    };
    use expect_test::{Expect, expect};

    use super::*;

    fn answer(rows: Vec<i64>) -> Answer {
        let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, false)]));
        let batch = RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(Int64Array::from(rows))]).unwrap();
        let batches = if batch.num_rows() == 0 { Vec::new() } else { vec![batch] };
        Answer { schema, batches }
    }

    fn check(output: Output, rows: Vec<i64>, expect: Expect) {
        let mut out = Vec::new();
        output.write(&answer(rows), &mut out).unwrap();
        expect.assert_eq(&String::from_utf8(out).unwrap());
    }

    #[test]
    fn an_answer_without_rows_has_columns_all_the_same() {
        check(Output::Csv, vec![], expect![["n\n"]]);
        check(Output::Csv, vec![7], expect![["n\n7\n"]]);
        check(Output::Json, vec![], expect![["[]\n"]]);
        check(
            Output::Table,
            vec![],
            expect![[r#"
            +---+
            | n |
            +---+
            +---+
        "#]],
        );
        for rows in [vec![], vec![7]] {
            let mut out = Vec::new();
            Output::Arrow.write(&answer(rows.clone()), &mut out).unwrap();
            let read = StreamReader::try_new(&*out, None).unwrap();
            assert_eq!(read.schema(), answer(vec![]).schema);
            assert_eq!(read.map(|batch| batch.unwrap().num_rows()).sum::<usize>(), rows.len());
        }
    }
}
