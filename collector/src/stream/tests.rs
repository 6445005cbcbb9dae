use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use async_trait::async_trait;
use tokio::{net::TcpListener, sync::mpsc};
use tonic::transport::{Endpoint, Server, server::TcpIncoming};
use weir_model::{
    amount::Amount,
    health::{Health, StateChange, Target},
    observation::{Column, Labels, Row, Rows, TableName, merge},
    time::UnixNanos,
};

use super::*;
use crate::sink::{Sink, SinkError, Written, gate::Gate};

fn rows(time: i64) -> Vec<Rows> {
    let row = |host: &str, value| {
        Row::new(TableName::new("metrics", "mixed"), time, Labels::new([("host", host)]))
            .f64("value", value)
            .i64("count", 3)
            .bool("ok", true)
            .text("note", "hello")
            .amount("cost", Amount::from_billionths(1 - 10_i128.pow(28)))
            .into_rows()
    };
    merge([row("a", f64::from_bits(weir_model::observation::STALE_NAN_BITS)), row("b", 2.0), row("a", f64::INFINITY)])
}

#[test]
fn rows_survive_arrow_bit_for_bit() {
    let sent = rows(5);
    let received = decode(&encode(&sent[0]).unwrap()).unwrap();
    let bits = |rows: &Rows| match &rows.fields[0].1 {
        Column::F64(values) => values.iter().map(|value| value.map(f64::to_bits)).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    assert_eq!(bits(&received[0]), bits(&sent[0]));
    assert_eq!(received[0].fields[1..], sent[0].fields[1..]);
    let labels = |rows: &Rows| rows.series.iter().map(|s| rows.labels[*s as usize].clone()).collect::<Vec<_>>();
    assert_eq!(labels(&received[0]), labels(&sent[0]));
    assert!(decode(b"rubbish").is_err());
}

/// Counts rows; can be told to be full.
#[derive(Debug, Default)]
struct Kept {
    times: Mutex<Vec<i64>>,
}

#[async_trait]
impl Sink for Kept {
    async fn write(&self, batch: weir_model::observation::Batch) -> Result<Written, SinkError> {
        self.times.lock().unwrap().extend(batch.into_rows().iter().map(|rows| rows.time[0]));
        Ok(Written::default())
    }
}

/// A server on a runtime of its own, so that dropping it cuts its connections as a crash does.
struct Serving {
    address: SocketAddr,
    heard: mpsc::Receiver<Heard>,
    runtime: Option<tokio::runtime::Runtime>,
}

impl Serving {
    fn start(address: &str, sink: Arc<impl Sink + 'static>) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let std_listener = std::net::TcpListener::bind(address).unwrap();
        std_listener.set_nonblocking(true).unwrap();
        let address = std_listener.local_addr().unwrap();
        let (heard, hearing) = mpsc::channel(64);
        runtime.spawn(async move {
            let listener = TcpListener::from_std(std_listener).unwrap();
            let server = Server::builder().add_service(service(Telemetry::new(sink, heard)));
            drop(server.serve_with_incoming(TcpIncoming::from(listener)).await);
        });
        Self { address, heard: hearing, runtime: Some(runtime) }
    }

    async fn batches(&mut self, count: usize) {
        within(async {
            let mut heard = 0;
            while heard < count {
                heard += usize::from(matches!(self.heard.recv().await.unwrap(), Heard::Alive(_)));
            }
        })
        .await;
    }

    async fn next_change(&mut self) -> StateChange {
        within(async {
            loop {
                if let Heard::Change(change) = self.heard.recv().await.unwrap() {
                    return change;
                }
            }
        })
        .await
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.runtime.take().unwrap().shutdown_background();
    }
}

/// What a test waits for comes within 20 seconds or never.
async fn within<T>(awaited: impl Future<Output = T>) -> T {
    tokio::time::timeout(std::time::Duration::from_secs(20), awaited).await.expect("in time")
}

fn change() -> StateChange {
    StateChange {
        vantage: "v1".into(),
        target: Target::Node("edge-1".into()),
        from: Health::Up,
        to: Health::Down,
        reason: "3 of 3 probes lost".into(),
        at: UnixNanos(9),
    }
}

async fn acknowledged(uplink: &Uplink, count: u64) {
    reaches(&uplink.counters().acknowledged, count).await;
}

async fn reaches(counter: &AtomicU64, count: u64) {
    within(async {
        while counter.load(Relaxed) < count {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn health_is_told_at_once_and_again_after_a_cut_and_no_batch_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let sink = Arc::new(Kept::default());
    let mut serving = Serving::start("127.0.0.1:0", Arc::clone(&sink));
    let address = serving.address;
    let config =
        UplinkConfig { agent: "v1".into(), spool: folder.path().into(), spool_bytes_max: 1 << 30, token: None };
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    let (uplink, running) = uplink(config.clone(), endpoint.clone()).unwrap();
    let running = tokio::spawn(running);

    uplink.rows(rows(1));
    uplink.change(change());
    assert_eq!(serving.next_change().await, change());
    acknowledged(&uplink, 1).await;
    drop(serving);

    // Away: more than memory keeps, so some go to disk.
    for time in 2..=600 {
        uplink.rows(rows(time));
        tokio::task::yield_now().await;
    }
    let mut serving = Serving::start(&address.to_string(), Arc::clone(&sink));
    assert_eq!(serving.next_change().await, change());
    acknowledged(&uplink, 600).await;
    // Nothing is skipped; what came before a full queue was noticed may come again.
    let mut first_seen = Vec::new();
    for time in sink.times.lock().unwrap().iter() {
        assert!(*time <= first_seen.len() as i64 + 1, "batch {time} came before one ahead of it");
        if *time == first_seen.len() as i64 + 1 {
            first_seen.push(*time);
        }
    }
    assert_eq!(first_seen.len(), 600);
    drop(uplink);
    within(running).await.unwrap();
}

#[tokio::test]
async fn what_is_not_acknowledged_survives_the_agent() {
    let folder = tempfile::tempdir().unwrap();
    // Nobody listens at port 1.
    let endpoint = Endpoint::from_static("http://127.0.0.1:1");
    let config =
        UplinkConfig { agent: "v1".into(), spool: folder.path().into(), spool_bytes_max: 1 << 30, token: None };
    let (first, running) = uplink(config.clone(), endpoint).unwrap();
    let running = tokio::spawn(running);
    first.rows(rows(1));
    first.rows(rows(2));
    drop(first);
    within(running).await.unwrap();

    let sink = Arc::new(Kept::default());
    let serving = Serving::start("127.0.0.1:0", Arc::clone(&sink));
    let endpoint = Endpoint::from_shared(format!("http://{}", serving.address)).unwrap();
    let (second, running) = uplink(config, endpoint).unwrap();
    tokio::spawn(running);
    second.rows(rows(3));
    acknowledged(&second, 3).await;
    assert_eq!(*sink.times.lock().unwrap(), [1, 2, 3]);
}

#[tokio::test]
async fn a_stream_goes_on_when_the_batch_that_was_refused_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let sink = Arc::new(Gate::closed());
    let mut serving = Serving::start("127.0.0.1:0", Arc::clone(&sink));
    let endpoint = Endpoint::from_shared(format!("http://{}", serving.address)).unwrap();
    // The spool keeps one run of batches.
    let config = UplinkConfig { agent: "v1".into(), spool: folder.path().into(), spool_bytes_max: 1, token: None };
    let (uplink, running) = uplink(config, endpoint).unwrap();
    tokio::spawn(running);
    // One is being written and 64 wait: the next is refused.
    (1..=100).for_each(|time| uplink.rows(rows(time)));
    serving.batches(67).await;
    (101..=600).for_each(|time| uplink.rows(rows(time)));
    // The second run: the first, with the refused batch in it, is gone.
    reaches(&uplink.counters().spooled, 129 + 1).await;
    sink.open();
    acknowledged(&uplink, 600).await;
}
