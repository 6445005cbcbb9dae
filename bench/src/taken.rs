//! What it takes a server to take everything in.

use std::path::Path;

use anyhow::ensure;

use crate::{
    load::Load,
    outcome::say,
    sender::Sent,
    server::{Kind, Server},
};

/// What it took a server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taken {
    /// The server.
    pub(crate) kind: Kind,
    /// What was sent: until the last acknowledgement.
    pub(crate) sent: Sent,
    /// CPU seconds until the last acknowledgement.
    pub(crate) cpu_s_acknowledged: f64,
    /// CPU seconds until it rested.
    pub(crate) cpu_s: f64,
    /// The most memory it held.
    pub(crate) peak_bytes: u64,
    /// Bytes on disk, where it has settled.
    pub(crate) disk_bytes: Option<u64>,
    /// Values taken in.
    pub(crate) values: u64,
}

impl Taken {
    /// Values for a CPU second.
    pub(crate) fn values_per_cpu_s(&self) -> f64 {
        self.values as f64 / self.cpu_s
    }

    /// Bytes on disk of a value.
    pub(crate) fn bytes_per_value(&self) -> Option<f64> {
        self.disk_bytes.map(|bytes| bytes as f64 / self.values as f64)
    }

    /// The most memory it held.
    pub(crate) fn peak_mib(&self) -> f64 {
        self.peak_bytes as f64 / f64::from(1 << 20)
    }
}

/// Sends `load` to a new server, counts what it stored with `count`, and ends it.
pub(crate) fn measure(
    kind: Kind,
    program: &Path,
    load: &Load,
    count: impl Fn(&Server) -> anyhow::Result<u64>,
) -> anyhow::Result<Taken> {
    let server = Server::start(kind, program)?;
    let mut taken = take_in(&server, load, count)?;
    taken.disk_bytes = Some(server.settle()?);
    print(&taken);
    Ok(taken)
}

/// Sends `load` to `server`, waits until it rests, and counts what it stored with `count`.
pub(crate) fn take_in(
    server: &Server,
    load: &Load,
    count: impl Fn(&Server) -> anyhow::Result<u64>,
) -> anyhow::Result<Taken> {
    let begun = server.usage()?;
    let sent = load.send(server)?;
    let acknowledged = server.usage()?;
    server.wait_until_idle()?;
    let rested = server.usage()?;
    let (stored, kind) = (count(server)?, server.kind());
    ensure!(stored == load.values, "{} stored {stored} of {} values", kind.name(), load.values);
    Ok(Taken {
        kind,
        sent,
        cpu_s_acknowledged: acknowledged.cpu_s - begun.cpu_s,
        cpu_s: rested.cpu_s - begun.cpu_s,
        peak_bytes: rested.peak_bytes,
        disk_bytes: None,
        values: load.values,
    })
}

/// All of them, or the first error.
pub(crate) fn all<const N: usize>(taken: [anyhow::Result<Taken>; N]) -> anyhow::Result<[Taken; N]> {
    let taken: Vec<Taken> = taken.into_iter().collect::<anyhow::Result<_>>()?;
    taken.try_into().map_err(|_| anyhow::anyhow!("there are as many as before"))
}

/// One line for each server: what the targets do not say.
pub(crate) fn print(taken: &Taken) {
    let disk = taken.bytes_per_value().map_or_else(String::new, |bytes| format!(" {bytes:.2} bytes/value"));
    say(&format!(
        "{:<16} {:>6.1} s wall {:>10.0} values/s {:>6.2} CPU-s (acknowledged at {:.2}) {:>10.0} values/CPU-s \
         {:>6.0} MiB peak{disk}, {} requests of {:.0} KB, {} sent again",
        taken.kind.name(),
        taken.sent.wall_s,
        taken.values as f64 / taken.sent.wall_s,
        taken.cpu_s,
        taken.cpu_s_acknowledged,
        taken.values_per_cpu_s(),
        taken.peak_mib(),
        taken.sent.requests,
        taken.sent.bytes as f64 / taken.sent.requests as f64 / 1e3,
        taken.sent.retries,
    ));
}
