//! SIGKILL during ingest, again and again: nothing acknowledged is lost, nothing is there twice.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use reqwest::StatusCode;
use serde_json::json;

use super::{
    weir::{Place, client, until},
    write::{body, now_millis, series},
};

/// Kills; the issue asks for 50.
const ROUNDS: usize = 50;
/// Senders at once, so that groups of several requests are in the log when it is cut.
const SENDERS: usize = 3;
/// Samples of the largest request.
const BATCH_MAX: i64 = 200;

/// Numbers its samples and sends each batch until it is acknowledged, as Prometheus does.
struct Sender {
    place: Arc<Place>,
    name: String,
    /// The time of number 0.
    begun: i64,
    /// All numbers below are acknowledged.
    acknowledged: Arc<AtomicI64>,
    stop: Arc<AtomicBool>,
}

impl Sender {
    async fn run(self, mut random: ChaCha8Rng) {
        let client = client();
        while !self.stop.load(SeqCst) {
            let first = self.acknowledged.load(SeqCst);
            let numbers = first..first + random.random_range(1..=BATCH_MAX);
            let next = numbers.end;
            // A millisecond each; the value is the number.
            let samples: Vec<(i64, f64)> = numbers.map(|number| (self.begun + number, number as f64)).collect();
            let body = body(vec![series("numbered", &[("sender", &self.name)], &samples)]);
            until("the batch is acknowledged", async || {
                let status = self.place.send(&client, body.clone()).await.ok()?.status();
                // Only a daemon that goes down may refuse it.
                assert!(matches!(status, StatusCode::NO_CONTENT | StatusCode::SERVICE_UNAVAILABLE), "{status}");
                (status == StatusCode::NO_CONTENT).then_some(())
            })
            .await;
            self.acknowledged.store(next, SeqCst);
        }
    }
}

/// Waits a time far below what a sleep can, so that kills fall anywhere in a write.
fn spin(time: Duration) {
    let begun = Instant::now();
    while begun.elapsed() < time {
        std::hint::spin_loop();
    }
}

#[tokio::test]
async fn fifty_kills_lose_nothing_that_was_acknowledged() {
    let place = Arc::new(Place::new());
    let stop = Arc::<AtomicBool>::default();
    let mut random = ChaCha8Rng::seed_from_u64(50);
    let mut senders = Vec::new();
    let mut acknowledged = Vec::new();
    for number in 0..SENDERS {
        let count = Arc::<AtomicI64>::default();
        let (place, stop, name) = (Arc::clone(&place), Arc::clone(&stop), format!("sender-{number}"));
        let sender = Sender { place, name, begun: now_millis() - 3_600_000, acknowledged: Arc::clone(&count), stop };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let random = ChaCha8Rng::seed_from_u64(number as u64);
        senders.push(thread::spawn(move || runtime.block_on(sender.run(random))));
        acknowledged.push(count);
    }
    let total = || acknowledged.iter().map(|count| count.load(SeqCst)).sum::<i64>();
    for round in 0..ROUNDS {
        let mut daemon = place.run().await;
        let enough = total() + random.random_range(1..2_000);
        until("numbers are acknowledged", async || (total() >= enough).then_some(())).await;
        // Every fifth time in the middle of a clean end, which writes Parquet.
        if round % 5 == 4 {
            daemon.ask_to_stop();
            spin(Duration::from_micros(random.random_range(0..30_000)));
        }
        spin(Duration::from_micros(random.random_range(0..3_000)));
        daemon.kill();
    }
    let _daemon = place.run().await;
    stop.store(true, SeqCst);
    for sender in senders {
        sender.join().unwrap();
    }
    // Number, time and value are one: each exactly once, from 0 to the last acknowledged.
    for (number, count) in acknowledged.iter().map(|count| count.load(SeqCst)).enumerate() {
        let query = format!(
            "SELECT count(*), count(DISTINCT value), count(DISTINCT time), min(value), max(value) \
             FROM numbered WHERE sender = 'sender-{number}'"
        );
        let last = (count - 1) as f64;
        assert_eq!(place.sql(&query).await, [[json!(count), json!(count), json!(count), json!(0.0), json!(last)]]);
    }
}
