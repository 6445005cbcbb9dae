//! From the world to a plan: state the problem, have it solved elsewhere, read the solution.

use std::sync::Arc;

use weir_model::{
    estate::Role,
    id::{DomainOrd, GroupOrd, NodeOrd, SiteOrd},
    money::Currency,
    plan::{Assignment, AssignmentReport, Candidate, PlanReport, Routes, Unserved, Verdict},
    unit::Bps,
};

use crate::{
    candidates::{World, latency, ruled_out, too_far},
    cost::{self, Segment},
    policy::{FAR_PRICE, Policy, UNSERVED_PRICE},
    problem::{self, Demand, Problem, Solution},
    routes,
};

/// A demand of nothing is planned as this many Mbit/s, so that its first request is answered as
/// well as its thousandth: small enough to displace nobody (1,000 of them are 1 Mbit/s).
const DEMAND_FLOOR_MBPS: f64 = 1e-3;
/// What a degraded site costs more, per Mbit/s: left for any other that is near, never for a far one.
const DEGRADED_PRICE: f64 = 1e3;
/// A share of a demand below which it is reported as not chosen.
const CHOSEN_MIN: f64 = 1e-6;

/// A stated problem, with what is needed to read its solution.
#[derive(Clone, Debug)]
pub struct Stated {
    /// For the solver.
    pub problem: Problem,
    /// Routes by measured link state, `[edge row * domains + domain]`.
    pub routes: Vec<Arc<Routes>>,
    /// Per slot: what rules each edge site out.
    ruled_out: Vec<Vec<(SiteOrd, Option<Verdict>)>>,
    /// Per slot: its Mbit/s.
    demand: Vec<f64>,
}

/// A plan without number: what to publish, and why.
#[derive(Clone, Debug)]
#[must_use = "a draft is to be checked and published"]
pub struct Draft {
    /// Per slot.
    pub assignments: Vec<Arc<Assignment>>,
    /// Per edge row and domain.
    pub routes: Vec<Arc<Routes>>,
    /// Why.
    pub report: PlanReport,
}

/// States the assignment problem of `world`.
pub fn state(world: &World<'_>, policy: &Policy, number: u64) -> Stated {
    let routes = routes::compute(world);
    let back_origin = back_origin_prices(world, policy, &routes);
    let mut demands = Vec::new();
    let mut ruled_out = Vec::new();
    let mut mbps = Vec::new();
    for group in (0..world.estate.groups.len()).map(GroupOrd::of) {
        for domain in (0..world.estate.domains.len()).map(DomainOrd::of) {
            let candidates = candidates_of(world, &routes, group, domain);
            let wanted = world.demand_of(group, domain).mbps().max(DEMAND_FLOOR_MBPS);
            demands.push(demand(world, policy, &back_origin, group, domain, wanted, &candidates));
            ruled_out.push(candidates);
            mbps.push(wanted);
        }
    }
    let sites = (0..world.estate.sites.len()).map(|site| self::site(world, policy, SiteOrd::of(site))).collect();
    let iterations_max = policy.iterations_max;
    let problem = Problem { number, demands, sites, unserved_price: UNSERVED_PRICE, iterations_max };
    Stated { problem, routes, ruled_out, demand: mbps }
}

/// Reads the solution of a stated problem.
pub fn draft(world: &World<'_>, policy: &Policy, stated: Stated, solution: &Solution) -> Draft {
    let mut report = PlanReport { objective: solution.objective, ..PlanReport::default() };
    let loads = site_flows(&stated.problem, solution);
    let mut assignments = Vec::new();
    for (slot, demand) in stated.problem.demands.iter().enumerate() {
        let group = GroupOrd::of(slot / world.estate.domains.len());
        let domain = DomainOrd::of(slot % world.estate.domains.len());
        let parts = demand.arcs.iter().zip(&solution.flows[slot]).map(|(arc, flow)| (SiteOrd::of(arc.site), *flow));
        let mut shares = Assignment::shares_of(parts);
        let mut failover: Vec<(f64, SiteOrd)> = demand
            .arcs
            .iter()
            .zip(&solution.marginal[slot])
            .map(|(arc, price)| (*price, SiteOrd::of(arc.site)))
            .collect();
        failover.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        if shares.is_empty() {
            // Nothing of it found a place: the best site is overloaded rather than the users refused.
            shares = Assignment::shares_of(failover.first().map(|(_, site)| (*site, 1.0)));
        }
        report.unserved.extend(unserved(world, &stated, solution, slot, group, domain));
        report.assignments.push(explain(world, &stated, solution, &loads, slot, group, domain));
        let failover = failover.into_iter().map(|(_, site)| site).collect();
        assignments.push(Arc::new(Assignment { shares, failover }));
    }
    report.cost = money(world, policy, &assignments, &stated.demand);
    Draft { assignments, routes: stated.routes, report }
}

/// The monthly cost of assignments by the sites' own curves, in the accounting currency.
pub fn money(world: &World<'_>, policy: &Policy, assignments: &[Arc<Assignment>], demand: &[f64]) -> f64 {
    let loads = loads(world.estate.sites.len(), assignments, demand);
    let cost_of = |(index, load): (usize, &f64)| {
        let mut left = *load;
        let mut sum = 0.0;
        for segment in site_curve(world, policy, SiteOrd::of(index)) {
            let part = left.min(segment.width);
            sum += part * segment.price;
            left -= part;
        }
        sum
    };
    loads.iter().enumerate().map(cost_of).sum()
}

/// What assignments are worth to the slow loop: money, and the price of their latency.
pub fn worth(world: &World<'_>, policy: &Policy, assignments: &[Arc<Assignment>]) -> f64 {
    let mut sum = money(world, policy, assignments, world.demand);
    for (slot, (assignment, mbps)) in assignments.iter().zip(world.demand).enumerate() {
        let group = GroupOrd::of(slot / world.estate.domains.len());
        let domain = DomainOrd::of(slot % world.estate.domains.len());
        for share in &assignment.shares {
            let part = mbps * f64::from(share.weight) / f64::from(weir_model::plan::SHARE_UNIT);
            sum += part * user_price(world, policy, group, domain, share.site);
        }
    }
    sum
}

/// What serving a Mbit/s of a group from a site costs its users: latency, distance, bad answers.
fn user_price(world: &World<'_>, policy: &Policy, group: GroupOrd, domain: DomainOrd, site: SiteOrd) -> f64 {
    let rtt = latency(world.estate, group, site).unwrap_or(crate::policy::LATENCY_UNKNOWN).0;
    let far = if too_far(world.estate, group, domain, site) { FAR_PRICE } else { 0.0 };
    let degraded = if world.is_degraded(site) { DEGRADED_PRICE } else { 0.0 };
    policy.latency_price * rtt + far + degraded
}

/// Mbit/s per site.
pub fn loads(sites: usize, assignments: &[Arc<Assignment>], demand: &[f64]) -> Vec<f64> {
    let mut loads = vec![0.0; sites];
    for (assignment, mbps) in assignments.iter().zip(demand) {
        for share in &assignment.shares {
            loads[share.site.index()] += mbps * f64::from(share.weight) / f64::from(weir_model::plan::SHARE_UNIT);
        }
    }
    loads
}

fn candidates_of(
    world: &World<'_>,
    routes: &[Arc<Routes>],
    group: GroupOrd,
    domain: DomainOrd,
) -> Vec<(SiteOrd, Option<Verdict>)> {
    let rows = edge_rows(world);
    let reaches = |edge: NodeOrd| rows[edge.index()].is_some_and(|row| routes::reaches(world, routes, row, domain));
    let has_route = |site| world.serving_edges(site).any(reaches);
    // With every origin gone no site has a route; caches still answer most of what is asked, so
    // that rules nobody out.
    let somebody_has = world.estate.edge_sites().any(has_route);
    let verdict = |site| (site, ruled_out(world, group, domain, site, has_route(site) || !somebody_has));
    world.estate.edge_sites().map(verdict).collect()
}

/// Per node: its row among the edges.
fn edge_rows(world: &World<'_>) -> Vec<Option<usize>> {
    let mut next = 0;
    let mut rows = Vec::with_capacity(world.estate.nodes.len());
    for node in &world.estate.nodes {
        let is_edge = node.role == Role::Edge;
        rows.push(is_edge.then_some(next));
        next += usize::from(is_edge);
    }
    rows
}

/// Per site and domain: what a Mbit/s missed by the cache costs on the way to the origin.
fn back_origin_prices(world: &World<'_>, policy: &Policy, all: &[Arc<Routes>]) -> Vec<Vec<f64>> {
    let rows = edge_rows(world);
    let domains = world.estate.domains.len();
    let price_of = |edge: NodeOrd, domain: usize| {
        let route = all[rows[edge.index()]? * domains + domain].routes.first()?;
        Some(routes::price(world, route, |currency: Currency| policy.rate(currency)))
    };
    let per_site = |site: SiteOrd| {
        let edge = world.serving_edges(site).next();
        let price = |domain| edge.and_then(|edge| price_of(edge, domain)).unwrap_or(0.0);
        (0..domains).map(price).collect()
    };
    (0..world.estate.sites.len()).map(|site| per_site(SiteOrd::of(site))).collect()
}

fn demand(
    world: &World<'_>,
    policy: &Policy,
    back_origin: &[Vec<f64>],
    group: GroupOrd,
    domain: DomainOrd,
    mbps: f64,
    candidates: &[(SiteOrd, Option<Verdict>)],
) -> Demand {
    let wanted = &world.estate.domains[domain.index()];
    let price = |site: SiteOrd| {
        let misses = (1.0 - wanted.hit_ratio) * back_origin[site.index()][domain.index()];
        user_price(world, policy, group, domain, site) + misses
    };
    let eligible = candidates.iter().filter(|(_, out)| out.is_none());
    let arcs: Vec<problem::Arc> =
        eligible.map(|(site, _)| problem::Arc { site: site.index(), price: price(*site) }).collect();
    // A limit that the eligible sites cannot meet together would leave users unserved for nothing.
    let share_max = wanted.site_share_max.max(1.0 / arcs.len().max(1) as f64);
    Demand { mbps, site_mbps_max: mbps * share_max, arcs }
}

fn site(world: &World<'_>, policy: &Policy, site: SiteOrd) -> problem::Site {
    problem::Site { segments: site_curve(world, policy, site) }
}

/// A site's cost curve in the accounting currency, up to the part of its capacity that plans fill.
fn site_curve(world: &World<'_>, policy: &Policy, site: SiteOrd) -> Vec<Segment> {
    let capacity = world.serving_mbps(site) * policy.fill;
    let contract = world.estate.sites[site.index()].contract.map(|contract| &world.estate.contracts[contract.index()]);
    let Some(contract) = contract else { return vec![Segment { width: capacity, price: 0.0 }] };
    let rate = policy.rate(contract.currency);
    let scaled = |segment: Segment| Segment { price: segment.price * rate, ..segment };
    cost::segments(contract, capacity).into_iter().map(scaled).collect()
}

/// The report of a demand of which something found no place.
fn unserved(
    world: &World<'_>,
    stated: &Stated,
    solution: &Solution,
    slot: usize,
    group: GroupOrd,
    domain: DomainOrd,
) -> Option<Unserved> {
    let missed = solution.unserved[slot];
    if missed <= stated.demand[slot] * CHOSEN_MIN {
        return None;
    }
    let name = &world.estate.domains[domain.index()].id;
    let why = if stated.problem.demands[slot].arcs.is_empty() {
        let mut reasons: Vec<&str> =
            stated.ruled_out[slot].iter().filter_map(|(_, out)| Some(out.as_ref()?.as_str())).collect();
        reasons.sort_unstable();
        reasons.dedup();
        format!("no site may serve `{name}` ({}): offer it at a site that this group reaches", reasons.join(", "))
    } else {
        format!("{missed:.1} Mbit/s more capacity is needed at the sites that may serve `{name}`")
    };
    Some(Unserved { group, domain, demand: Bps(missed * 1e6), why })
}

fn explain(
    world: &World<'_>,
    stated: &Stated,
    solution: &Solution,
    loads: &[f64],
    slot: usize,
    group: GroupOrd,
    domain: DomainOrd,
) -> AssignmentReport {
    let demand = &stated.problem.demands[slot];
    let placed: f64 = solution.flows[slot].iter().sum();
    let candidate = |(site, out): &(SiteOrd, Option<Verdict>)| {
        let arc = demand.arcs.iter().position(|arc| arc.site == site.index());
        let share = arc.map_or(0.0, |arc| solution.flows[slot][arc] / placed.max(f64::MIN_POSITIVE));
        let is_full = loads[site.index()] >= stated.problem.sites[site.index()].capacity() * (1.0 - CHOSEN_MIN);
        let verdict = match out {
            Some(verdict) => verdict.clone(),
            None if share > CHOSEN_MIN => Verdict::Chosen(share),
            None if too_far(world.estate, group, domain, *site) => Verdict::TooFar,
            None if is_full => Verdict::Full,
            None => Verdict::Dearer,
        };
        let marginal_cost = arc.map(|arc| solution.marginal[slot][arc]);
        Candidate { site: *site, latency: latency(world.estate, group, *site), marginal_cost, verdict }
    };
    let candidates = stated.ruled_out[slot].iter().map(candidate).collect();
    AssignmentReport { group, domain, demand: Bps(stated.demand[slot] * 1e6), candidates }
}

/// Mbit/s per site.
fn site_flows(problem: &Problem, solution: &Solution) -> Vec<f64> {
    let mut flows = vec![0.0; problem.sites.len()];
    for (demand, placed) in problem.demands.iter().zip(&solution.flows) {
        for (arc, flow) in demand.arcs.iter().zip(placed) {
            flows[arc.site] += flow;
        }
    }
    flows
}

#[cfg(test)]
mod tests;
