//! Sends request bodies as agents do: some connections that stay open, one request at a time on each. A process of its
//! own, so that its CPU seconds are not the server's.

use std::{
    io::{Read, Write},
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use serde::{Deserialize, Serialize};

use crate::{bodies::BodyReader, http::Connection};

/// Connections that send at the same time.
pub(crate) const SENDERS: usize = 8;
/// Before a request is sent again that the server could not take.
const RETRY_AFTER: Duration = Duration::from_millis(100);
/// How often one request is sent again: 600 x 100 ms is a minute of overload.
const RETRIES_MAX: u64 = 600;

/// What to send, and where.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Orders {
    /// The server.
    pub(crate) address: SocketAddr,
    /// The path, with its query.
    pub(crate) path: String,
    /// Header lines.
    pub(crate) headers: Vec<String>,
    /// Files of bodies, one for each connection.
    pub(crate) files: Vec<PathBuf>,
    /// Over how long each file's requests are spread, evenly; `None`: one after the other.
    pub(crate) seconds: Option<f64>,
}

/// What it took.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Sent {
    /// From the first byte to the last answer.
    pub(crate) wall_s: f64,
    /// Requests that succeeded.
    pub(crate) requests: u64,
    /// Bytes of their bodies.
    pub(crate) bytes: u64,
    /// Requests that were sent again after a 429 or 5xx.
    pub(crate) retries: u64,
}

/// Another process that sends; it is killed with its handle.
#[derive(Debug)]
pub(crate) struct Sending {
    child: Child,
}

/// Sends everything from another process.
pub(crate) fn start(orders: &Orders) -> anyhow::Result<Sending> {
    let binary = std::env::current_exe().context("this program's own path")?;
    let mut child = Command::new(binary)
        .arg("sender")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("starting the sender")?;
    let mut orders_to = child.stdin.take().context("the sender's standard input")?;
    orders_to.write_all(&serde_json::to_vec(orders)?)?;
    drop(orders_to);
    Ok(Sending { child })
}

impl Sending {
    /// Whether it has come to its end.
    pub(crate) fn is_over(&mut self) -> anyhow::Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }

    /// Waits for its report.
    pub(crate) fn wait(mut self) -> anyhow::Result<Sent> {
        let mut report = Vec::new();
        let output = self.child.stdout.as_mut().context("the sender's standard output")?;
        output.read_to_end(&mut report)?;
        ensure!(self.child.wait()?.success(), "the sender failed");
        serde_json::from_slice(&report).context("the sender's report")
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        // It may have ended before.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The sender: orders from standard input, a report on standard output.
pub(crate) fn run() -> anyhow::Result<()> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    let orders: Orders = serde_json::from_str(&text).context("the sender's orders on standard input")?;
    let sent = send_all(&orders)?;
    serde_json::to_writer(std::io::stdout(), &sent).context("writing the report")
}

fn send_all(orders: &Orders) -> anyhow::Result<Sent> {
    let begun = Instant::now();
    let parts = thread::scope(|scope| {
        let threads: Vec<_> =
            (0..orders.files.len()).map(|number| scope.spawn(move || send_file(orders, number))).collect();
        let joined =
            threads.into_iter().map(|thread| thread.join().map_err(|_| anyhow::anyhow!("a sender panicked"))?);
        joined.collect::<anyhow::Result<Vec<Sent>>>()
    })?;
    let add = |all: Sent, part: Sent| Sent {
        wall_s: all.wall_s,
        requests: all.requests + part.requests,
        bytes: all.bytes + part.bytes,
        retries: all.retries + part.retries,
    };
    let all = parts.into_iter().fold(Sent::default(), add);
    Ok(Sent { wall_s: begun.elapsed().as_secs_f64(), ..all })
}

fn send_file(orders: &Orders, number: usize) -> anyhow::Result<Sent> {
    let file = &orders.files[number];
    let headers: Vec<&str> = orders.headers.iter().map(String::as_str).collect();
    let mut bodies = BodyReader::open(file)?;
    let mut connection = Connection::open(orders.address)?;
    let mut sent = Sent::default();
    let pace = Pace::of(orders, number)?;
    while let Some(body) = bodies.next_body()? {
        pace.wait_for(sent.requests);
        let mut retries = 0;
        loop {
            let answer = connection.post(&orders.path, &headers, body)?;
            match answer.status {
                200..=299 => break,
                429 | 500..=599 if retries < RETRIES_MAX => retries += 1,
                status => bail!("request {} was answered {status}: {}", sent.requests, answer.text()),
            }
            thread::sleep(RETRY_AFTER);
        }
        sent.requests += 1;
        sent.bytes += body.len() as u64;
        sent.retries += retries;
    }
    Ok(sent)
}

/// When requests are due.
#[derive(Clone, Copy, Debug)]
struct Pace {
    begun: Instant,
    interval_s: f64,
    /// Of the interval: connections take turns.
    offset: f64,
}

impl Pace {
    /// For the bodies in the file with this number.
    fn of(orders: &Orders, number: usize) -> anyhow::Result<Self> {
        let interval_s = match orders.seconds {
            Some(seconds) => seconds / BodyReader::open(&orders.files[number])?.count()?.max(1) as f64,
            None => 0.0,
        };
        Ok(Self { begun: Instant::now(), interval_s, offset: number as f64 / orders.files.len() as f64 })
    }

    /// Waits until the request with this number is due. One that is late delays none behind it.
    fn wait_for(self, number: u64) {
        let due = Duration::from_secs_f64(self.interval_s * (number as f64 + self.offset));
        thread::sleep(due.saturating_sub(self.begun.elapsed()));
    }
}
