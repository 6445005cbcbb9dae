//! What a run came to.

mod rows;
mod table;

pub use table::{Delta, Entry, Table, TableError, compare};

use std::time::Duration;

use weir_model::{
    estate::Estate,
    id::{DomainId, GroupId, SiteId},
    time::UnixNanos,
};

use crate::traffic::Traffic;
pub use crate::{
    accounts::Account,
    control::ControlTally,
    fault_log::FaultRecord,
    tally::{Loss, PairTally, SiteTally},
};

/// The run itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// The scenario's name.
    pub name: String,
    /// The seed.
    pub seed: u64,
    /// When it began.
    pub starts: UnixNanos,
    /// How long it ran.
    pub duration: Duration,
    /// Probes played, one by one.
    pub probes: u64,
    /// What the controller did.
    pub control: ControlTally,
}

/// Traffic of one (client group, domain).
#[derive(Clone, Debug, PartialEq)]
pub struct PairResult {
    /// Whose.
    pub group: GroupId,
    /// For what.
    pub domain: DomainId,
    /// How much.
    pub tally: PairTally,
}

/// Traffic of one domain, against what was promised.
#[derive(Clone, Debug, PartialEq)]
pub struct DomainResult {
    /// Which.
    pub domain: DomainId,
    /// Promised availability, 0 to 1.
    pub slo: f64,
    /// How much.
    pub tally: PairTally,
}

/// Traffic of one site.
#[derive(Clone, Debug, PartialEq)]
pub struct SiteResult {
    /// Which.
    pub site: SiteId,
    /// What its edges can send together, in bits/s.
    pub capacity_bps: f64,
    /// How much.
    pub tally: SiteTally,
}

/// What a run came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The run itself.
    pub summary: Summary,
    /// Bills and standings, by contract, version and month.
    pub accounts: Vec<Account>,
    /// By domain.
    pub domains: Vec<DomainResult>,
    /// By client group and domain.
    pub pairs: Vec<PairResult>,
    /// By site with an edge.
    pub sites: Vec<SiteResult>,
    /// By time.
    pub faults: Vec<FaultRecord>,
}

impl Outcome {
    pub(crate) fn new(
        estate: &Estate,
        summary: Summary,
        accounts: Vec<Account>,
        traffic: &Traffic,
        faults: Vec<FaultRecord>,
    ) -> Self {
        let count = estate.domains.len();
        let pair = |(slot, tally): (usize, &PairTally)| PairResult {
            group: estate.groups[slot / count].id.clone(),
            domain: estate.domains[slot % count].id.clone(),
            tally: *tally,
        };
        let domain = |(index, domain): (usize, &weir_model::estate::Domain)| {
            let pairs = traffic.pairs().iter().skip(index).step_by(count);
            let tally = pairs.fold(PairTally::default(), PairTally::and);
            DomainResult { domain: domain.id.clone(), slo: domain.slo, tally }
        };
        let site = |site: weir_model::id::SiteOrd| SiteResult {
            site: estate.sites[site.index()].id.clone(),
            capacity_bps: estate.edge_capacity(site).0,
            tally: traffic.sites()[site.index()],
        };
        Self {
            summary,
            accounts,
            domains: estate.domains.iter().enumerate().map(domain).collect(),
            pairs: traffic.pairs().iter().enumerate().map(pair).collect(),
            sites: estate.edge_sites().map(site).collect(),
            faults,
        }
    }

    /// Traffic of all pairs together.
    pub fn total(&self) -> PairTally {
        self.domains.iter().fold(PairTally::default(), |sum, domain| sum.and(&domain.tally))
    }
}
