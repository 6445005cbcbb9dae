//! The server: databases, tables, columns, inserts.

use std::{collections::HashMap, sync::Arc, time::Duration};

use arrow::error::ArrowError;
use clickhouse::{Client, query::BytesCursor};
use tokio::time::timeout;
use weir_model::observation::{Labels, TableName};

use super::{
    Columns, Registry,
    encode::{KEY_COLUMNS, encode, type_of},
    names::{REGISTRY, identifier, literal, stored_field, stored_table},
    settings::HistorySettings,
};
use crate::{
    fields::{Field, FieldType},
    merge::Batches,
};

/// A statement or an insert that takes longer has failed: an insert of [`INSERT_ROWS_MAX`] rows takes about
/// a second, so a hundred times that.
const TIMEOUT: Duration = Duration::from_secs(120);
/// Rows of an insert: a block of the server (`max_insert_block_size` is 2^20 rows), so that each is there
/// whole or not at all.
const INSERT_ROWS_MAX: usize = 1 << 18;
/// Labels and fields of all tables: 100 k tables with 20 columns each, some 200 MB when they are read.
const REGISTRY_ROWS_MAX: usize = 2_000_000;

/// What goes wrong with the server.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RemoteError {
    #[error("ClickHouse does not answer")]
    Away(#[source] clickhouse::error::Error),
    #[error("ClickHouse did not answer within {} s", TIMEOUT.as_secs())]
    TimedOut,
    #[error("ClickHouse refuses")]
    Refused(#[source] clickhouse::error::Error),
    #[error("column {column} of {table} in ClickHouse is {is}, not {wanted}; rename that table there")]
    Type { table: String, column: String, is: String, wanted: &'static str },
    #[error("{REGISTRY} in ClickHouse has more than {REGISTRY_ROWS_MAX} rows")]
    Registry,
    #[error("cannot read rows to export")]
    Read(#[from] ArrowError),
}

impl From<clickhouse::error::Error> for RemoteError {
    fn from(error: clickhouse::error::Error) -> Self {
        use clickhouse::error::Error;
        match error {
            Error::Network(_) => Self::Away(error),
            Error::TimedOut => Self::TimedOut,
            error => Self::Refused(error),
        }
    }
}

impl RemoteError {
    /// Whether other tables would fare no better.
    pub(super) fn concerns_all(&self) -> bool {
        matches!(self, Self::Away(_) | Self::TimedOut | Self::Registry)
    }
}

/// A connection. Each runtime has its own: its sockets live on the runtime that opened them.
#[derive(Clone)]
pub(crate) struct Remote {
    client: Client,
    database: String,
}

impl Remote {
    pub(super) fn new(settings: &HistorySettings) -> Self {
        let HistorySettings { url, database, user, password, .. } = settings;
        // Validation asks for formats that version 18 does not have.
        let client = Client::default().with_url(url).with_user(user).with_validation(false);
        let client = if password.is_empty() { client } else { client.with_password(password) };
        Self { client, database: database.clone() }
    }

    /// The full name of a table.
    pub(super) fn table(&self, name: &str) -> String {
        format!("{}.{}", identifier(&self.database), identifier(name))
    }

    /// Begins a query that answers in `RowBinary`.
    pub(super) fn fetch(&self, sql: &str) -> Result<BytesCursor, RemoteError> {
        Ok(self.query(sql).fetch_bytes("RowBinary")?)
    }

    fn query(&self, sql: &str) -> clickhouse::query::Query {
        // The client takes single question marks for places of values.
        self.client.query(&sql.replace('?', "??"))
    }

    async fn execute(&self, sql: &str) -> Result<(), RemoteError> {
        Ok(timeout(TIMEOUT, self.query(sql).execute()).await.map_err(|_| RemoteError::TimedOut)??)
    }

    async fn rows<T>(&self, sql: &str) -> Result<Vec<T>, RemoteError>
    where
        T: clickhouse::RowOwned + clickhouse::RowRead,
    {
        Ok(timeout(TIMEOUT, self.query(sql).fetch_all()).await.map_err(|_| RemoteError::TimedOut)??)
    }

    /// Makes what is missing, and reads which tables there are.
    pub(super) async fn registry(&self) -> Result<Registry, RemoteError> {
        let named = format!("SELECT count() FROM system.databases WHERE name = {}", literal(&self.database));
        // Who may not make databases may still be given one.
        if self.rows::<u64>(&named).await? == [0] {
            self.execute(&format!("CREATE DATABASE IF NOT EXISTS {}", identifier(&self.database))).await?;
        }
        let registry = self.table(REGISTRY);
        self.execute(&format!(
            "CREATE TABLE IF NOT EXISTS {registry} (schema String, `table` String, position UInt32, name String, \
             type String) ENGINE = ReplacingMergeTree ORDER BY (schema, `table`, type, name)"
        ))
        .await?;
        let sql = format!(
            "SELECT DISTINCT schema, `table`, position, name, type FROM {registry} \
             ORDER BY schema, `table`, position, name LIMIT {}",
            REGISTRY_ROWS_MAX + 1
        );
        let rows: Vec<(String, String, u32, String, String)> = self.rows(&sql).await?;
        if rows.len() > REGISTRY_ROWS_MAX {
            return Err(RemoteError::Registry);
        }
        let mut tables = Registry::new();
        for (schema, table, _, name, kind) in rows {
            let columns = tables.entry(TableName::new(schema, table)).or_default();
            columns.add(name.into(), FieldType::from_name(&kind));
        }
        Ok(tables)
    }

    /// Makes the table able to take `wanted`, given that it is known to have `known`.
    pub(super) async fn define(
        &self,
        table: &TableName,
        wanted: &Columns,
        known: Option<&Columns>,
    ) -> Result<(), RemoteError> {
        let stored = stored_table(table);
        let keys = KEY_COLUMNS.map(|(name, kind)| format!("{name} {kind}")).join(", ");
        self.execute(&format!(
            "CREATE TABLE IF NOT EXISTS {} ({keys}) ENGINE = ReplacingMergeTree(version) \
             PARTITION BY toYYYYMM(day) ORDER BY (label_names, label_values, time)",
            self.table(&stored)
        ))
        .await?;
        let (database, name) = (literal(&self.database), literal(&stored));
        let sql = format!("SELECT name, type FROM system.columns WHERE database = {database} AND table = {name}");
        let there: HashMap<String, String> = self.rows::<(String, String)>(&sql).await?.into_iter().collect();
        for field in &wanted.fields {
            let (column, kind) = (stored_field(&field.name), type_of(field.kind));
            match there.get(&column) {
                Some(is) if is == kind => {}
                Some(is) => {
                    let (table, is) = (table.to_string(), is.clone());
                    return Err(RemoteError::Type { table, column, is, wanted: kind });
                }
                None => {
                    let add = format!("ALTER TABLE {} ADD COLUMN {}", self.table(&stored), identifier(&column));
                    self.execute(&format!("{add} {kind}")).await?;
                }
            }
        }
        self.register(table, wanted, known).await
    }

    /// Only now that the columns are there: who reads the registry may ask for them.
    async fn register(&self, table: &TableName, wanted: &Columns, known: Option<&Columns>) -> Result<(), RemoteError> {
        let is_new = |name: &Arc<str>, kind: Option<FieldType>| {
            known.is_none_or(|known| match kind {
                None => !known.labels.contains(name),
                Some(kind) => !known.fields.contains(&Field { name: Arc::clone(name), kind }),
            })
        };
        let labels = wanted.labels.iter().filter(|name| is_new(name, None)).map(|name| (0, name, "label"));
        let fields = wanted.fields.iter().enumerate().filter(|(_, field)| is_new(&field.name, Some(field.kind)));
        let fields = fields.map(|(at, field)| (at, &field.name, field.kind.name()));
        let row = |(position, name, kind): (usize, &Arc<str>, &str)| {
            let [schema, table, name] = [&table.schema, &table.name, name].map(|text| literal(text));
            format!("({schema}, {table}, {position}, {name}, '{kind}')")
        };
        let rows: Vec<String> = labels.chain(fields).map(row).collect();
        if rows.is_empty() {
            return Ok(());
        }
        let into = format!("INSERT INTO {} (schema, `table`, position, name, type)", self.table(REGISTRY));
        self.execute(&format!("{into} VALUES {}", rows.join(", "))).await
    }

    /// Sends the rows of `batches`; answers with how many there were.
    pub(super) async fn insert(
        &self,
        table: &TableName,
        fields: &[Field],
        labels: &HashMap<u32, Labels>,
        version: u64,
        batches: Batches,
    ) -> Result<u64, RemoteError> {
        let keys = KEY_COLUMNS.iter().map(|(name, _)| (*name).to_owned());
        let columns: Vec<String> =
            keys.chain(fields.iter().map(|field| identifier(&stored_field(&field.name)))).collect();
        let into = format!("INSERT INTO {} ({})", self.table(&stored_table(table)), columns.join(", "));
        let into = format!("{into} FORMAT RowBinary");
        let (mut batches, mut total) = (batches.peekable(), 0);
        while batches.peek().is_some() {
            let mut insert =
                self.client.insert_formatted_with(into.clone()).with_timeouts(Some(TIMEOUT), Some(TIMEOUT));
            let mut rows = 0;
            while rows < INSERT_ROWS_MAX
                && let Some(batch) = batches.next().transpose()?
            {
                rows += batch.num_rows();
                insert.send(encode(&batch, fields, labels, version)).await?;
            }
            insert.end().await?;
            total += rows as u64;
        }
        Ok(total)
    }
}

impl Columns {
    /// Adds a field of a kind, or a label. Of a field that is there with two types, the first counts.
    fn add(&mut self, name: Arc<str>, kind: Option<FieldType>) {
        match kind {
            None => drop(self.labels.insert(name)),
            Some(_) if self.fields.iter().any(|field| field.name == name) => {}
            Some(kind) => self.fields.push(Field { name, kind }),
        }
    }

    /// These and what `other` has besides.
    pub(super) fn joined(mut self, other: &Self) -> Self {
        other.labels.iter().for_each(|label| self.add(Arc::clone(label), None));
        other.fields.iter().for_each(|field| self.add(Arc::clone(&field.name), Some(field.kind)));
        self
    }

    pub(super) fn has(&self, other: &Self) -> bool {
        other.labels.is_subset(&self.labels) && other.fields.iter().all(|field| self.fields.contains(field))
    }
}
