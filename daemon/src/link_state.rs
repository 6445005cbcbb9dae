//! A sink that also reads: what probes say of links goes to the controller.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use async_trait::async_trait;
use weir_collector::{
    clock,
    sink::{Sink, SinkError, Written},
};
use weir_model::{
    observation::{Batch, Column, Rows},
    time::UnixNanos,
    unit::Millis,
};

use crate::control::{Control, Input};

/// How old a probe may be to say how its link is now. A row has the time at which the probe was sent, so one
/// that is lost is as old as its timeout, some seconds; an agent then sends within a second, comes back after
/// a cut within two, and its clock may be off. What it spooled during an outage is history, for SQL.
const AGE_MAX: Duration = Duration::from_secs(30);

/// Probes of links that were older.
pub(crate) static STALE: AtomicU64 = AtomicU64::new(0);

/// Writes rows into the sink behind it, and tells the controller of the links in them.
#[derive(Debug)]
pub(crate) struct LinkState {
    behind: Arc<dyn Sink>,
    control: Control,
}

impl LinkState {
    /// In front of `behind`.
    pub(crate) fn new(behind: Arc<dyn Sink>, control: Control) -> Self {
        Self { behind, control }
    }
}

/// What a batch says of a link.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Measured {
    probes: u32,
    answered: u32,
    millis: f64,
}

impl Measured {
    /// One way, taken as half the round trip.
    fn latency(&self) -> Option<Millis> {
        (self.answered > 0).then(|| Millis(self.millis / f64::from(self.answered) / 2.0))
    }

    fn loss(&self) -> f64 {
        f64::from(self.probes - self.answered) / f64::from(self.probes.max(1))
    }
}

/// What the probes in a batch that are not too old at `now` say; how many are too old.
fn measured(batch: &[Rows], now: UnixNanos) -> (BTreeMap<&str, Measured>, u64) {
    let oldest = now.0.saturating_sub(AGE_MAX.as_nanos() as i64);
    let mut stale = 0;
    let mut links: BTreeMap<&str, Measured> = BTreeMap::new();
    for rows in batch.iter().filter(|rows| &*rows.table.name == "link_probe") {
        let Some((_, Column::F64(rtts))) = rows.fields.iter().find(|(name, _)| &**name == "rtt_ms") else { continue };
        for ((series, time), rtt) in rows.series.iter().zip(&rows.time).zip(rtts) {
            let labels = &rows.labels[*series as usize];
            if labels.get("target_kind") == "link" {
                if *time < oldest {
                    stale += 1;
                    continue;
                }
                let link = links.entry(labels.get("target")).or_default();
                link.probes += 1;
                link.answered += u32::from(rtt.is_some());
                link.millis += rtt.unwrap_or(0.0);
            }
        }
    }
    (links, stale)
}

#[async_trait]
impl Sink for LinkState {
    async fn write(&self, batch: Batch) -> Result<Written, SinkError> {
        let (links, stale) = measured(&batch.rows, clock::wall());
        STALE.fetch_add(stale, Relaxed);
        for (link, measured) in links {
            self.control.tell(Input::Link(link.to_owned(), measured.latency(), measured.loss())).await;
        }
        self.behind.write(batch).await
    }
}

#[cfg(test)]
mod tests {
    use weir_model::observation::{Labels, Row, TableName, merge};

    use super::*;

    #[test]
    fn links_are_averaged_nodes_and_what_is_old_left_out() {
        let now = UnixNanos(1_000_000_000_000);
        let row = |kind: &str, target: &str, seconds_old: i64, rtt: Option<f64>| {
            let labels = Labels::new([("target_kind", kind), ("target", target)]);
            let time = now.0 - seconds_old * 1_000_000_000;
            let mut rows = Row::new(TableName::metric("link_probe"), time, labels).f64("rtt_ms", 0.0).into_rows();
            rows.fields[0].1 = Column::F64(vec![rtt]);
            rows
        };
        let batch = merge([
            row("link", "l1", 0, Some(10.0)),
            row("link", "l1", 30, Some(20.0)),
            row("link", "l1", -1, None),
            row("node", "n1", 0, Some(1.0)),
            row("link", "l1", 31, Some(1_000.0)),
            row("link", "l2", 3_600, None),
        ]);
        let (links, stale) = measured(&batch, now);
        assert_eq!(stale, 2, "of an outage");
        assert_eq!(links.len(), 1);
        assert_eq!(links["l1"].latency(), Some(Millis(7.5)));
        assert!((links["l1"].loss() - 1.0 / 3.0).abs() < 1e-12);
    }
}
