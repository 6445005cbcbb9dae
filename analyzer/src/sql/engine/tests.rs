use std::time::Duration;

use expect_test::{Expect, expect};

use crate::{
    settings::{Limits, Settings},
    sql::{QueryLimits, SqlError},
    test_store::{TestStore, sample, settings},
};

async fn filled(limits: Limits) -> TestStore {
    let store = TestStore::new(Settings { limits, ..settings() });
    for second in 1..=20 {
        drop(store.write(vec![sample("load", &[("node", "a")], second, second as f64)]).await);
    }
    store
}

async fn refused(store: &TestStore, sql: &str) -> String {
    let error = store.try_query(sql).await.unwrap_err();
    format!("{error}; {}", error.hint())
}

async fn check_refused(queries: &[&str], expected: Expect) {
    let store = filled(Limits::default()).await;
    let mut answers = Vec::new();
    for query in queries {
        answers.push(refused(&store, query).await);
    }
    expected.assert_eq(&answers.join("\n"));
}

#[tokio::test]
async fn only_queries_are_answered() {
    check_refused(
        &[
            "INSERT INTO load VALUES (1)",
            "DROP TABLE load",
            "CREATE TABLE x AS SELECT 1",
            "CREATE EXTERNAL TABLE x STORED AS CSV LOCATION '/etc/passwd'",
            "COPY load TO '/tmp/x.csv'",
            "SET datafusion.execution.batch_size = 1",
            "EXPLAIN DELETE FROM load",
            "DELETE FROM load",
        ],
        expect![[r#"
            INSERT is refused: only queries are answered; use SELECT, WITH, EXPLAIN, SHOW or DESCRIBE
            DROP is refused: only queries are answered; use SELECT, WITH, EXPLAIN, SHOW or DESCRIBE
            CREATE is refused: only queries are answered; use SELECT, WITH, EXPLAIN, SHOW or DESCRIBE
            CREATE is refused: only queries are answered; use SELECT, WITH, EXPLAIN, SHOW or DESCRIBE
            COPY is refused: only queries are answered; use SELECT, WITH, EXPLAIN, SHOW or DESCRIBE
            SET is refused: only queries are answered; use SELECT, WITH, EXPLAIN, SHOW or DESCRIBE
            DELETE is refused: only queries are answered; use SELECT, WITH, EXPLAIN, SHOW or DESCRIBE
            DELETE is refused: only queries are answered; use SELECT, WITH, EXPLAIN, SHOW or DESCRIBE"#]],
    )
    .await;
}

#[tokio::test]
async fn mistakes_are_explained() {
    check_refused(
        &[
            "SELECT * FROM laod",
            "SELECT 1; SELECT 2",
            "SELEC 1",
            "SELECT nod FROM load",
            "SELECT percentile_bill(value, 0) FROM load",
        ],
        expect![[r#"
            there is no table laod; did you mean load? SHOW TABLES lists what there is
            The context currently only supports a single SQL statement; names with capitals or other characters than a-z, 0-9 and _ need double quotes; DESCRIBE lists the columns of a table
            Expected: an SQL statement, found: SELEC at Line: 1, Column: 1; names with capitals or other characters than a-z, 0-9 and _ need double quotes; DESCRIBE lists the columns of a table
            No field named nod. Did you mean 'load.node'?
            Valid fields are load.time, load.node, load.value.; names with capitals or other characters than a-z, 0-9 and _ need double quotes; DESCRIBE lists the columns of a table
            the percentile of percentile_bill must be over 0 and at most 100, not 0; names with capitals or other characters than a-z, 0-9 and _ need double quotes; DESCRIBE lists the columns of a table"#]],
    )
    .await;
}

#[tokio::test]
async fn the_catalog_can_be_asked() {
    let store = filled(Limits::default()).await;
    let tables = store.query("SELECT table_schema, table_name FROM information_schema.tables WHERE table_catalog = 'weir' AND table_schema <> 'information_schema'").await;
    expect![[r#"
        +--------------+--------------+
        | table_schema | table_name   |
        +--------------+--------------+
        | metrics      | load         |
        | ops          | cardinality  |
        | ops          | slow_queries |
        +--------------+--------------+"#]]
    .assert_eq(&tables);
    expect![[r#"
        +-------------+-------------------------+-------------+
        | column_name | data_type               | is_nullable |
        +-------------+-------------------------+-------------+
        | time        | Timestamp(ns, "UTC")    | NO          |
        | node        | Dictionary(Int32, Utf8) | NO          |
        | value       | Float64                 | YES         |
        +-------------+-------------------------+-------------+"#]]
    .assert_eq(&store.query("DESCRIBE load").await);
    assert!(store.query("SHOW TABLES").await.contains("load"));
    assert!(store.query("SELECT count(*) FROM weir.metrics.load").await.contains("20"));
}

#[tokio::test]
async fn percentiles_are_those_of_bills() {
    let store = filled(Limits::default()).await;
    let sql = "SELECT percentile_bill(value, 95) AS a, percentile_bill(value, 99.9) AS b, percentile_bill(value, 5) AS c, \
               percentile_bill(CAST(value AS BIGINT), 50.0) AS d, \
               percentile_bill(value, 95) FILTER (WHERE value > 100) AS e FROM load";
    expect![[r#"
        +------+------+-----+------+---+
        | a    | b    | c   | d    | e |
        +------+------+-----+------+---+
        | 19.0 | 20.0 | 1.0 | 10.0 |   |
        +------+------+-----+------+---+"#]]
    .assert_eq(&store.query(sql).await);
}

#[tokio::test]
async fn too_many_rows_are_an_error_and_not_a_cut() {
    let store = filled(Limits::default()).await;
    let limits = QueryLimits { rows: 19, ..QueryLimits::default() };
    let result = store.store().sql("SELECT * FROM load", limits).await.unwrap().collect().await;
    assert_eq!(result.unwrap_err(), SqlError::TooManyRows { limit: 19 });
    let result = store.store().sql("SELECT * FROM load LIMIT 19", limits).await.unwrap().collect().await;
    assert_eq!(result.unwrap().iter().map(|batch| batch.num_rows()).sum::<usize>(), 19);
}

#[tokio::test]
async fn a_query_that_needs_too_much_memory_fails_alone() {
    let store = filled(Limits { query_memory_bytes: 64 << 10, spill_bytes: 0, ..Limits::default() }).await;
    let sql = "SELECT DISTINCT a.v * 1000 + b.v FROM generate_series(1, 1000) a(v), generate_series(1, 1000) b(v)";
    let error = store.try_query(sql).await.unwrap_err();
    assert!(matches!(error, SqlError::Memory(_)), "{error:?}");
    assert!(store.query("SELECT count(*) FROM load").await.contains("20"));
    assert_eq!(store.store().metrics().queries_failed, 1);
}

/// Counts to 10^15: nothing ends it but a limit.
const ENDLESS: &str = "SELECT count(*) FROM generate_series(1, 1000000000000000) WHERE value % 7 = 8";

#[tokio::test]
async fn a_window_that_collects_everything_counts_its_memory() {
    let store = filled(Limits { query_memory_bytes: 16 << 20, ..Limits::default() }).await;
    let query = |rows: usize| {
        format!(
            "SELECT max(length(t) + length(l)) AS n FROM (SELECT t, last_value(t) OVER () AS l FROM \
             (SELECT repeat('x', 1000) || value AS t FROM generate_series(1, {rows})))"
        )
    };
    // 1,000 bytes each, and two copies: 4,000 rows take 8 MB of 16 MiB, and 12,000 are too many.
    assert!(store.query(&query(4_000)).await.contains("| 2008 |"));
    let error = store.try_query(&query(12_000)).await.unwrap_err();
    assert!(matches!(&error, SqlError::Memory(reason) if reason.contains("Window")), "{error:?}");
    assert!(store.query(&query(4_000)).await.contains("| 2008 |"), "it is given back");
}

#[tokio::test]
async fn a_query_that_takes_too_long_is_stopped() {
    let store = filled(Limits::default()).await;
    let limits = QueryLimits { timeout: Duration::from_millis(200), ..QueryLimits::default() };
    let result = match store.store().sql(ENDLESS, limits).await {
        Ok(result) => result.collect().await.map(|_| ()),
        Err(error) => Err(error),
    };
    assert_eq!(result, Err(SqlError::Timeout { after: limits.timeout }));
}

#[tokio::test]
async fn a_dropped_answer_gives_its_turn_back() {
    let limits = Limits { concurrent_queries: 1, query_queue_wait: Duration::from_millis(50), ..Limits::default() };
    let store = filled(limits).await;
    let endless = store.store().sql(ENDLESS, QueryLimits::default()).await.unwrap();
    assert_eq!(store.try_query("SELECT 1").await, Err(SqlError::Busy { running: 1 }));
    drop(endless);
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while store.try_query("SELECT 1").await.is_err() {
        assert!(std::time::Instant::now() < deadline, "the dropped query is still running");
    }
}

async fn slow(store: &TestStore) -> String {
    store
        .query("SELECT time, query, rows, state, error FROM ops.slow_queries WHERE query NOT LIKE '%slow_queries%'")
        .await
}

#[tokio::test]
async fn slow_queries_are_a_table() {
    let store = filled(Limits { slow_query: Duration::ZERO, ..Limits::default() }).await;
    store.query("SELECT * FROM load LIMIT 3").await;
    store.try_query("SELECT nod FROM load").await.unwrap_err();
    let limits = QueryLimits { rows: 3, ..QueryLimits::default() };
    drop(store.store().sql("SELECT value FROM load", limits).await.unwrap().collect().await);
    drop(store.store().sql(ENDLESS, QueryLimits::default()).await.unwrap());
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while !slow(&store).await.contains("cancelled") {
        assert!(std::time::Instant::now() < deadline, "a query that nobody wants any more is remembered");
    }
    expect![[r#"
        +----------------------+-------------------------------------------------------------------------------+------+-----------+----------------------------------------------------+
        | time                 | query                                                                         | rows | state     | error                                              |
        +----------------------+-------------------------------------------------------------------------------+------+-----------+----------------------------------------------------+
        | 2026-01-01T00:00:00Z | SELECT * FROM load LIMIT 3                                                    | 3    | finished  |                                                    |
        | 2026-01-01T00:00:00Z | SELECT nod FROM load                                                          | 0    | failed    | No field named nod. Did you mean 'load.node'?      |
        |                      |                                                                               |      |           | Valid fields are load.time, load.node, load.value. |
        | 2026-01-01T00:00:00Z | SELECT value FROM load                                                        | 0    | failed    | the answer has more than 3 rows                    |
        | 2026-01-01T00:00:00Z | SELECT count(*) FROM generate_series(1, 1000000000000000) WHERE value % 7 = 8 | 0    | cancelled |                                                    |
        +----------------------+-------------------------------------------------------------------------------+------+-----------+----------------------------------------------------+"#]]
    .assert_eq(&slow(&store).await);
    let all = store.query("SELECT count(*) > 4 AS has_all, min(seconds) >= 0 AS has_time FROM ops.slow_queries").await;
    assert!(all.contains("| true    | true     |"), "{all}");
}

#[tokio::test]
async fn quick_queries_are_not_remembered() {
    let store = filled(Limits::default()).await;
    store.query("SELECT * FROM load").await;
    assert!(store.query("SELECT count(*) AS n FROM ops.slow_queries").await.contains("| 0 |"));
}

#[tokio::test]
async fn too_many_samples_of_a_group_are_an_error_and_not_the_end() {
    let store = filled(Limits { query_memory_bytes: 8 << 20, spill_bytes: 0, ..Limits::default() }).await;
    let sql = "SELECT increase(value, to_timestamp_seconds(value)) FROM generate_series(1, 10000000)";
    let error = store.try_query(sql).await.unwrap_err();
    assert!(matches!(error, SqlError::Memory(_)), "{error:?}");
}
