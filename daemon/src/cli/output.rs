//! Printing rows.

use std::io::{self, Write};

use arrow::{csv, ipc::writer::StreamWriter, json, record_batch::RecordBatch, util::pretty::pretty_format_batches};
use clap::ValueEnum;

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
    /// Prints `batches`. A reader that went away (`| head`) is no error.
    pub(super) fn print(self, batches: &[RecordBatch]) -> anyhow::Result<()> {
        let mut bytes = Vec::new();
        self.write(batches, &mut bytes)?;
        match io::stdout().write_all(&bytes).and_then(|()| io::stdout().flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            other => Ok(other?),
        }
    }

    fn write(self, batches: &[RecordBatch], out: &mut Vec<u8>) -> anyhow::Result<()> {
        let refs: Vec<&RecordBatch> = batches.iter().collect();
        match self {
            Self::Table => writeln!(out, "{}", pretty_format_batches(batches)?)?,
            Self::Json => {
                let mut writer = json::ArrayWriter::new(&mut *out);
                writer.write_batches(&refs)?;
                writer.finish()?;
                out.push(b'\n');
            }
            Self::Csv => {
                let mut writer = csv::WriterBuilder::new().with_header(true).build(&mut *out);
                for batch in batches {
                    writer.write(batch)?;
                }
            }
            Self::Arrow => {
                let Some(first) = batches.first() else { return Ok(()) };
                let mut writer = StreamWriter::try_new(&mut *out, &first.schema())?;
                for batch in batches {
                    writer.write(batch)?;
                }
                writer.finish()?;
            }
        }
        Ok(())
    }
}
