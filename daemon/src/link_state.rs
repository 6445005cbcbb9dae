//! A sink that also reads: what probes say of links goes to the controller.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use weir_collector::sink::{Sink, SinkError, Written};
use weir_model::{
    observation::{Column, Rows},
    unit::Millis,
};

use crate::control::{Control, Input};

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

fn measured(batch: &[Rows]) -> BTreeMap<&str, Measured> {
    let mut links: BTreeMap<&str, Measured> = BTreeMap::new();
    for rows in batch.iter().filter(|rows| &*rows.table.name == "link_probe") {
        let Some((_, Column::F64(rtts))) = rows.fields.iter().find(|(name, _)| &**name == "rtt_ms") else { continue };
        for (series, rtt) in rows.series.iter().zip(rtts) {
            let labels = &rows.labels[*series as usize];
            if labels.get("target_kind") == "link" {
                let link = links.entry(labels.get("target")).or_default();
                link.probes += 1;
                link.answered += u32::from(rtt.is_some());
                link.millis += rtt.unwrap_or(0.0);
            }
        }
    }
    links
}

#[async_trait]
impl Sink for LinkState {
    async fn write(&self, batch: Vec<Rows>) -> Result<Written, SinkError> {
        for (link, measured) in measured(&batch) {
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
    fn links_are_averaged_and_nodes_left_out() {
        let row = |kind: &str, target: &str, rtt: Option<f64>| {
            let labels = Labels::new([("target_kind", kind), ("target", target)]);
            let mut rows = Row::new(TableName::metric("link_probe"), 1, labels).f64("rtt_ms", 0.0).into_rows();
            rows.fields[0].1 = Column::F64(vec![rtt]);
            rows
        };
        let batch = merge([
            row("link", "l1", Some(10.0)),
            row("link", "l1", Some(20.0)),
            row("link", "l1", None),
            row("node", "n1", Some(1.0)),
        ]);
        let links = measured(&batch);
        assert_eq!(links.len(), 1);
        assert_eq!(links["l1"].latency(), Some(Millis(7.5)));
        assert!((links["l1"].loss() - 1.0 / 3.0).abs() < 1e-12);
    }
}
