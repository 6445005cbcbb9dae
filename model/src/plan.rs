//! Plans: immutable, complete, numbered.
//!
//! A plan carries its own [`Directory`] (the ids, addresses and prefixes it speaks of), so that an
//! executor that runs apart needs nothing else to answer, also after its own restart. Ordinals
//! inside a plan index its directory.

mod directory;
mod fit;
mod report;

pub use directory::{Directory, DirectoryDomain, DirectoryGroup, DirectoryNode, DirectorySite};
pub use fit::Unfit;
pub use report::{AssignmentReport, Candidate, PlanReport, Unserved, Verdict};

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{
    id::{DomainOrd, GroupOrd, NodeOrd, SiteOrd},
    time::UnixNanos,
};

/// Shares are counted in millionths of a demand.
pub const SHARE_UNIT: u32 = 1_000_000;

/// A plan's number. Epochs rise with whoever takes the controller lease, generations with every
/// plan inside an epoch; executors refuse what is older than what they hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PlanNumber {
    /// Of the controller.
    pub epoch: u64,
    /// Within the epoch.
    pub generation: u64,
}

impl fmt::Display for PlanNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.epoch, self.generation)
    }
}

/// A part of a demand on a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// Who serves it.
    pub site: SiteOrd,
    /// How much of it, in [`SHARE_UNIT`]s.
    pub weight: u32,
}

/// Who serves the demand of one group for one domain.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignment {
    /// Ascending by site, weights above 0, together [`SHARE_UNIT`]; empty when nobody may serve it.
    pub shares: Vec<Share>,
    /// Where to go when sites of `shares` die, best first. Prepared, so that failover never waits
    /// for a solver.
    pub failover: Vec<SiteOrd>,
}

impl Assignment {
    /// The weight on `site`.
    pub fn weight_of(&self, site: SiteOrd) -> u32 {
        self.shares.iter().find(|share| share.site == site).map_or(0, |share| share.weight)
    }

    /// Shares from parts of any total: rounded to [`SHARE_UNIT`] by largest remainder, so that
    /// they add up exactly. Parts that are not positive are left out.
    pub fn shares_of(parts: impl IntoIterator<Item = (SiteOrd, f64)>) -> Vec<Share> {
        /// Below this a share is noise of the solver: a client group has fewer subnets than 1/share.
        const PART_MIN: f64 = 1e-5;
        let mut parts: Vec<(SiteOrd, f64)> = parts.into_iter().collect();
        parts.sort_by_key(|(site, _)| *site);
        let total: f64 = parts.iter().map(|(_, part)| part.max(0.0)).sum();
        parts.retain(|(_, part)| *part > total * PART_MIN);
        let total: f64 = parts.iter().map(|(_, part)| part).sum();
        let exact: Vec<f64> = parts.iter().map(|(_, part)| part / total * f64::from(SHARE_UNIT)).collect();
        let mut shares: Vec<Share> =
            parts.iter().zip(&exact).map(|((site, _), exact)| Share { site: *site, weight: *exact as u32 }).collect();
        let given: u32 = shares.iter().map(|share| share.weight).sum();
        let mut by_remainder: Vec<usize> = (0..shares.len()).collect();
        by_remainder.sort_by(|a, b| exact[*b].fract().total_cmp(&exact[*a].fract()).then(a.cmp(b)));
        for index in by_remainder.into_iter().take((SHARE_UNIT - given.min(SHARE_UNIT)) as usize) {
            shares[index].weight += 1;
        }
        shares
    }
}

/// A node path from an edge through mids to an origin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// Edge first, origin last.
    pub path: Vec<NodeOrd>,
}

/// The routes of one edge node for one domain, best first; the first is in use, the others are
/// prepared.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Routes {
    /// Best first.
    pub routes: Vec<Route>,
}

/// Why a plan was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reason {
    /// The slow loop found better shares.
    Planned,
    /// A step of moving from one planned state to another.
    Ramp,
    /// Something died or came back; the findings' numbers.
    Failover(Vec<u64>),
    /// An operator asked.
    Operator(String),
}

impl Reason {
    /// The reason's name, as in SQL.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Ramp => "ramp",
            Self::Failover(_) => "failover",
            Self::Operator(_) => "operator",
        }
    }
}

/// An immutable, numbered set of assignments, routes and ordered failover lists.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Its number.
    pub number: PlanNumber,
    /// The plan it was derived from.
    pub parent: Option<PlanNumber>,
    /// When it was made.
    pub made_at: UnixNanos,
    /// Why.
    pub reason: Reason,
    /// What its ordinals mean.
    pub directory: Arc<Directory>,
    /// `assignments[group * domains + domain]`; shared with the parent where unchanged.
    pub assignments: Vec<Arc<Assignment>>,
    /// `routes[edge * domains + domain]`, `edge` counting the directory's nodes of role edge.
    pub routes: Vec<Arc<Routes>>,
    /// Nodes that must not be used, ascending.
    pub out_of_service: Vec<NodeOrd>,
}

impl Plan {
    /// The row of `assignments` for a demand.
    pub fn slot(&self, group: GroupOrd, domain: DomainOrd) -> usize {
        group.index() * self.directory.domains.len() + domain.index()
    }

    /// Who serves a demand.
    pub fn assignment(&self, group: GroupOrd, domain: DomainOrd) -> &Assignment {
        &self.assignments[self.slot(group, domain)]
    }

    /// The routes of an edge node for a domain; `None` for a node of another role.
    pub fn routes_of(&self, edge: NodeOrd, domain: DomainOrd) -> Option<&Routes> {
        let row = self.directory.edge_row(edge)?;
        self.routes.get(row * self.directory.domains.len() + domain.index()).map(Arc::as_ref)
    }

    /// Whether `node` may be used.
    pub fn in_service(&self, node: NodeOrd) -> bool {
        self.out_of_service.binary_search(&node).is_err()
    }

    /// How many (group, domain) pairs are split between sites.
    pub fn split_pairs(&self) -> usize {
        self.assignments.iter().filter(|assignment| assignment.shares.len() > 1).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up_exactly() {
        let thirds =
            Assignment::shares_of([(SiteOrd(2), 1.0), (SiteOrd(0), 1.0), (SiteOrd(1), 1.0), (SiteOrd(3), 1e-9)]);
        let weights: Vec<(u32, u32)> = thirds.iter().map(|share| (share.site.0, share.weight)).collect();
        assert_eq!(weights, [(0, 333_334), (1, 333_333), (2, 333_333)]);
        assert!(Assignment::shares_of([]).is_empty());
        assert!(Assignment::shares_of([(SiteOrd(0), 0.0)]).is_empty());
    }
}
