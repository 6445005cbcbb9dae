use std::{fs, path::PathBuf};

use expect_test::expect;
use weir_model::{
    amount::Amount,
    observation::{Labels, Row, STALE_NAN_BITS, TableName},
};

use super::*;
use crate::{
    recovery::CorruptRecord,
    settings::Limits,
    sql::SqlError,
    test_store::{NOW, SECOND, TestStore, sample, settings},
};

mod damage;
mod deletion;
mod disk;
mod forget;
mod order;
mod retention;

const ALL: &str = "SELECT date_part('second', time) AS s, node, value FROM load ORDER BY 1, 2";

fn wal_segments(store: &TestStore) -> Vec<PathBuf> {
    let entries = fs::read_dir(store.path().join("wal")).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| fs::metadata(path).unwrap().len() > 0);
    paths.sort();
    paths
}

#[tokio::test]
async fn rows_are_there_on_acknowledgement_and_after_a_crash() {
    let mut store = TestStore::new(settings());
    let written = store.write(vec![sample("load", &[("node", "a")], 1, 0.5)]).await;
    assert_eq!(written, Written { rows: 1, rejected: Vec::new() });
    drop(store.write(vec![sample("load", &[], 2, 1.5)]).await);
    let expected = expect![[r#"
        +---+------+-------+
        | s | node | value |
        +---+------+-------+
        | 1 | a    | 0.5   |
        | 2 |      | 1.5   |
        +---+------+-------+"#]];
    expected.assert_eq(&store.query(ALL).await);
    assert_eq!(store.open().recovery(), &RecoveryReport { records: 2, rows: 2, ..RecoveryReport::default() });
    expected.assert_eq(&store.query(ALL).await);
}

#[tokio::test]
async fn a_flush_changes_nothing_but_the_place() {
    let mut store = TestStore::new(settings());
    let batch = |second| vec![sample("load", &[("node", "a")], second, 1.0), sample("load", &[], second, 2.0)];
    drop(store.write(batch(1)).await);
    let wide = Row::new(TableName::new("ops", "events"), NOW, Labels::new([("kind", "x")]));
    drop(store.write(vec![wide.text("note", "é").bool("ok", true).i64("n", -1).into_rows()]).await);
    let queries = [ALL, "SELECT * FROM ops.events"];
    let mut before = Vec::new();
    for query in queries {
        before.push(store.query(query).await);
    }
    store.store().flush().await.unwrap();
    let metrics = store.store().metrics();
    assert_eq!((metrics.live_rows, metrics.files, metrics.flushes), (0, 2, 1));
    assert_eq!(wal_segments(&store), Vec::<PathBuf>::new());
    for round in ["flushed", "opened again"] {
        for (query, before) in queries.iter().zip(&before) {
            assert_eq!(&store.query(query).await, before, "{round}");
        }
        assert_eq!(store.open().recovery(), &RecoveryReport::default());
    }
    drop(store.write(batch(2)).await);
    expect![[r#"
        +---+------+-------+
        | s | node | value |
        +---+------+-------+
        | 1 |      | 2.0   |
        | 1 | a    | 1.0   |
        | 2 |      | 2.0   |
        | 2 | a    | 1.0   |
        +---+------+-------+"#]]
    .assert_eq(&store.query(ALL).await);
}

#[tokio::test]
async fn a_torn_end_is_cut_off_wherever_it_is_torn() {
    let mut store = TestStore::new(settings());
    drop(store.write(vec![sample("load", &[("node", "a")], 1, 1.0)]).await);
    let segment = wal_segments(&store).pop().unwrap();
    let first = fs::metadata(&segment).unwrap().len();
    drop(store.write(vec![sample("load", &[("node", "b")], 2, 2.0)]).await);
    store.drop_store();
    let whole = fs::read(&segment).unwrap();
    for end in first..whole.len() as u64 {
        fs::remove_dir_all(store.path().join("wal")).unwrap();
        fs::create_dir(store.path().join("wal")).unwrap();
        fs::write(&segment, &whole[..end as usize]).unwrap();
        let report = store.open().recovery().clone();
        let expected = RecoveryReport { records: 1, rows: 1, torn_bytes: end - first, corrupt: Vec::new() };
        assert_eq!(report, expected, "cut at {end}");
        assert_eq!(fs::metadata(&segment).unwrap().len(), first);
        store.drop_store();
    }
}

#[tokio::test]
async fn damage_in_the_middle_is_reported_and_costs_one_record() {
    let mut store = TestStore::new(settings());
    for (second, node) in [(1, "a"), (2, "a"), (3, "a")] {
        drop(store.write(vec![sample("load", &[("node", node)], second, 1.0)]).await);
    }
    store.drop_store();
    let segment = wal_segments(&store).pop().unwrap();
    let mut bytes = fs::read(&segment).unwrap();
    let second = 8 + u32::from_le_bytes(bytes[..4].try_into().unwrap()) as usize;
    bytes[second + 12] ^= 0x10;
    fs::write(&segment, &bytes).unwrap();

    let report = store.open().recovery().clone();
    assert_eq!((report.records, report.rows, report.torn_bytes), (2, 2, 0));
    let [corrupt] = &report.corrupt[..] else { panic!("one record is corrupt: {report:?}") };
    assert_eq!((&corrupt.file, corrupt.offset), (&segment, second as u64));
    assert_eq!(corrupt.reason, "the checksum does not match");
    let kept = PathBuf::from(format!("{}.corrupt", segment.display()));
    assert_eq!(fs::read(kept).unwrap(), bytes, "the damaged file is kept");
    expect![[r#"
        +---+------+-------+
        | s | node | value |
        +---+------+-------+
        | 1 | a    | 1.0   |
        | 3 | a    | 1.0   |
        +---+------+-------+"#]]
    .assert_eq(&store.query(ALL).await);
    store.store().flush().await.unwrap();
    assert_eq!(store.open().recovery(), &RecoveryReport::default());
}

#[tokio::test]
async fn a_flipped_bit_of_a_length_costs_one_record() {
    let mut store = TestStore::new(settings());
    for second in 1..=40 {
        drop(store.write(vec![sample("load", &[("node", "a")], second, 1.0)]).await);
    }
    store.drop_store();
    let segment = wal_segments(&store).pop().unwrap();
    let whole = fs::read(&segment).unwrap();
    let length = |at: usize| u32::from_le_bytes(whole[at..at + 4].try_into().unwrap()) as usize;
    let offsets: Vec<usize> =
        std::iter::successors(Some(0), |at| Some(at + 8 + length(*at)).filter(|at| *at < whole.len())).collect();
    let kept = PathBuf::from(format!("{}.corrupt", segment.display()));
    for bit in 0..32 {
        let mut bytes = whole.clone();
        bytes[offsets[20] + bit / 8] ^= 1 << (bit % 8);
        // And the end is torn.
        bytes.pop();
        fs::remove_dir_all(store.path().join("wal")).unwrap();
        fs::create_dir(store.path().join("wal")).unwrap();
        fs::write(&segment, &bytes).unwrap();
        let report = store.open().recovery().clone();
        assert_eq!((report.records, report.rows), (38, 38), "bit {bit}");
        assert_eq!(report.torn_bytes, (bytes.len() - offsets[39]) as u64);
        let [corrupt] = &report.corrupt[..] else { panic!("one record is corrupt: {report:?}") };
        assert_eq!((&corrupt.file, corrupt.offset), (&segment, offsets[20] as u64));
        assert_eq!(fs::read(&kept).unwrap(), bytes, "the damaged file is kept whole");
        store.drop_store();
    }
}

#[tokio::test]
async fn a_missing_data_file_is_reported() {
    let mut store = TestStore::new(settings());
    drop(store.write(vec![sample("load", &[], 1, 1.0)]).await);
    store.store().flush().await.unwrap();
    store.drop_store();
    let file = fs::read_dir(store.path().join("data")).unwrap().next().unwrap().unwrap().path();
    fs::remove_file(&file).unwrap();
    let report = store.open().recovery();
    assert_eq!(report.corrupt.iter().map(|corrupt| &corrupt.file).collect::<Vec<_>>(), [&file]);
}

#[tokio::test]
async fn the_later_row_wins_in_memory_and_in_files() {
    let mut store = TestStore::new(settings());
    let at = |second, value| vec![sample("load", &[("node", "a")], second, value)];
    for (second, value) in [(5, 1.0), (3, 1.0), (5, 2.0)] {
        drop(store.write(at(second, value)).await);
    }
    drop(store.store().flush().await);
    for (second, value) in [(3, 3.0), (4, 3.0), (7, 3.0)] {
        drop(store.write(at(second, value)).await);
    }
    let expected = expect![[r#"
        +---+------+-------+
        | s | node | value |
        +---+------+-------+
        | 3 | a    | 3.0   |
        | 4 | a    | 3.0   |
        | 5 | a    | 2.0   |
        | 7 | a    | 3.0   |
        +---+------+-------+"#]];
    expected.assert_eq(&store.query(ALL).await);
    store.open();
    expected.assert_eq(&store.query(ALL).await);
    store.store().flush().await.unwrap();
    expected.assert_eq(&store.query(ALL).await);
    store.open();
    drop(store.write(at(3, 3.0)).await);
    expected.assert_eq(&store.query(ALL).await);
}

#[tokio::test]
async fn fields_of_one_row_may_come_apart() {
    let store = TestStore::new(settings());
    let row = || Row::new(TableName::metric("system"), NOW, Labels::default());
    drop(store.write(vec![row().f64("load", 1.0).i64("users", 1).into_rows()]).await);
    store.store().flush().await.unwrap();
    drop(store.write(vec![row().i64("users", 2).into_rows(), row().f64("value", 9.0).into_rows()]).await);
    expect![[r#"
        +----------------------+------+-------+-------+
        | time                 | load | users | value |
        +----------------------+------+-------+-------+
        | 2026-01-01T00:00:00Z | 1.0  | 2     | 9.0   |
        +----------------------+------+-------+-------+"#]]
    .assert_eq(&store.query("SELECT * FROM system").await);
}

#[tokio::test]
async fn every_float_is_kept_bit_for_bit_and_markers_are_hidden() {
    let bits = [
        f64::NAN.to_bits(),
        0x7ff8_dead_beef_0001,
        0xfff0_0000_0000_0001,
        f64::INFINITY.to_bits(),
        f64::NEG_INFINITY.to_bits(),
        (-0.0_f64).to_bits(),
        0,
        1,
    ];
    let mut store = TestStore::new(settings());
    for (second, bits) in bits.iter().chain([&STALE_NAN_BITS]).enumerate() {
        drop(store.write(vec![sample("load", &[], second as i64, f64::from_bits(*bits))]).await);
    }
    for round in ["live", "flushed", "opened again"] {
        let query = store.store().sql("SELECT value FROM load ORDER BY time", QueryLimits::default()).await.unwrap();
        let batches = query.collect().await.unwrap();
        let values = batches.iter().flat_map(|batch| {
            let values = arrow::array::AsArray::as_primitive::<arrow::datatypes::Float64Type>(batch.column(0));
            values.values().iter().map(|value| value.to_bits()).collect::<Vec<_>>()
        });
        assert_eq!(values.collect::<Vec<_>>(), bits, "{round}");
        let count = store.query("SELECT count(*) AS n FROM load").await;
        assert!(count.contains("| 8 |"), "{round}: {count}");
        if round == "live" {
            store.store().flush().await.unwrap();
        } else {
            store.open();
        }
    }
}

#[tokio::test]
async fn money_is_exact_in_memory_in_files_and_in_sums() {
    let mut store = TestStore::new(settings());
    let bill = |second, amount: Option<&str>| {
        let amount = amount.map(|text| Amount::of(text.parse().unwrap()).unwrap());
        let row = Row::new(TableName::new("cost", "bills"), NOW + second * SECOND, Labels::default());
        row.amount("amount", amount).into_rows()
    };
    // As floats, ten times 0.1 is not 1, and the largest bill has lost its last digits.
    let mut batch: Vec<_> = (0..10).map(|second| bill(second, Some("0.1"))).collect();
    batch.extend([bill(10, Some("9999999999999999998.999999999")), bill(11, Some("-0.000000001")), bill(12, None)]);
    drop(store.write(batch).await);
    let sql = "SELECT count(*) AS n, count(amount) AS amounts, min(amount) AS least, max(amount) AS most, \
               sum(amount) AS total, arrow_typeof(amount) AS kind FROM cost.bills GROUP BY 6";
    for round in ["live", "replayed", "flushed", "opened again"] {
        let answer = store.query(sql).await;
        let cells: Vec<&str> = answer.lines().nth(3).unwrap().split('|').map(str::trim).collect();
        let expected = ["13", "12", "-0.000000001", "9999999999999999998.999999999", "9999999999999999999.999999998"];
        assert_eq!(cells[1..6], expected, "{round}");
        assert_eq!(cells[6], "Decimal128(28, 9)");
        match round {
            "replayed" => store.store().flush().await.unwrap(),
            _ => drop(store.open()),
        }
    }
    let float = Row::new(TableName::new("cost", "bills"), NOW, Labels::default()).f64("amount", 0.1).into_rows();
    let written = store.write(vec![float]).await;
    assert_eq!(written.rejected[0].reason, "field 'amount' is decimal in this table, not float");
}

#[tokio::test]
async fn expired_files_go_and_old_rows_are_refused() {
    let now = Arc::new(std::sync::atomic::AtomicI64::new(NOW));
    let clock = Arc::clone(&now);
    let clock = crate::settings::Clock::new(move || clock.load(Ordering::SeqCst));
    let mut store = TestStore::new(Settings { clock, retention: Duration::from_secs(60), ..settings() });
    drop(store.write(vec![sample("load", &[], 0, 1.0)]).await);
    store.store().flush().await.unwrap();
    now.store(NOW + 61 * SECOND, Ordering::SeqCst);
    let written = store.write(vec![sample("load", &[], 0, 1.0), sample("load", &[], 61, 2.0)]).await;
    assert_eq!((written.rows, written.rejected_rows()), (1, 1));
    store.store().flush().await.unwrap();
    assert!(store.query("SELECT count(*) AS n, max(value) AS v FROM load").await.contains("| 1 | 2.0 |"));
    store.open();
    assert_eq!(fs::read_dir(store.path().join("data")).unwrap().count(), 1);
}

#[tokio::test]
async fn a_second_daemon_is_refused_by_name() {
    let mut store = TestStore::new(settings());
    let error = Store::open(store.path(), settings()).unwrap_err();
    let pid = std::process::id();
    let place = store.path().display();
    let expected = format!("{place} is in use by process {pid}; stop that one, or give this one another directory");
    assert_eq!(error.to_string(), expected);
    store.open();
}

#[tokio::test]
async fn contradictions_are_errors_and_limits_are_counted() {
    let limits = Limits { values_per_label: 1, ..Limits::default() };
    let store = TestStore::new(Settings { limits, ..settings() });
    let mut broken = sample("load", &[], 1, 1.0);
    broken.series.push(7);
    let error = store.store().write(vec![broken]).await.unwrap_err();
    assert_eq!(error.to_string(), "not a batch of rows: metrics.load: 1 times but 2 series indexes");

    let batch = vec![
        sample("load", &[("node", "a")], 1, 1.0),
        sample("load", &[("node", "b")], 1, 1.0),
        sample("load", &[("node", "a")], 4000, 1.0),
    ];
    let written = store.write(batch).await;
    let reasons: Vec<&str> = written.rejected.iter().map(|rejected| &*rejected.reason).collect();
    assert_eq!(
        (written.rows, &reasons[..]),
        (1, &["label 'node' has 1 values in this table, the limit", "the time is more than 3600 s in the future"][..])
    );
    let rejected = store.store().metrics().rows_rejected;
    assert_eq!(rejected, [("field_type", 0), ("cardinality", 1), ("time", 1), ("size", 0)]);
}

#[tokio::test]
async fn a_runaway_label_is_named_and_costs_only_itself() {
    let limits = Limits { series_per_source: 3, values_per_label: 2, ..Limits::default() };
    let store = TestStore::new(Settings { limits, ..settings() });
    let request = |n: &str, instance: &str| sample("requests", &[("id", n), ("instance", instance)], 1, 1.0);
    let batch = vec![
        request("1", "a"),
        request("2", "a"),
        request("3", "a"),
        sample("up", &[("instance", "a")], 1, 1.0),
        sample("load", &[("instance", "a")], 1, 1.0),
        sample("load", &[("instance", "b")], 1, 1.0),
    ];
    let written = store.write(batch).await;
    let reasons: Vec<&str> = written.rejected.iter().map(|rejected| &*rejected.reason).collect();
    let expected =
        ["the source with instance 'a' has 3 series, the limit", "label 'id' has 2 values in this table, the limit"];
    assert_eq!((written.rows, &reasons[..]), (4, &expected[..]));
    expect![[r#"
        +--------+------------------+------+-------+---------+--------------+
        | kind   | table            | name | count | limit   | refused_rows |
        +--------+------------------+------+-------+---------+--------------+
        | label  | metrics.requests | id   | 2     | 2       | 0            |
        | series |                  |      | 4     | 4000000 | 2            |
        | source |                  | a    | 3     | 3       | 0            |
        | table  | metrics.load     |      | 1     | 1000000 | 1            |
        | table  | metrics.requests |      | 2     | 1000000 | 1            |
        +--------+------------------+------+-------+---------+--------------+"#]]
    .assert_eq(
        &store
            .query("SELECT * FROM ops.cardinality WHERE count = \"limit\" OR refused_rows > 0 ORDER BY kind, \"table\"")
            .await,
    );
}

#[tokio::test]
async fn full_memory_is_overload() {
    let limits = Limits { live_bytes: 1, ..Limits::default() };
    let store = TestStore::new(Settings { limits, ..settings() });
    drop(store.write(vec![sample("load", &[], 1, 1.0)]).await);
    let refused = store.store().write(vec![sample("load", &[], 2, 1.0)]).await;
    assert!(matches!(refused, Err(WriteError::Overloaded { .. })), "{refused:?}");
    store.store().flush().await.unwrap();
    drop(store.write(vec![sample("load", &[], 2, 1.0)]).await);
}

#[tokio::test]
async fn a_closed_store_takes_no_writes_and_has_flushed() {
    let mut store = TestStore::new(Settings { flush_on_close: true, ..settings() });
    drop(store.write(vec![sample("load", &[], 1, 1.0)]).await);
    store.store().close().await;
    assert_eq!(store.store().write(vec![sample("load", &[], 2, 1.0)]).await, Err(WriteError::Closed));
    assert_eq!(store.store().flush().await, Err(FlushError::Closed));
    assert_eq!(store.open().recovery(), &RecoveryReport::default());
    assert!(store.query("SELECT count(*) AS n FROM load").await.contains("| 1 |"));
    let unknown = store.try_query("SELECT 1 FROM lode").await.unwrap_err();
    assert_eq!(unknown, SqlError::UnknownTable { name: "lode".into(), nearest: vec!["load".into()] });
}
