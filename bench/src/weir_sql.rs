//! SQL to Weir over HTTP.

use std::net::SocketAddr;

use anyhow::{Context, bail};
use arrow::{
    array::{AsArray, RecordBatch},
    datatypes::Int64Type,
    ipc::reader::StreamReader,
};

use crate::http::Connection;

/// The answer as an Arrow stream.
const HEADERS: [&str; 2] = ["Content-Type: text/plain", "Accept: application/vnd.apache.arrow.stream"];

/// Characters of a statement that are shown.
const SHOWN_MAX: usize = 400;

/// A connection that asks.
#[derive(Debug)]
pub(crate) struct WeirSql {
    connection: Connection,
}

impl WeirSql {
    /// To the server at `address`.
    pub(crate) fn connect(address: SocketAddr) -> anyhow::Result<Self> {
        Ok(Self { connection: Connection::open(address)? })
    }

    /// What a query gives.
    pub(crate) fn query(&mut self, sql: &str) -> anyhow::Result<Vec<RecordBatch>> {
        let mut ask = || {
            let body = self.connection.post("/api/v1/sql", &HEADERS, sql.as_bytes())?.ok()?;
            let batches = StreamReader::try_new(body.as_slice(), None)?;
            Ok::<_, anyhow::Error>(batches.collect::<Result<Vec<_>, _>>()?)
        };
        ask().with_context(|| format!("asking Weir: {}", sql.chars().take(SHOWN_MAX).collect::<String>()))
    }

    /// The one integer that a query gives.
    pub(crate) fn count(&mut self, sql: &str) -> anyhow::Result<u64> {
        let batches = self.query(sql)?;
        let value = batches.iter().find(|batch| batch.num_rows() > 0).and_then(|batch| {
            let column = batch.column(0).as_primitive_opt::<Int64Type>()?;
            u64::try_from(column.value(0)).ok()
        });
        let Some(value) = value else { bail!("`{sql}` gave no count") };
        Ok(value)
    }
}
