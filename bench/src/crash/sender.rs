//! Senders: each numbers its samples, sends one request after the other, and notes what was answered.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::bail;
use rand::{RngExt, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;

use super::{
    http::Connection,
    sample::{Key, METRICS, Sample, Table, lines, remote_write, value_of},
};

/// How long the daemon keeps rows.
pub(crate) const RETENTION: Duration = Duration::from_secs(3_600);
/// How long a sample that is to expire is still young enough to be taken.
const EXPIRES_IN: Duration = Duration::from_millis(1_500);
/// How long senders send nothing else, where they do: several flushes, whose files then expire whole.
const EXPIRING: Duration = Duration::from_millis(400);
/// How old the other samples are: far from what is dropped, and with room for an hour of numbers.
const AGE: Duration = Duration::from_secs(20 * 60);
/// Samples of most requests: few, so that many requests share a group and a sync.
const SAMPLES: std::ops::RangeInclusive<u64> = 1..=8;
/// Samples of the others: several pages of the log, which are torn apart.
const SAMPLES_LARGE: std::ops::RangeInclusive<u64> = 200..=600;
/// One request in so many is large.
const LARGE_ONE_IN: u32 = 40;
/// Parts that are there from the beginning; later ones are new series.
const PARTS: u16 = 6;
/// Milliseconds of a sender's time after which it has one part more.
const PART_EVERY: i64 = 200;
/// The longest pause between two requests, microseconds: eight senders make some 2,000 requests a second.
const PAUSE_US_MAX: u64 = 4_000;
/// How long a sender waits that was told to come later.
const LATER: Duration = Duration::from_millis(20);

/// Numbers values; no two samples of a run have the same.
static NUMBERS: AtomicU64 = AtomicU64::new(1);

/// What all senders are told in a round.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Orders {
    /// Where.
    pub(crate) address: SocketAddr,
    /// Whether line protocol is spoken there.
    pub(crate) speaks_lines: bool,
    /// Whether it begins with samples that expire soon.
    pub(crate) expiring: bool,
}

/// Samples that are sent together.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// All of remote write, or all of line protocol.
    pub(crate) samples: Vec<Sample>,
    /// Whether they were acknowledged.
    pub(crate) acknowledged: bool,
}

impl Request {
    fn expires(&self) -> bool {
        self.samples.iter().any(|sample| sample.key.table == Table::Expiring)
    }
}

/// What a sender did in a round.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    /// The port it sent from.
    pub(crate) port: u16,
    /// In order; those that were refused are not among them.
    pub(crate) requests: Vec<Request>,
    /// Samples that came too late to be taken.
    pub(crate) expired: Vec<Sample>,
    /// Times it was told to come later.
    pub(crate) refused: u64,
}

/// A sender, over all rounds on a folder.
#[derive(Debug)]
pub(crate) struct Sender {
    number: u8,
    begun_ms: i64,
    count: i64,
    last_expiring_ms: i64,
    /// What was sent and never answered.
    unanswered: Option<Request>,
}

impl Sender {
    /// Sender `number`.
    pub(crate) fn new(number: u8) -> Self {
        Self { number, begun_ms: now_ms(AGE), count: 0, last_expiring_ms: 0, unanswered: None }
    }

    /// Sends until the daemon is gone.
    pub(crate) fn run(&mut self, orders: &Orders, mut random: ChaCha8Rng) -> anyhow::Result<Sent> {
        let (mut sent, begun) = (Sent::default(), Instant::now());
        // Where the power fails before anybody is connected, nothing was sent.
        let Ok(mut connection) = Connection::open(orders.address) else { return Ok(sent) };
        sent.port = connection.port;
        // What was not answered is sent again, as all real senders do, or given up.
        let mut again = self.unanswered.take().filter(|request| !request.expires() && random.random_bool(0.5));
        loop {
            let expiring = orders.expiring && begun.elapsed() < EXPIRING;
            let mut request = again.take().unwrap_or_else(|| self.request(orders, expiring, &mut random));
            match send(&mut connection, &request) {
                Err(_) => {
                    self.unanswered = Some(request.clone());
                    sent.requests.push(request);
                    return Ok(sent);
                }
                Ok((204, _)) => {
                    request.acknowledged = true;
                    sent.requests.push(request);
                    thread::sleep(Duration::from_micros(random.random_range(0..PAUSE_US_MAX)));
                }
                Ok((503, _)) => {
                    sent.refused += 1;
                    again = Some(request);
                    thread::sleep(LATER);
                }
                // On a busy machine; some of them may have been in time.
                Ok((400, _)) if request.expires() => sent.expired.extend(request.samples),
                Ok((status, text)) => bail!("sender {}: {status} {text}", self.number),
            }
        }
    }

    fn request(&mut self, orders: &Orders, expiring: bool, random: &mut ChaCha8Rng) -> Request {
        let is_large = !expiring && random.random_ratio(1, LARGE_ONE_IN);
        let count = random.random_range(if is_large { SAMPLES_LARGE } else { SAMPLES });
        let as_lines = orders.speaks_lines && random.random_bool(0.25);
        let tables: Vec<Table> = match (expiring, as_lines) {
            (true, _) => vec![Table::Expiring],
            (false, true) => vec![Table::Measurement],
            (false, false) => (0..METRICS).map(Table::Metric).collect(),
        };
        let samples = (0..count).map(|_| self.sample(*tables.choose(random).unwrap_or(&Table::Metric(0)), random));
        Request { samples: samples.collect(), acknowledged: false }
    }

    fn sample(&mut self, table: Table, random: &mut ChaCha8Rng) -> Sample {
        let parts = PARTS + (self.count / PART_EVERY) as u16;
        let part = random.random_range(0..parts);
        let time_ms = match table {
            Table::Expiring => {
                let soon = now_ms(RETENTION.saturating_sub(EXPIRES_IN));
                self.last_expiring_ms = soon.max(self.last_expiring_ms + 1);
                self.last_expiring_ms
            }
            Table::Metric(_) | Table::Measurement => {
                self.count += 1;
                // Each number once, and not in order.
                self.begun_ms + (self.count ^ 5)
            }
        };
        let key = Key { table, sender: self.number, part, time_ms };
        Sample { key, value: value_of(NUMBERS.fetch_add(1, Relaxed)) }
    }
}

/// Sends a request; the status of its answer and what it says.
fn send(connection: &mut Connection, request: &Request) -> anyhow::Result<(u16, String)> {
    let is_lines = request.samples.iter().any(|sample| sample.key.table == Table::Measurement);
    let answer = match is_lines {
        true => connection.ask(LINES_PATH, "Content-Type: text/plain\r\n", &lines(&request.samples))?,
        false => connection.ask("POST /api/v1/write", REMOTE_WRITE_HEADERS, &remote_write(&request.samples)?)?,
    };
    Ok((answer.status, String::from_utf8_lossy(&answer.body).into_owned()))
}

const LINES_PATH: &str = "POST /api/v2/write?org=weir&bucket=weir&precision=ns";

/// As Prometheus sends them.
const REMOTE_WRITE_HEADERS: &str = "Content-Type: application/x-protobuf\r\nContent-Encoding: snappy\r\n\
    X-Prometheus-Remote-Write-Version: 0.1.0\r\n";

/// Whether line protocol is spoken at the other end.
pub(crate) fn speaks_lines(connection: &mut Connection) -> anyhow::Result<bool> {
    Ok(connection.ask(LINES_PATH, "Content-Type: text/plain\r\n", b"crash_probe value=1\n")?.status == 204)
}

/// Now less `age`, in milliseconds since the epoch.
fn now_ms(age: Duration) -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.saturating_sub(age).as_millis()).unwrap_or(i64::MAX)
}
