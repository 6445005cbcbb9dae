//! Queries that want more than there is, and clients that never read: everybody else is served.

use std::{fs, time::Duration};

use reqwest::{Method, StatusCode, header::RETRY_AFTER};
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt, net::TcpStream};

use super::{
    peers::sum,
    weir::{HTTP, Place, Process, until},
    write::{now_millis, series},
};

/// Memory of all queries together.
const QUERY_MEMORY_BYTES: u64 = 512 << 20;
/// What the daemon may hold: the queries' memory, twice (Arrow grows by doubling, and what is collected is joined
/// once more), and 512 MiB for itself.
const RESIDENT_BYTES_MAX: u64 = 2 * QUERY_MEMORY_BYTES + (512 << 20);
/// Clients that ask and never read.
const CLIENTS: usize = 200;
/// Queries that run at a time.
const RUNNING_MAX: usize = 8;

/// The most that a process has had in memory.
fn resident_bytes_max(process: &Process) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    peak.trim_end_matches("kB").trim().parse::<u64>().unwrap() << 10
}

#[tokio::test]
async fn a_query_for_a_hundred_times_its_memory_is_told_so_and_small_ones_are_answered() {
    let place = Place::new();
    let daemon = place.run().await;
    assert_eq!(place.remote_write(vec![series("load", &[], &[(now_millis(), 3.0)])]).await.0, StatusCode::NO_CONTENT);
    // Texts of 1 kB, all of them in one group.
    let texts = 100 * QUERY_MEMORY_BYTES / 1_000;
    let texts = format!("SELECT repeat('x', 1000) || value AS text, value FROM generate_series(1, {texts})");
    for heavy in [
        format!("SELECT cardinality(array_agg(text)) FROM ({texts})"),
        format!(
            "SELECT max(length(text) + length(last)) FROM (SELECT text, last_value(text) OVER () AS last FROM ({texts}))"
        ),
    ] {
        let asked = place.request(Method::POST, "/api/v1/sql").body(heavy.clone()).send();
        let mut asked = tokio::spawn(asked);
        // Beside it, and also when it is told at once.
        let answer = loop {
            assert_eq!(place.sql("SELECT value FROM load").await, [[json!(3.0)]]);
            if let Ok(answer) = tokio::time::timeout(Duration::from_millis(1), &mut asked).await {
                break answer.unwrap().unwrap();
            }
        };
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "{heavy}");
        let answer: Value = answer.json().await.unwrap();
        assert!(answer["error"].as_str().unwrap().contains("more memory than there is for queries"), "{answer}");
        assert!(answer["hint"].as_str().unwrap().contains("ask for a shorter time"), "{answer}");
        let peak = resident_bytes_max(&daemon);
        assert!(peak < RESIDENT_BYTES_MAX, "{} MB: {heavy}", peak >> 20);
    }
}

#[tokio::test]
async fn two_hundred_clients_that_never_read_stop_nobody() {
    let place = Place::new();
    let daemon = place.run().await;
    let sql = "SELECT repeat('x', 100), value FROM generate_series(1, 1000000)";
    let request =
        format!("POST /api/v1/sql HTTP/1.1\r\nhost: {}\r\ncontent-length: {}\r\n\r\n{sql}", place.address, sql.len());
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        let mut client = TcpStream::connect((place.address, HTTP)).await.unwrap();
        client.write_all(request.as_bytes()).await.unwrap();
        clients.push(client);
    }
    let count = async |name: &str| {
        let text = place.request(Method::GET, "/metrics").send().await.unwrap().text().await.unwrap();
        sum(&text, name).unwrap() as usize
    };
    // `/metrics` and writes are answered meanwhile.
    let settled = async || {
        let sample = series("load", &[], &[(now_millis(), 3.0)]);
        assert_eq!(place.remote_write(vec![sample]).await.0, StatusCode::NO_CONTENT);
        (count("weir_queries_refused_total").await >= CLIENTS - RUNNING_MAX).then_some(())
    };
    until("every query runs or is refused", settled).await;
    // Who asks now is answered, or told when to come again.
    let answer = place.post("/api/v1/sql", "SELECT 1").await;
    let is_told = answer.status() == StatusCode::SERVICE_UNAVAILABLE && answer.headers().contains_key(RETRY_AFTER);
    assert!(is_told || answer.status() == StatusCode::OK, "{answer:?}");
    let peak = resident_bytes_max(&daemon);
    assert!(peak < RESIDENT_BYTES_MAX, "{} MB", peak >> 20);
    drop(clients);
    let answered = async || (place.post("/api/v1/sql", "SELECT 1").await.status() == StatusCode::OK).then_some(());
    until("queries are answered again", answered).await;
    let none = async || (count("weir_queries_running").await == 0).then_some(());
    until("none of theirs runs any more", none).await;
}
