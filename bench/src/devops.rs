//! TSBS's data set "devops, cpu-only" (github.com/timescale/tsbs), made anew from its description: hosts with ten tags
//! report ten fields every ten seconds. Each field is a random walk with steps of N(0, 1), held within 0 and 100 and
//! written as an integer.
//!
//! Every host draws from a stream of its own, so hosts may be written in any order.

mod csv;
mod host;
mod line_protocol;

use std::path::{Path, PathBuf};

use crate::bodies;

pub(crate) use csv::write as write_csv;
pub(crate) use host::{FIELDS, TAGS, name as host_name};

/// Between two rows of a host.
const INTERVAL_S: i64 = 10;
/// Where every stream of random numbers begins.
pub(crate) const SEED: u64 = 123;
/// Lines of a request: 5,000 x 330 bytes are 1.6 MB, between Telegraf's 1,000 and TSBS's 10,000.
const LINES_PER_BODY: usize = 5_000;

/// How large a set is, and when it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    /// Hosts.
    pub(crate) hosts: usize,
    /// How long they report.
    pub(crate) hours: i64,
    /// After the last row, in seconds since the epoch.
    pub(crate) end: i64,
}

impl Size {
    /// This many hosts for this long, until the last full hour: stores refuse what is too old, or in the future.
    pub(crate) fn until_now(hosts: usize, hours: i64) -> Self {
        let now = jiff::Timestamp::now().as_second();
        Self { hosts, hours, end: now - now % 3_600 }
    }

    /// The first row, in seconds since the epoch.
    pub(crate) fn start(self) -> i64 {
        self.end - self.hours * 3_600
    }

    /// Times of a host.
    pub(crate) fn times(self) -> impl Iterator<Item = i64> {
        (self.start()..self.end).step_by(INTERVAL_S as usize)
    }

    /// Rows of all hosts.
    pub(crate) fn rows(self) -> u64 {
        self.hosts as u64 * (self.hours * 3_600 / INTERVAL_S).unsigned_abs()
    }

    /// Values of all rows.
    pub(crate) fn values(self) -> u64 {
        self.rows() * FIELDS.len() as u64
    }
}

/// Writes the set as requests of line protocol, one file for each sender; a host is one sender's.
pub(crate) fn write_bodies(size: Size, senders: usize, folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    bodies::write_for_senders(folder, senders, |sender, bodies| {
        let mut hosts: Vec<host::Host> = (sender..size.hosts).step_by(senders).map(host::Host::new).collect();
        let (mut body, mut lines) = (Vec::new(), 0);
        for time in size.times() {
            for host in &mut hosts {
                line_protocol::write(&mut body, host, time);
                lines += 1;
                if lines == LINES_PER_BODY {
                    bodies.write(&body)?;
                    (body, lines) = (Vec::with_capacity(body.len() + 4_096), 0);
                }
                host.step();
            }
        }
        if lines > 0 { bodies.write(&body) } else { Ok(()) }
    })
}

#[cfg(test)]
mod tests;
