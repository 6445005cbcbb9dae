//! Failover: a plan derived from a plan when something dies, without a solver.
//!
//! The derived plan is a pure function of the base plan and of what is out of service, so the
//! return of a node is the same function with a smaller set, and nothing is remembered in between.
//! Every demand follows its prepared list, most important domains first, as far as the survivors'
//! capacity goes; what finds no room overloads the best survivor and is reported, because an
//! overloaded site answers some and a dead one nobody. A site that lost some of its edges keeps
//! what the others can serve, of the most important domains first.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use weir_model::{
    estate::{Estate, Role},
    id::{NodeOrd, SiteOrd},
    plan::{Assignment, Routes, SHARE_UNIT},
};

/// What must not be used.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outage {
    /// Nodes that are down or drained.
    pub nodes: BTreeSet<NodeOrd>,
    /// Pairs of nodes all of whose links, from the first to the second, are down.
    pub hops: BTreeSet<(NodeOrd, NodeOrd)>,
}

/// What the derivation starts from.
#[derive(Clone, Copy, Debug)]
pub struct Base<'a> {
    /// Per slot.
    pub assignments: &'a [Arc<Assignment>],
    /// Per edge row and domain.
    pub routes: &'a [Arc<Routes>],
}

/// What the derivation did.
#[derive(Clone, Debug, Default, PartialEq)]
#[must_use = "a failover's report says what it could not save"]
pub struct FailoverReport {
    /// Slots whose shares differ from the base's, ascending.
    pub moved: Vec<usize>,
    /// Mbit/s that left dead sites.
    pub moved_mbps: f64,
    /// Sites given more than they can serve, with the excess in Mbit/s.
    pub overloaded: Vec<(SiteOrd, f64)>,
    /// Slots none of whose sites lives: answered as before, because nothing better is known.
    pub stranded: Vec<usize>,
}

/// A derived plan without number.
#[derive(Clone, Debug)]
pub struct Derived {
    /// Per slot; shared with the base where unchanged.
    pub assignments: Vec<Arc<Assignment>>,
    /// Per edge row and domain; shared with the base where unchanged.
    pub routes: Vec<Arc<Routes>>,
    /// What was done.
    pub report: FailoverReport,
}

/// Derives from `base` the plan for `outage`. `demand` is Mbit/s per slot.
pub fn derive(estate: &Estate, base: Base<'_>, outage: &Outage, demand: &[f64]) -> Derived {
    let capacity = serving_capacity(estate, &outage.nodes);
    let mut survivors = Survivors::new(base.assignments, demand, &capacity);
    let homeless = homeless(estate, base.assignments, &outage.nodes, demand, &mut survivors);
    let mut report = FailoverReport::default();
    let mut assignments = base.assignments.to_vec();
    for slot in by_priority(estate, homeless.keys().copied()) {
        let assignment = &base.assignments[slot];
        let leaving = &homeless[&slot];
        let leaving_of = |site| leaving.iter().find(|(from, _)| *from == site).map_or(0.0, |(_, weight)| *weight);
        let mut parts: Vec<(SiteOrd, f64)> =
            assignment.shares.iter().map(|s| (s.site, f64::from(s.weight) - leaving_of(s.site))).collect();
        parts.retain(|(_, weight)| *weight > 0.0);
        let weight: f64 = leaving.iter().map(|(_, weight)| weight).sum();
        let mbps = demand[slot] * weight / f64::from(SHARE_UNIT);
        let refuges = survivors.house(&assignment.failover, mbps);
        if refuges.is_empty() && parts.is_empty() {
            report.stranded.push(slot);
            continue;
        }
        for (site, part) in refuges {
            match parts.iter_mut().find(|(known, _)| *known == site) {
                Some((_, known)) => *known += part * weight,
                None => parts.push((site, part * weight)),
            }
        }
        let shares = Assignment::shares_of(parts);
        // Users of a site that lost an edge stay when nobody else has room either.
        if shares != assignment.shares {
            report.moved.push(slot);
            report.moved_mbps += mbps;
            assignments[slot] = Arc::new(Assignment { shares, failover: assignment.failover.clone() });
        }
    }
    report.moved.sort_unstable();
    report.stranded.sort_unstable();
    report.overloaded = survivors.overloaded();
    Derived { assignments, routes: live_routes(base.routes, outage), report }
}

/// Per slot that must move, ascending: the sites it leaves, each with the weight that leaves it.
type Homeless = BTreeMap<usize, Vec<(SiteOrd, f64)>>;

/// Who must move: everybody off sites without an edge in service, and off those that lost some of
/// theirs whoever the others cannot serve, the least important first. What leaves is taken off the
/// survivors' load.
fn homeless(
    estate: &Estate,
    assignments: &[Arc<Assignment>],
    out: &BTreeSet<NodeOrd>,
    demand: &[f64],
    survivors: &mut Survivors<'_>,
) -> Homeless {
    let mut homeless = Homeless::new();
    let edges = out.iter().map(|node| &estate.nodes[node.index()]).filter(|node| node.role == Role::Edge);
    let hurt: BTreeSet<SiteOrd> = edges.map(|node| node.site).collect();
    if hurt.is_empty() {
        return homeless;
    }
    let on_hurt = |slot: &usize| assignments[*slot].shares.iter().any(|share| hurt.contains(&share.site));
    let mut slots = by_priority(estate, (0..assignments.len()).filter(on_hurt));
    slots.reverse();
    for slot in slots {
        for share in assignments[slot].shares.iter().filter(|share| hurt.contains(&share.site)) {
            let (site, weight) = (share.site, f64::from(share.weight));
            let leaves = match survivors.capacity[site.index()] {
                None => weight,
                Some(capacity) => {
                    let mbps = demand[slot] * weight / f64::from(SHARE_UNIT);
                    let load = &mut survivors.load[site.index()];
                    let leaves = (*load - capacity).clamp(0.0, mbps);
                    *load -= leaves;
                    if leaves > 0.0 { weight * leaves / mbps } else { 0.0 }
                }
            };
            if leaves > 0.0 {
                homeless.entry(slot).or_default().push((site, leaves));
            }
        }
    }
    homeless
}

/// Per site: what its edges in service can serve, in Mbit/s; `None` when none is.
pub fn serving_capacity(estate: &Estate, out: &BTreeSet<NodeOrd>) -> Vec<Option<f64>> {
    let of = |site| {
        let mut edges = estate.nodes_at(site, Role::Edge).filter(|node| !out.contains(node)).peekable();
        edges.peek()?;
        Some(edges.map(|node| estate.nodes[node.index()].capacity.mbps()).sum())
    };
    (0..estate.sites.len()).map(SiteOrd::of).map(of).collect()
}

/// Slots, most important domains first.
fn by_priority(estate: &Estate, slots: impl Iterator<Item = usize>) -> Vec<usize> {
    let mut slots: Vec<usize> = slots.collect();
    let priority = |slot: usize| estate.domains[slot % estate.domains.len()].priority;
    slots.sort_by_key(|slot| (std::cmp::Reverse(priority(*slot)), *slot));
    slots
}

/// Routes without the dead, order kept. A list that would become empty is kept: an edge that
/// tries a dead route loses nothing against having none.
fn live_routes(base: &[Arc<Routes>], outage: &Outage) -> Vec<Arc<Routes>> {
    let lives = |path: &[NodeOrd]| {
        let node_lives = |node: &NodeOrd| !outage.nodes.contains(node);
        let hop_lives = |hop: &[NodeOrd]| !outage.hops.contains(&(hop[0], hop[1]));
        path.iter().skip(1).all(node_lives) && path.windows(2).all(hop_lives)
    };
    base.iter()
        .map(|routes| {
            let living: Vec<_> = routes.routes.iter().filter(|route| lives(&route.path)).cloned().collect();
            if living.is_empty() || living.len() == routes.routes.len() {
                Arc::clone(routes)
            } else {
                Arc::new(Routes { routes: living })
            }
        })
        .collect()
}

/// Room on the sites that live.
#[derive(Debug)]
struct Survivors<'a> {
    capacity: &'a [Option<f64>],
    load: Vec<f64>,
}

impl<'a> Survivors<'a> {
    fn new(assignments: &[Arc<Assignment>], demand: &[f64], capacity: &'a [Option<f64>]) -> Self {
        Self { capacity, load: crate::planner::loads(capacity.len(), assignments, demand) }
    }

    /// Parts (adding up to 1) of `mbps` over the living sites of `list`, in its order, each as far
    /// as it has room; the rest goes to the one that is relatively least loaded.
    fn house(&mut self, list: &[SiteOrd], mbps: f64) -> Vec<(SiteOrd, f64)> {
        let mut parts = Vec::new();
        let mut left = mbps;
        let living: Vec<(SiteOrd, f64)> =
            list.iter().filter_map(|site| Some((*site, self.capacity[site.index()]?))).collect();
        for (site, capacity) in &living {
            let load = &mut self.load[site.index()];
            let taken = (capacity - *load).clamp(0.0, left);
            if taken > 0.0 || (mbps == 0.0 && parts.is_empty()) {
                *load += taken;
                left -= taken;
                parts.push((*site, if mbps > 0.0 { taken / mbps } else { 1.0 }));
            }
            if left <= 0.0 {
                return parts;
            }
        }
        let relative = |(site, capacity): &(SiteOrd, f64)| self.load[site.index()] / capacity.max(f64::MIN_POSITIVE);
        let Some((site, _)) = living.iter().min_by(|a, b| relative(a).total_cmp(&relative(b))) else { return parts };
        self.load[site.index()] += left;
        match parts.iter_mut().find(|(known, _)| known == site) {
            Some((_, part)) => *part += left / mbps,
            None => parts.push((*site, left / mbps)),
        }
        parts
    }

    fn overloaded(&self) -> Vec<(SiteOrd, f64)> {
        let excess = |(index, load): (usize, &f64)| {
            let over = load - self.capacity[index]?;
            (over > 1e-9).then(|| (SiteOrd::of(index), over))
        };
        self.load.iter().enumerate().filter_map(excess).collect()
    }
}

#[cfg(test)]
mod tests;
