//! Servers that benches start: each with a folder and ports of its own, killed with their handle.

mod prometheus;
mod victoria_metrics;
mod weir;

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::Context;
use tempfile::TempDir;

use crate::{
    http::{Connection, escaped},
    process::{Process, Usage, bytes_below},
};

pub(crate) use weir::build;

/// Which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Weir,
    VictoriaMetrics,
    Prometheus,
}

impl Kind {
    /// Its name in tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Weir => "Weir",
            Kind::VictoriaMetrics => "VictoriaMetrics",
            Kind::Prometheus => "Prometheus",
        }
    }
}

/// How a server ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// As asked: it writes what it has.
    Clean,
    /// By SIGKILL.
    Killed,
}

/// A server that runs.
#[derive(Debug)]
pub(crate) struct Server {
    kind: Kind,
    program: PathBuf,
    more: &'static str,
    started: Instant,
    process: Process,
    address: SocketAddr,
    folder: TempDir,
}

impl Server {
    /// Starts one with nothing in it, and waits until it answers.
    pub(crate) fn start(kind: Kind, program: &Path) -> anyhow::Result<Self> {
        Self::start_configured(kind, program, "")
    }

    /// As [`start`](Self::start); Weir with more lines of configuration.
    pub(crate) fn start_configured(kind: Kind, program: &Path, more: &'static str) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("weir-bench-").tempdir().context("a folder for a server")?;
        let (started, process, address) = launch(kind, program, more, folder.path())?;
        let mut server = Self { kind, program: program.to_owned(), more, started, process, address, folder };
        server.wait_until_ready()?;
        Ok(server)
    }

    /// Ends it as `end` says and starts it again on the same data. It need not be ready yet.
    pub(crate) fn again(self, end: End) -> anyhow::Result<Self> {
        let Self { kind, program, more, process, folder, .. } = self;
        match end {
            End::Clean => process.stop()?,
            End::Killed => drop(process),
        }
        let (started, process, address) = launch(kind, &program, more, folder.path())?;
        Ok(Self { kind, program, more, started, process, address, folder })
    }

    /// Ends it and starts it again on the same data.
    pub(crate) fn restart(self) -> anyhow::Result<Self> {
        let mut again = self.again(End::Clean)?;
        again.wait_until_ready()?;
        Ok(again)
    }

    fn wait_until_ready(&mut self) -> anyhow::Result<()> {
        let (address, ready) = (
            self.address,
            match self.kind {
                Kind::Weir => "/healthz",
                Kind::VictoriaMetrics => "/health",
                Kind::Prometheus => "/-/ready",
            },
        );
        self.process.wait_until(|| {
            let answer = Connection::open(address).and_then(|mut connection| connection.get(ready));
            answer.is_ok_and(|answer| answer.status == 200)
        })
    }

    /// Ends it; the bytes that it leaves on disk.
    pub(crate) fn stop(self) -> anyhow::Result<u64> {
        let Self { process, folder, .. } = self;
        process.stop()?;
        Ok(bytes_below(&folder.path().join(DATA)))
    }

    /// Since it was started last.
    pub(crate) fn running_for(&self) -> Duration {
        self.started.elapsed()
    }

    /// Which one.
    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// Where it listens for HTTP.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// A connection to it.
    pub(crate) fn connect(&self) -> anyhow::Result<Connection> {
        Connection::open(self.address)
    }

    /// What it has used.
    pub(crate) fn usage(&self) -> anyhow::Result<Usage> {
        self.process.usage()
    }

    /// Waits until it rests.
    pub(crate) fn wait_until_idle(&self) -> anyhow::Result<()> {
        self.process.wait_until_idle()
    }

    /// Brings everything onto disk in its final form, as far as the server can be told to, and says how much that is.
    pub(crate) fn settle(self) -> anyhow::Result<u64> {
        match self.kind {
            // Flushes when it ends; what it merges then happens while it runs.
            Kind::Weir => {
                let again = self.restart()?;
                again.wait_until_idle()?;
                again.stop()
            }
            Kind::VictoriaMetrics => {
                let mut connection = self.connect()?;
                connection.get("/internal/force_flush")?.ok()?;
                connection.get("/internal/force_merge")?.ok()?;
                self.wait_until_idle()?;
                self.stop()
            }
            Kind::Prometheus => self.stop(),
        }
    }

    /// What Weir says of itself on `/metrics`.
    pub(crate) fn gauge(&self, name: &str) -> anyhow::Result<u64> {
        let text = String::from_utf8(self.connect()?.get("/metrics")?.ok()?)?;
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse::<f64>().ok());
        Ok(value.with_context(|| format!("/metrics has no {name}"))? as u64)
    }

    /// The number that a PromQL query gives at `at` (seconds since the epoch); zero for no series.
    pub(crate) fn promql(&self, query: &str, at: i64) -> anyhow::Result<f64> {
        let path = format!("/api/v1/query?query={}&time={at}", escaped(query));
        let answer: serde_json::Value = serde_json::from_slice(&self.connect()?.get(&path)?.ok()?)?;
        let Some(first) = answer["data"]["result"].get(0) else { return Ok(0.0) };
        let value = first["value"][1].as_str().and_then(|value| value.parse().ok());
        value.with_context(|| format!("{query} was answered {answer}"))
    }
}

/// Where a server's data is, below its folder.
const DATA: &str = "data";

fn launch(kind: Kind, program: &Path, more: &str, folder: &Path) -> anyhow::Result<(Instant, Process, SocketAddr)> {
    let address = free_address()?;
    let arguments = match kind {
        Kind::Weir => weir::arguments(folder, address, more)?,
        Kind::VictoriaMetrics => victoria_metrics::arguments(folder, address),
        Kind::Prometheus => prometheus::arguments(folder, address)?,
    };
    let started = Instant::now();
    Ok((started, Process::start(program, &arguments, folder)?, address))
}

/// A loopback address that nobody listens at.
fn free_address() -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("looking for a free port")?;
    Ok(listener.local_addr()?)
}
