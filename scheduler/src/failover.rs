//! Failover: a plan derived from a plan when something dies, without a solver.
//!
//! The derived plan is a pure function of the base plan and of what is out of service, so the
//! return of a node is the same function with a smaller set, and nothing is remembered in between.
//! Every demand follows its prepared list, most important domains first, as far as the survivors'
//! capacity goes; what finds no room overloads the best survivor and is reported, because an
//! overloaded site answers some and a dead one nobody.

use std::{collections::BTreeSet, sync::Arc};

use weir_model::{
    estate::{Estate, Role},
    id::{NodeOrd, SiteOrd},
    plan::{Assignment, Routes, SHARE_UNIT},
};

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

/// Derives from `base` the plan for `out` being out of service. `demand` is Mbit/s per slot.
pub fn derive(estate: &Estate, base: Base<'_>, out: &BTreeSet<NodeOrd>, demand: &[f64]) -> Derived {
    let capacity = serving_capacity(estate, out);
    let is_dead = |site: SiteOrd| capacity[site.index()].is_none();
    let mut survivors = Survivors::new(base.assignments, demand, &capacity);
    let mut report = FailoverReport::default();
    let mut assignments = base.assignments.to_vec();
    for slot in by_priority(estate, base.assignments, &is_dead) {
        let assignment = &base.assignments[slot];
        let homeless: f64 =
            assignment.shares.iter().filter(|share| is_dead(share.site)).map(|share| f64::from(share.weight)).sum();
        let mut parts: Vec<(SiteOrd, f64)> =
            assignment.shares.iter().filter(|s| !is_dead(s.site)).map(|s| (s.site, f64::from(s.weight))).collect();
        let mbps = demand[slot] * homeless / f64::from(SHARE_UNIT);
        let refuges = survivors.house(&assignment.failover, mbps);
        if refuges.is_empty() && parts.is_empty() {
            report.stranded.push(slot);
            continue;
        }
        for (site, part) in refuges {
            match parts.iter_mut().find(|(known, _)| *known == site) {
                Some((_, weight)) => *weight += part * homeless,
                None => parts.push((site, part * homeless)),
            }
        }
        report.moved.push(slot);
        report.moved_mbps += mbps;
        let shares = Assignment::shares_of(parts);
        assignments[slot] = Arc::new(Assignment { shares, failover: assignment.failover.clone() });
    }
    report.moved.sort_unstable();
    report.stranded.sort_unstable();
    report.overloaded = survivors.overloaded();
    Derived { assignments, routes: live_routes(base.routes, out), report }
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

/// Slots with a share on a dead site, most important domains first.
fn by_priority(estate: &Estate, assignments: &[Arc<Assignment>], is_dead: &impl Fn(SiteOrd) -> bool) -> Vec<usize> {
    let hit = |slot: &usize| assignments[*slot].shares.iter().any(|share| is_dead(share.site));
    let mut slots: Vec<usize> = (0..assignments.len()).filter(hit).collect();
    let priority = |slot: usize| estate.domains[slot % estate.domains.len()].priority;
    slots.sort_by_key(|slot| (std::cmp::Reverse(priority(*slot)), *slot));
    slots
}

/// Routes without the dead, order kept. A list that would become empty is kept: an edge that
/// tries a dead route loses nothing against having none.
fn live_routes(base: &[Arc<Routes>], out: &BTreeSet<NodeOrd>) -> Vec<Arc<Routes>> {
    let lives = |path: &[NodeOrd]| !path.iter().skip(1).any(|node| out.contains(node));
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
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::fixture::{ESTATE, Fixture};

    fn check(fixture: &Fixture, shares: &[&[(u32, f64)]], expect: Expect) {
        let assignments: Vec<Arc<Assignment>> = shares
            .iter()
            .map(|parts| {
                let shares = Assignment::shares_of(parts.iter().map(|(site, part)| (SiteOrd(*site), *part)));
                Arc::new(Assignment { shares, failover: vec![SiteOrd(0), SiteOrd(1), SiteOrd(2)] })
            })
            .collect();
        let base = Base { assignments: &assignments, routes: &[] };
        let derived = derive(&fixture.estate, base, &fixture.out, &fixture.demand);
        let lines: Vec<String> = derived
            .assignments
            .iter()
            .map(|assignment| {
                let shares = assignment.shares.iter().map(|s| format!("s{} {}", s.site.0 + 1, s.weight));
                shares.collect::<Vec<_>>().join(", ")
            })
            .collect();
        expect.assert_eq(&format!("{}\n{:?}", lines.join("\n"), derived.report));
        for (slot, (before, after)) in assignments.iter().zip(&derived.assignments).enumerate() {
            assert_eq!(Arc::ptr_eq(before, after), !derived.report.moved.contains(&slot), "unchanged slots are shared");
        }
    }

    #[test]
    fn the_list_is_followed_as_far_as_capacity_goes() {
        let mut fixture = Fixture::new();
        fixture.take_out("edge-1");
        fixture.demand = vec![80.0, 60.0];
        check(
            &fixture,
            &[&[(0, 1.0)], &[(1, 1.0)]],
            expect![[r#"
            s2 500000, s3 500000
            s2 1000000
            FailoverReport { moved: [0], moved_mbps: 80.0, overloaded: [], stranded: [] }"#]],
        );
    }

    #[test]
    fn a_split_demand_keeps_what_lives() {
        let mut fixture = Fixture::new();
        fixture.take_out("edge-1");
        check(
            &fixture,
            &[&[(0, 0.5), (2, 0.5)], &[(2, 1.0)]],
            expect![[r#"
            s2 500000, s3 500000
            s3 1000000
            FailoverReport { moved: [0], moved_mbps: 30.0, overloaded: [], stranded: [] }"#]],
        );
    }

    #[test]
    fn important_domains_find_room_first_and_the_rest_overloads_the_least_loaded() {
        let estate = ESTATE.replace(
            "domains:\n",
            "domains:\n  - {id: low.acme.test, customer: acme, ttl: 1s, origins: [origin-1], priority: 1}\n",
        );
        let mut fixture = Fixture::of(&estate);
        fixture.take_out("edge-1");
        fixture.take_out("edge-2");
        fixture.demand = vec![90.0, 90.0, 0.0, 0.0];
        check(
            &fixture,
            &[&[(0, 1.0)], &[(1, 1.0)], &[(2, 1.0)], &[(2, 1.0)]],
            expect![[r#"
            s3 1000000
            s3 1000000
            s3 1000000
            s3 1000000
            FailoverReport { moved: [0, 1], moved_mbps: 180.0, overloaded: [(SiteOrd(2), 80.0)], stranded: [] }"#]],
        );
    }

    #[test]
    fn with_everything_dead_answers_stay_as_they_were() {
        let mut fixture = Fixture::new();
        for edge in ["edge-1", "edge-2", "edge-3"] {
            fixture.take_out(edge);
        }
        check(
            &fixture,
            &[&[(0, 1.0)], &[(2, 1.0)]],
            expect![[r#"
            s1 1000000
            s3 1000000
            FailoverReport { moved: [], moved_mbps: 0.0, overloaded: [], stranded: [0, 1] }"#]],
        );
    }
}
