//! Clients as networks have them: that go away, and that never read.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::*;
use crate::settings::{Limits, Settings};

/// Clients that ask and never read.
const CLIENTS: usize = 200;
/// What they may cost together. Each query holds its first MiB back and has a few batches of 8,192 rows of 110 bytes
/// under way, in Arrow and as JSON: 8 queries at a time are some 60 MB.
const MEMORY_BYTES_MAX: u64 = 128 << 20;
/// Until something happens that happens.
const PATIENCE: Duration = Duration::from_secs(60);

/// As the daemon serves it, on a port.
async fn listening(limits: Limits) -> (tempfile::TempDir, Arc<Store>, std::net::SocketAddr) {
    let directory = tempfile::tempdir().unwrap();
    let store = Arc::new(Store::open(directory.path(), Settings { limits, ..settings() }).unwrap());
    let router = router(Arc::clone(&store), QueryLimits { timeout: PATIENCE, ..QueryLimits::default() });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (directory, store, address)
}

async fn asking(address: std::net::SocketAddr, sql: &str) -> TcpStream {
    let mut client = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "POST /api/v1/sql HTTP/1.1\r\nHost: weir\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{sql}",
        sql.len()
    );
    client.write_all(request.as_bytes()).await.unwrap();
    client
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "{what}");
        tokio::task::yield_now().await;
    }
}

/// What the process has in memory.
fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    resident.trim_end_matches("kB").trim().parse::<u64>().unwrap() << 10
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_goes_takes_its_query_along() {
    let (_directory, store, address) = listening(Limits::default()).await;
    let client = asking(address, "SELECT count(*) FROM generate_series(1, 1000000000000000) WHERE value % 7 = 8").await;
    until("the query runs", || store.metrics().queries_running == 1).await;
    drop(client);
    until("the query is stopped", || store.metrics().queries_running == 0).await;
    assert_eq!(store.metrics().queries_failed, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_never_read_stop_nobody_for_good() {
    let limits = Limits { query_queue_wait: Duration::from_millis(500), ..Limits::default() };
    let (_directory, store, address) = listening(limits).await;
    let before = resident_bytes();
    let long = "SELECT repeat('x', 100), value FROM generate_series(1, 1000000)";
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        clients.push(asking(address, long).await);
    }
    let running = store.shared().settings.limits.concurrent_queries;
    until("every query runs or is refused", || store.metrics().queries_refused as usize == CLIENTS - running).await;
    assert_eq!(store.metrics().queries_running as usize, running);
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < MEMORY_BYTES_MAX, "{} MB", grown >> 20);
    // Whoever asks meanwhile is told to come again.
    let mut answer = String::new();
    asking(address, "SELECT 1").await.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("retry-after: 2"), "{answer}");
    assert!(answer.contains("8 queries are running, as many as may"), "{answer}");
    drop(clients);
    until("the queries are stopped", || store.metrics().queries_running == 0).await;
    let mut answer = String::new();
    asking(address, "SELECT 1 AS one").await.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains(r#""rows":[[1]]"#), "{answer}");
}
