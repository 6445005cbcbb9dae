use std::time::Duration;

use tokio::sync::Notify;
use weir_collector::{
    mapping::{Billed, Meters, Port, Ports, Rule, Slots},
    sink::Rejection,
};
use weir_model::{
    observation::{Batch, Labels, TableName},
    unit::Bps,
};

use super::*;

/// Holds every write until it is let go, then takes it, or refuses it.
#[derive(Debug, Default)]
struct Gate {
    reached: Notify,
    open: Notify,
    refuses: std::sync::atomic::AtomicBool,
    written: Mutex<Vec<Rows>>,
}

#[async_trait]
impl Sink for Gate {
    async fn write(&self, batch: Batch) -> Result<Written, SinkError> {
        self.reached.notify_one();
        self.open.notified().await;
        if self.refuses.load(std::sync::atomic::Ordering::SeqCst) {
            return Err(SinkError::Overloaded { retry_after: Duration::ZERO });
        }
        self.written.lock().unwrap().extend(batch.into_rows());
        Ok(Written::default())
    }
}

const SLOT: i64 = 300_000_000_000;

/// A billed port, whose counters are read slot by slot.
fn mapped(derived: usize) -> (Arc<Gate>, Arc<Mapped>, mpsc::Receiver<Rows>) {
    mapped_over(Arc::<Gate>::default(), derived)
}

fn mapped_over<S: Sink + 'static>(sink: Arc<S>, derived: usize) -> (Arc<S>, Arc<Mapped>, mpsc::Receiver<Rows>) {
    let billed = Some(Billed { contract: "c".into(), with: Meters::Link });
    let port = Port { link: "l".into(), capacity: Bps(1e12), billed };
    let ports = Arc::new(Ports::new(&["port"], [(vec!["p"], port)]));
    let slots = Slots { rate: Duration::from_secs(300), ..Slots::default() };
    let map = CounterMap::new(Rule::if_mib(&ports), slots).unwrap();
    let (send, received) = mpsc::channel(derived);
    (Arc::clone(&sink), Arc::new(Mapped::new(sink, map, send)), received)
}

/// The port's counters at the end of this slot, of those that ended long ago.
fn poll(slot: i64) -> Vec<Rows> {
    let counter = |metric| {
        let mut rows = Rows::empty(TableName::metric(metric));
        rows.push_sample(&Labels::new([("port", "p")]), slot * SLOT, slot as f64 * 1e3);
        rows
    };
    vec![counter("ifHCInOctets"), counter("ifHCOutOctets")]
}

fn usage(rows: &[Rows]) -> usize {
    rows.iter().filter(|rows| &*rows.table.schema == "cost").map(Rows::len).sum()
}

#[tokio::test]
async fn a_client_that_goes_takes_no_usage_with_it() {
    let (gate, mapped, mut derived) = mapped(DERIVED_MAX);
    gate.open.notify_one();
    assert_eq!(mapped.write(poll(0).into()).await, Ok(Written::default()));
    gate.reached.notified().await;
    let mut request = Box::pin(mapped.write(poll(1).into()));
    tokio::select! {
        _ = &mut request => panic!("the gate is closed"),
        () = gate.reached.notified() => {}
    }
    drop(request);
    gate.open.notify_one();
    let mut read = Vec::new();
    while usage(&read) == 0 {
        read.push(derived.recv().await.unwrap());
    }
    assert_eq!(usage(&gate.written.lock().unwrap()), 1);
}

#[tokio::test]
async fn usage_waits_for_its_reader() {
    // Room for one: the traffic of the link takes it.
    let (gate, mapped, mut derived) = mapped(1);
    for slot in 0..3 {
        gate.open.notify_one();
        let writing = tokio::spawn({
            let mapped = Arc::clone(&mapped);
            async move { mapped.write(poll(slot).into()).await }
        });
        let mut read = 0;
        while slot > 0 && read == 0 {
            read = usage(&[derived.recv().await.unwrap()]);
        }
        assert_eq!(writing.await.unwrap(), Ok(Written::default()));
    }
    assert_eq!(usage(&gate.written.lock().unwrap()), 2);
}

#[tokio::test]
async fn what_a_refusing_store_makes_us_lose_is_counted() {
    let (gate, mapped, _derived) = mapped(DERIVED_MAX);
    gate.refuses.store(true, std::sync::atomic::Ordering::SeqCst);
    let before = MAPPING_ROWS_LOST.get();
    for slot in 0..KEPT_MAX as i64 {
        gate.open.notify_one();
        assert!(mapped.write(poll(slot).into()).await.is_err());
    }
    // A slot is a batch of traffic and one of usage: half of them are kept.
    assert!(MAPPING_ROWS_LOST.get() - before > KEPT_MAX as u64 / 2);
    gate.refuses.store(false, std::sync::atomic::Ordering::SeqCst);
    gate.open.notify_one();
    assert_eq!(mapped.complete(UnixNanos(0)).await, Ok(Written::default()));
    assert_eq!(usage(&gate.written.lock().unwrap()), KEPT_MAX / 2);
}

/// Takes all rows but those of one table.
#[derive(Debug)]
struct Without(TableName);

#[async_trait]
impl Sink for Without {
    async fn write(&self, batch: Batch) -> Result<Written, SinkError> {
        let of = |table: &Rows| if table.table == self.0 { table.len() as u64 } else { 0 };
        let rows: u64 = batch.rows.iter().map(of).sum();
        let rejection = Rejection { table: self.0.clone(), rows, reason: "no".to_owned() };
        let rejected = if rows == 0 { Vec::new() } else { vec![rejection] };
        Ok(Written { rows: batch.len() as u64 - rows, rejected })
    }
}

#[tokio::test]
async fn the_sender_is_told_of_its_own_rows_alone() {
    for table in [TableName::new("cost", "usage_5min"), TableName::metric("ifHCInOctets")] {
        let (_, mapped, _derived) = mapped_over(Arc::new(Without(table.clone())), DERIVED_MAX);
        let before = MAPPING_ROWS_LOST.get();
        let mut told = Vec::new();
        for slot in 0..3 {
            told.push(mapped.write(poll(slot).into()).await.unwrap());
        }
        let is_sent = &*table.schema == "metrics";
        for written in told {
            let rejected: Vec<u64> = written.rejected.iter().map(|rejection| rejection.rows).collect();
            assert_eq!((written.rows, rejected), if is_sent { (1, vec![1]) } else { (2, Vec::new()) });
        }
        assert!(is_sent || MAPPING_ROWS_LOST.get() >= before + 2, "usage of two slots");
    }
}
