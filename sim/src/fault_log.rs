//! What became of each fault: when it was noticed, when answers changed, when the losing ended.

use std::time::Duration;

use weir_model::{id::NodeOrd, time::Mono};

use crate::{scenario::fault::Fault, traffic::Blame};

/// A plan within this span of a verdict is taken to follow from it: a failover comes at once, a
/// plan for something degraded after the controller's half second of gathering.
const FOLLOWS_WITHIN: Duration = Duration::from_secs(1);

/// What became of a fault.
#[derive(Clone, Debug, PartialEq)]
pub struct FaultRecord {
    /// What was done.
    pub fault: Fault,
    /// Until the vantages' verdict on the node changed.
    pub detected: Option<Duration>,
    /// Until executors answered by a plan that follows from the verdict.
    pub switched: Option<Duration>,
    /// Until the last request was lost on account of it; zero when none was, `None` when they
    /// still are at the end.
    pub recovered: Option<Duration>,
    /// Requests lost on account of it, until something else is done to the node.
    pub lost: f64,
}

/// The records being written.
#[derive(Debug, Default)]
pub(crate) struct FaultLog {
    records: Vec<FaultRecord>,
    /// When each happened.
    at: Vec<Mono>,
}

impl FaultLog {
    /// A fault happened at `now`. `blame` is what its node lost since the fault before it.
    pub(crate) fn open(&mut self, fault: &Fault, blame: Option<Blame>, now: Mono) {
        if let (Some(node), Some(blame)) = (fault.action.node(), blame) {
            // It ends here, whatever is lost later is on the account of this fault.
            self.settle(node, blame, None);
        }
        self.at.push(now);
        self.records.push(FaultRecord {
            fault: fault.clone(),
            detected: None,
            switched: None,
            recovered: None,
            lost: 0.0,
        });
    }

    /// The latest fault of a node.
    fn latest(&self, node: NodeOrd) -> Option<usize> {
        self.records.iter().rposition(|record| record.fault.action.node() == Some(node))
    }

    /// The verdict on a node changed at `now`.
    pub(crate) fn noticed(&mut self, node: NodeOrd, now: Mono) {
        if let Some(index) = self.latest(node) {
            let since = now.since(self.at[index]);
            self.records[index].detected.get_or_insert(since);
        }
    }

    /// A plan made at `made` is applied at `now`.
    pub(crate) fn switched(&mut self, made: Mono, now: Mono) {
        for (record, at) in self.records.iter_mut().zip(&self.at) {
            let Some(detected) = record.detected.map(|after| *at + after) else { continue };
            if record.switched.is_none() && detected <= made && made.since(detected) <= FOLLOWS_WITHIN {
                record.switched = Some(now.since(*at));
            }
        }
    }

    /// What was lost on account of the latest fault of `node`. `end` is given when the run is over:
    /// who loses until then has not recovered.
    pub(crate) fn settle(&mut self, node: NodeOrd, blame: Blame, end: Option<Mono>) {
        let Some(index) = self.latest(node) else { return };
        let record = &mut self.records[index];
        record.lost += blame.requests;
        record.recovered = match blame.until {
            Some(until) if Some(until) == end => None,
            Some(until) => Some(until.since(self.at[index])),
            None => Some(Duration::ZERO),
        };
    }

    /// Nodes that something was done to.
    pub(crate) fn nodes(&self) -> Vec<NodeOrd> {
        let mut nodes: Vec<NodeOrd> = self.records.iter().filter_map(|record| record.fault.action.node()).collect();
        nodes.sort_unstable();
        nodes.dedup();
        nodes
    }

    pub(crate) fn into_records(self) -> Vec<FaultRecord> {
        self.records
    }
}
