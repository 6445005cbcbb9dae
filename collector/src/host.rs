//! What the host says of itself in `/proc`, one file per family, under the names that
//! prometheus-node-exporter gives, so that existing dashboards and rules fit.

use std::{io, sync::Arc, time::Duration};

use tokio::time::MissedTickBehavior;
use weir_model::{
    observation::{Labels, Rows},
    time::UnixNanos,
};

use self::samples::Samples;
use crate::{clock, counters::HOST_ROWS_LOST, sink::Sink};

mod cpu;
mod disk;
mod filesystem;
mod load;
mod memory;
mod network;
mod process;
mod samples;
mod sockets;
mod tcp;

/// Reads a family and appends its samples.
type Family = fn(&mut Samples<'_>) -> Result<(), ReadError>;

/// In the order in which their tables first appear; `node_scrape_collector_success` names them
/// as node-exporter names its collectors.
const FAMILIES: [(&str, Family); 9] = [
    ("stat", cpu::read),
    ("meminfo", memory::read),
    ("loadavg", load::read),
    ("diskstats", disk::read),
    ("filesystem", filesystem::read),
    ("netdev", network::read),
    ("netstat", tcp::read),
    ("sockstat", sockets::read),
    ("processes", process::read),
];

/// Why a family could not be read.
#[derive(Debug, thiserror::Error)]
enum ReadError {
    #[error(transparent)]
    Proc(#[from] procfs::ProcError),
    #[error("cannot read {path}: {source}")]
    Io { path: &'static str, source: io::Error },
    #[error("{path}, line {line}: not understood")]
    Malformed { path: &'static str, line: usize },
}

/// The text of a file under `/proc`.
fn text(path: &'static str) -> Result<String, ReadError> {
    std::fs::read_to_string(path).map_err(|source| ReadError::Io { path, source })
}

/// Reads all families, dated `at`, each sample with `labels` (which host this is). A family that
/// fails is missing, and `node_scrape_collector_success` is 0 for it.
///
/// Blocks: it opens a few files for every process and asks every file system for its size.
pub fn collect(at: UnixNanos, labels: &Labels) -> Vec<Rows> {
    let mut samples = Samples::new(at, labels);
    for (name, read) in FAMILIES {
        let result = read(&mut samples);
        if let Err(error) = &result {
            tracing::debug!(family = name, %error, "host metrics incomplete");
        }
        let success = f64::from(u8::from(result.is_ok()));
        samples.push("node_scrape_collector_success", &[("collector", name)], success);
    }
    samples.into_rows()
}

/// Collects into `sink` every `interval`, until the task is dropped. Rows that the sink does not
/// take are lost and counted: the next ones say more than old ones sent again.
pub async fn run(labels: Labels, interval: Duration, sink: Arc<dyn Sink>) {
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let labels = labels.clone();
        let Ok(rows) = tokio::task::spawn_blocking(move || collect(clock::wall(), &labels)).await else {
            return;
        };
        let count: usize = rows.iter().map(Rows::len).sum();
        match sink.write(rows.into()).await {
            Ok(written) => HOST_ROWS_LOST.add(written.rejected_rows()),
            Err(error) => {
                tracing::warn!(%error, "host metrics lost");
                HOST_ROWS_LOST.add(count as u64);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::recorder::Recorder;

    #[test]
    fn this_host_has_every_family() {
        let rows = collect(UnixNanos::from_secs(1), &Labels::new([("node", "n1")]));
        let has = |name: &str| rows.iter().any(|rows| &*rows.table.name == name && !rows.is_empty());
        for name in [
            "node_cpu_seconds_total",
            "node_memory_MemTotal_bytes",
            "node_load1",
            "node_network_receive_bytes_total",
            "node_netstat_Tcp_CurrEstab",
            "node_sockstat_TCP_inuse",
            "node_processes_pids",
        ] {
            assert!(has(name), "{name} is missing");
        }
        let of_node = |rows: &Rows| rows.labels.iter().all(|labels| labels.get("node") == "n1");
        assert!(rows.iter().all(|rows| of_node(rows) && rows.time.iter().all(|time| *time == 1_000_000_000)));
    }

    #[tokio::test]
    async fn the_loop_writes_into_the_sink() {
        let (sink, mut batches) = Recorder::new();
        let running = tokio::spawn(run(Labels::default(), Duration::from_millis(10), Arc::new(sink)));
        let batch = tokio::time::timeout(Duration::from_secs(10), batches.recv()).await.unwrap().unwrap();
        running.abort();
        assert!(batch.iter().any(|rows| &*rows.table.name == "node_load1"));
    }
}
