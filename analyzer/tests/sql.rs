//! SQL as sqllogictest files, `tests/sql/*.slt`, each over a store with the rows of [`rows`].
//!
//! An error reads `message; hint`. Types are `I`ntegers, `R`eal numbers (floats and decimals) and
//! `T`ext (everything else, as Arrow writes it).
#![allow(clippy::unwrap_used, reason = "a test")]

use std::{path::Path, sync::Arc, time::Duration};

use arrow::{
    array::{Array, RecordBatch},
    datatypes::DataType,
    util::display::{ArrayFormatter, FormatOptions},
};
use async_trait::async_trait;
use sqllogictest::{AsyncDB, DBOutput, DefaultColumnType, Runner, strict_column_validator};
use weir_analyzer::{QueryLimits, Settings, SqlError, Store, settings::Clock};
use weir_model::{
    amount::Amount,
    observation::{Labels, Row, Rows, STALE_NAN_BITS, TableName},
};

/// 2026-01-01T00:00:00Z.
const NOW: i64 = 1_767_225_600_000_000_000;
const MINUTE: i64 = 60_000_000_000;
/// Few, so that a file can exceed it.
const LIMITS: QueryLimits = QueryLimits { timeout: Duration::from_secs(60), rows: 300 };

fn row(schema: &str, table: &str, minute: i64, labels: &[(&str, &str)]) -> Row {
    Row::new(TableName::new(schema, table), NOW + minute * MINUTE, Labels::new(labels.iter().copied()))
}

/// What every file sees. The even ones of each table are flushed, the odd ones in memory.
fn rows() -> Vec<Rows> {
    let load = |minute, labels: &[_], value| row("metrics", "load", minute, labels).f64("value", value).into_rows();
    let mut rows = vec![
        load(0, &[("node", "a"), ("site", "fra")], 0.5),
        load(1, &[("node", "a"), ("site", "fra")], 1.5),
        load(0, &[("node", "b")], f64::NAN),
        load(1, &[("node", "b")], f64::INFINITY),
        load(2, &[("node", "b")], f64::from_bits(STALE_NAN_BITS)),
        load(0, &[], -1.0),
    ];
    let requests = |minute, node, value: i64| {
        row("metrics", "requests", minute, &[("node", node)]).f64("value", value as f64).into_rows()
    };
    for minute in 0..10 {
        // A counter that is reset after minute 5, and one that is not seen from minute 2 to 5.
        rows.push(requests(minute, "a", if minute > 5 { 10 * (minute - 6) + 5 } else { 10 * minute }));
        if !(2..=5).contains(&minute) {
            rows.push(requests(minute, "b", 10 * minute));
        }
    }
    for slot in 0..100 {
        let mbps = (slot * 37 % 100 + 1) as f64;
        rows.push(row("cost", "slots", 5 * slot - 600, &[("link", "x")]).f64("mbps", mbps).into_rows());
    }
    for (contract, amount) in [("a", "0.1"), ("b", "0.2"), ("c", "9007199254740993.123456789")] {
        let amount = Amount::of(amount.parse().unwrap());
        rows.push(row("cost", "bills", 0, &[("contract", contract)]).amount("amount", amount).into_rows());
    }
    let mixed = row("ops", "events", 0, &[("kind", "x"), ("time", "t")]);
    rows.push(mixed.text("note", "é").bool("ok", true).i64("n", -1).f64("time", 2.0).into_rows());
    rows.push(row("ops", "events", 1, &[("kind", "y")]).i64("n", 7).into_rows());
    rows
}

struct Database(Arc<Store>);

#[derive(Debug, thiserror::Error)]
#[error("{error}; {}", error.hint())]
struct Refusal {
    #[from]
    error: SqlError,
}

#[async_trait]
impl AsyncDB for Database {
    type Error = Refusal;
    type ColumnType = DefaultColumnType;

    async fn run(&mut self, sql: &str) -> Result<DBOutput<DefaultColumnType>, Refusal> {
        let result = self.0.sql(sql, LIMITS).await?;
        let types = result.schema().fields().iter().map(|field| kind(field.data_type())).collect();
        let rows = result.collect().await?.iter().flat_map(cells).collect();
        Ok(DBOutput::Rows { types, rows })
    }

    async fn shutdown(&mut self) {}
}

fn kind(kind: &DataType) -> DefaultColumnType {
    match kind {
        kind if kind.is_integer() => DefaultColumnType::Integer,
        kind if kind.is_numeric() => DefaultColumnType::FloatingPoint,
        _ => DefaultColumnType::Text,
    }
}

fn cells(batch: &RecordBatch) -> Vec<Vec<String>> {
    let options = FormatOptions::default();
    let columns: Vec<_> = batch.columns().iter().map(|c| (c, ArrayFormatter::try_new(c, &options).unwrap())).collect();
    let cell = |row: usize| {
        move |(column, formatter): &(&Arc<dyn Array>, ArrayFormatter<'_>)| {
            let text = if column.is_null(row) { "NULL".to_owned() } else { formatter.value(row).to_string() };
            if text.is_empty() { "(empty)".to_owned() } else { text }
        }
    };
    (0..batch.num_rows()).map(|row| columns.iter().map(cell(row)).collect()).collect()
}

#[tokio::test]
async fn answers_are_as_the_files_say() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings { clock: Clock::new(|| NOW), query_partitions: 2, ..Settings::default() };
    let store = Arc::new(Store::open(folder.path(), settings).unwrap());
    let (even, odd): (Vec<_>, Vec<_>) = rows().into_iter().enumerate().partition(|(index, _)| index % 2 == 0);
    for (part, is_flushed) in [(even, true), (odd, false)] {
        let written = store.write(part.into_iter().map(|(_, rows)| rows).collect::<Vec<_>>()).await.unwrap();
        assert_eq!(written.rejected, []);
        if is_flushed {
            store.flush().await.unwrap();
        }
    }
    let files = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sql")).unwrap();
    let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 11, "the files are there: {files:?}");
    let mut wrong = Vec::new();
    for file in files {
        let mut runner = Runner::new(|| async { Ok(Database(Arc::clone(&store))) });
        runner.with_column_validator(strict_column_validator);
        wrong.extend(runner.run_file_async(&file).await.err().map(|error| error.display(false).to_string()));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
