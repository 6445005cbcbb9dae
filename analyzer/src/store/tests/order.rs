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
