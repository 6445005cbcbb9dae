//! One server takes everything in.

use std::path::{Path, PathBuf};

use anyhow::ensure;

use crate::{
    sender::{self, Orders, Sent},
    server::{Kind, Server},
};

/// What is sent, and what must be there afterwards.
#[derive(Debug)]
pub(super) struct Load {
    /// Path and query.
    pub(super) path: &'static str,
    /// Header lines.
    pub(super) headers: &'static [&'static str],
    /// Bodies, one file for each sender.
    pub(super) files: Vec<PathBuf>,
    /// Values in them.
    pub(super) values: u64,
}

/// What it took a server.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taken {
    /// The server.
    pub(super) kind: Kind,
    /// What was sent: until the last acknowledgement.
    pub(super) sent: Sent,
    /// CPU seconds until the last acknowledgement.
    pub(super) cpu_s_acknowledged: f64,
    /// CPU seconds until it rested.
    pub(super) cpu_s: f64,
    /// The most memory it held.
    pub(super) peak_bytes: u64,
    /// Bytes on disk, settled.
    pub(super) disk_bytes: u64,
    /// Values taken in.
    pub(super) values: u64,
}

impl Taken {
    /// Values for a CPU second.
    pub(super) fn values_per_cpu_s(&self) -> f64 {
        self.values as f64 / self.cpu_s
    }

    /// Bytes on disk of a value.
    pub(super) fn bytes_per_value(&self) -> f64 {
        self.disk_bytes as f64 / self.values as f64
    }
}

/// Sends `load` to a new server, counts what it stored with `count`, and ends it.
pub(super) fn measure(
    kind: Kind,
    program: &Path,
    load: &Load,
    count: impl Fn(&Server) -> anyhow::Result<u64>,
) -> anyhow::Result<Taken> {
    let server = Server::start(kind, program)?;
    let begun = server.usage()?;
    let sent = sender::send(&Orders {
        address: server.address(),
        path: load.path.to_owned(),
        headers: load.headers.iter().map(|&header| header.to_owned()).collect(),
        files: load.files.clone(),
    })?;
    let acknowledged = server.usage()?;
    server.wait_until_idle()?;
    let rested = server.usage()?;
    let stored = count(&server)?;
    ensure!(stored == load.values, "{} stored {stored} of {} values", kind.name(), load.values);
    let taken = Taken {
        kind,
        sent,
        cpu_s_acknowledged: acknowledged.cpu_s - begun.cpu_s,
        cpu_s: rested.cpu_s - begun.cpu_s,
        peak_bytes: rested.peak_bytes,
        disk_bytes: server.settle()?,
        values: load.values,
    };
    print(&taken);
    Ok(taken)
}

/// All of them, or the first error.
pub(super) fn all<const N: usize>(taken: [anyhow::Result<Taken>; N]) -> anyhow::Result<[Taken; N]> {
    let taken: Vec<Taken> = taken.into_iter().collect::<anyhow::Result<_>>()?;
    taken.try_into().map_err(|_| anyhow::anyhow!("there are as many as before"))
}

/// One line for each server: what the targets do not say.
#[allow(clippy::print_stdout, reason = "the bench's result")]
fn print(taken: &Taken) {
    println!(
        "{:<16} {:>6.1} s wall {:>10.0} values/s {:>6.2} CPU-s (acknowledged at {:.2}) {:>10.0} values/CPU-s \
         {:>6.0} MiB peak {:>5.2} bytes/value, {} requests of {:.0} KB, {} sent again",
        taken.kind.name(),
        taken.sent.wall_s,
        taken.values as f64 / taken.sent.wall_s,
        taken.cpu_s,
        taken.cpu_s_acknowledged,
        taken.values_per_cpu_s(),
        taken.peak_bytes as f64 / f64::from(1 << 20),
        taken.bytes_per_value(),
        taken.sent.requests,
        taken.sent.bytes as f64 / taken.sent.requests as f64 / 1e3,
        taken.sent.retries,
    );
}
