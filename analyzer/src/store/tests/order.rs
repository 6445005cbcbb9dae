//! Rows that come late, or twice, are counted.

use super::*;

fn counted(store: &TestStore) -> (u64, u64, u64) {
    let Metrics { rows_out_of_order, rows_duplicate, rows_replaced, .. } = store.store().metrics();
    (rows_out_of_order, rows_duplicate, rows_replaced)
}

#[tokio::test]
async fn late_rows_and_duplicates_are_counted_once() {
    let mut store = TestStore::new(Settings { chunk_rows: 0, ..settings() });
    let row = |node, second, value| sample("load", &[("node", node)], second, value);
    drop(store.write(vec![row("a", 5, 1.0), row("a", 6, 1.0), row("b", 1, 1.0)]).await);
    assert_eq!(counted(&store), (0, 0, 0));
    drop(store.write(vec![row("a", 3, 1.0), row("a", 6, 2.0), row("a", 6, 3.0), row("b", 2, 1.0)]).await);
    assert_eq!(counted(&store), (1, 2, 1), "two of one batch have met");
    store.store().flush().await.unwrap();
    assert_eq!(counted(&store), (1, 2, 2), "and now those of two batches");
    drop(store.write(vec![row("a", 7, 1.0), row("a", 5, 2.0), row("b", 2, 3.0)]).await);
    assert_eq!(counted(&store), (2, 3, 2));
    for second in [8, 9] {
        store.store().flush().await.unwrap();
        drop(store.write(vec![row("a", second, 1.0)]).await);
    }
    store.store().flush().await.unwrap();
    crate::compact::Job::next(store.store().shared()).unwrap().run(store.store().shared()).unwrap();
    assert_eq!(counted(&store), (2, 3, 4), "rows of files meet when these are joined");
    drop(store.write(vec![row("a", 4, 1.0)]).await);
    assert_eq!(counted(&store), (3, 3, 4));
    store.open();
    assert_eq!(counted(&store), (0, 0, 0), "what is replayed was counted before");
    drop(store.write(vec![row("a", 10, 1.0), row("a", 9, 1.0)]).await);
    assert_eq!(counted(&store), (1, 0, 0));
}

async fn merged(store: &TestStore) -> usize {
    let plan = store.query("EXPLAIN SELECT * FROM load").await;
    let count = plan.split("merged=").nth(1).and_then(|rest| rest.split(',').next());
    count.unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_start_knows_how_far_each_series_is() {
    let mut store = TestStore::new(settings());
    let load = |node: &'static str, seconds: std::ops::Range<i64>, value: f64| {
        seconds.map(|second| sample("load", &[("node", node)], second, value)).collect::<Vec<_>>()
    };
    drop(store.write([load("a", 0..10, 1.0), load("b", 0..5, 1.0)].concat()).await);
    store.store().flush().await.unwrap();
    drop(store.write(load("c", 0..3, 1.0)).await);
    for damaged in [false, true] {
        store.open();
        assert_eq!(store.store().recovery().corrupt.len(), usize::from(damaged));
        // Behind the latest row of all, but not of its series.
        let node = if damaged { "d" } else { "b" };
        drop(store.write(load(node, 5..8, 1.0)).await);
        assert_eq!(merged(&store).await > 0, damaged);
        if !damaged {
            drop(store.write(load("a", 3..4, 9.0)).await);
            assert!(merged(&store).await > 0);
        }
        assert!(
            store.query("SELECT value FROM load WHERE node = 'a' ORDER BY time OFFSET 3 LIMIT 1").await.contains("9.0")
        );
        store.store().flush().await.unwrap();
        let files = fs::read_dir(store.path().join("series")).unwrap().flatten().map(|entry| entry.path());
        let times: Vec<_> = files.filter(|path| path.extension().is_some_and(|kind| kind == "bin")).collect();
        assert_eq!(times.len(), 1, "{times:?}");
        let mut bytes = fs::read(&times[0]).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(&times[0], bytes).unwrap();
    }
}
