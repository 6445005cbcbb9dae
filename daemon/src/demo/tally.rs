//! What the users saw, counted.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
    sync::Arc,
    time::Duration,
};

use weir_model::{
    finding::{Finding, FindingKind},
    health::Health,
    id::{DomainOrd, GroupOrd, NodeOrd, SiteOrd},
    picker::{Client, Picker},
    plan::{Plan, PlanNumber, SHARE_UNIT},
    time::Mono,
};

/// One request that ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ended {
    pub(super) group: GroupOrd,
    pub(super) domain: DomainOrd,
    pub(super) user: Ipv4Addr,
    /// The plan that the DNS answer came from; `None`: there was no answer.
    pub(super) plan: Option<PlanNumber>,
    /// Who answered; `None`: nobody.
    pub(super) served_by: Option<(NodeOrd, SiteOrd)>,
    pub(super) missed_cache: bool,
    pub(super) started: Mono,
    pub(super) ended: Mono,
}

/// A target made unserviceable, and how long it took to get over it.
#[derive(Clone, Debug)]
pub(super) struct Failover {
    pub(super) target: NodeOrd,
    is_edge: bool,
    injected: Mono,
    /// The plan in force when it was injected, and what it answered.
    before: Option<Arc<Picker>>,
    pub(super) detected: Option<Mono>,
    /// The first plan without the target.
    changed: Option<PlanNumber>,
    pub(super) switched: Option<Mono>,
    /// Per group that lost a request of a user whom the target served: when such a user was first
    /// answered after that.
    hit: BTreeMap<GroupOrd, Option<Mono>>,
    pub(super) failed_requests: u64,
}

impl Failover {
    /// Since the injection.
    pub(super) fn after(&self, at: Option<Mono>) -> Option<Duration> {
        Some(at?.since(self.injected))
    }

    /// Whether users of `group` and `domain` at `user` were served by the target.
    fn affects(&self, ended: &Ended) -> bool {
        let Some(before) = &self.before else { return false };
        if !self.is_edge {
            return ended.missed_cache || ended.served_by.is_none();
        }
        let picked = before.pick(ended.domain, Client::Subnet(ended.user.into()));
        let directory = &before.plan().directory;
        picked.is_some_and(|picked| directory.sites[picked.site.index()].edges.contains(&self.target))
    }

    /// When every group that lost requests had been answered again; `None` while one has not. Where none
    /// lost any there was nothing to recover from: at once.
    pub(super) fn recovered(&self) -> Option<Mono> {
        let answered = self.hit.values().copied().collect::<Option<Vec<_>>>()?;
        Some(answered.into_iter().max().unwrap_or(self.injected))
    }

    fn see(&mut self, ended: &Ended) {
        if ended.started < self.injected || !self.affects(ended) {
            return;
        }
        if ended.served_by.is_none() {
            self.failed_requests += 1;
            self.hit.entry(ended.group).or_insert(None);
        } else {
            if let Some(answered) = self.hit.get_mut(&ended.group) {
                *answered = answered.or(Some(ended.ended));
            }
        }
    }
}

/// Achieved shares of one (group, domain, generation).
#[derive(Debug, Default)]
struct Achieved {
    by_site: BTreeMap<SiteOrd, u64>,
}

/// All that is counted.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) requests: u64,
    pub(super) failed: u64,
    answered: u64,
    allowed: u64,
    pub(super) failovers: Vec<Failover>,
    plans: BTreeMap<PlanNumber, Arc<Plan>>,
    newest: Option<Arc<Picker>>,
    achieved: BTreeMap<(GroupOrd, DomainOrd, PlanNumber), Achieved>,
}

impl Tally {
    /// A plan came into force.
    pub(super) fn plan(&mut self, plan: &Arc<Plan>) {
        self.plans.insert(plan.number, Arc::clone(plan));
        self.newest = Some(Arc::new(Picker::new(Arc::clone(plan))));
        for failover in self.failovers.iter_mut().filter(|failover| failover.changed.is_none()) {
            if plan.out_of_service.contains(&failover.target) {
                failover.changed = Some(plan.number);
            }
        }
    }

    /// A finding was concluded.
    pub(super) fn finding(&mut self, finding: &Finding, at: Mono) {
        if finding.kind != FindingKind::Health(Health::Down) {
            return;
        }
        let Some(plan) = self.newest.as_ref().map(|picker| Arc::clone(picker.plan())) else { return };
        for failover in self.failovers.iter_mut().filter(|failover| failover.detected.is_none()) {
            if plan.directory.nodes[failover.target.index()].id.as_str() == finding.id {
                failover.detected = Some(at);
            }
        }
    }

    /// An executor applied a plan: for what is not in DNS, that is the switch.
    pub(super) fn applied(&mut self, plan: PlanNumber, at: Mono) {
        for failover in self.failovers.iter_mut().filter(|failover| !failover.is_edge) {
            if failover.switched.is_none() && failover.changed.is_some_and(|changed| plan >= changed) {
                failover.switched = Some(at);
            }
        }
    }

    /// A DNS answer was received.
    pub(super) fn resolved(&mut self, plan: PlanNumber, at: Mono) {
        for failover in self.failovers.iter_mut().filter(|failover| failover.is_edge) {
            if failover.switched.is_none() && failover.changed.is_some_and(|changed| plan >= changed) {
                failover.switched = Some(at);
            }
        }
    }

    /// `target` becomes unserviceable now.
    pub(super) fn injected(&mut self, target: NodeOrd, is_edge: bool, at: Mono) {
        let before = self.newest.clone();
        self.failovers.push(Failover {
            target,
            is_edge,
            injected: at,
            before,
            detected: None,
            changed: None,
            switched: None,
            hit: BTreeMap::new(),
            failed_requests: 0,
        });
    }

    /// What was to make `target` unserviceable `at` that time could not be done.
    pub(super) fn withdrawn(&mut self, target: NodeOrd, at: Mono) {
        self.failovers.retain(|failover| (failover.target, failover.injected) != (target, at));
    }

    /// A request ended.
    pub(super) fn ended(&mut self, ended: &Ended) {
        self.requests += 1;
        self.failed += u64::from(ended.served_by.is_none());
        for failover in &mut self.failovers {
            failover.see(ended);
        }
        let (Some(number), Some((_, site))) = (ended.plan, ended.served_by) else { return };
        self.answered += 1;
        let Some(plan) = self.plans.get(&number) else { return };
        self.allowed += u64::from(plan.assignment(ended.group, ended.domain).weight_of(site) > 0);
        let achieved = self.achieved.entry((ended.group, ended.domain, number)).or_default();
        *achieved.by_site.entry(site).or_default() += 1;
    }

    /// Requests that reached a site allowed by the plan that answered them, of all answered.
    pub(super) fn dispatch_accuracy(&self) -> f64 {
        if self.answered == 0 { 0.0 } else { self.allowed as f64 / self.answered as f64 }
    }

    /// 1 minus the request-weighted mean, over (group, domain, generation), of half the L1
    /// distance between planned and achieved shares.
    pub(super) fn share_accuracy(&self) -> f64 {
        let mut requests = 0.0;
        let mut distance = 0.0;
        for ((group, domain, number), achieved) in &self.achieved {
            let Some(plan) = self.plans.get(number) else { continue };
            let total: u64 = achieved.by_site.values().sum();
            let planned = plan.assignment(*group, *domain);
            let sites: BTreeSet<SiteOrd> =
                planned.shares.iter().map(|share| share.site).chain(achieved.by_site.keys().copied()).collect();
            let gap = |site: &SiteOrd| {
                let got = achieved.by_site.get(site).copied().unwrap_or(0) as f64 / total as f64;
                (f64::from(planned.weight_of(*site)) / f64::from(SHARE_UNIT) - got).abs()
            };
            distance += total as f64 * sites.iter().map(gap).sum::<f64>() / 2.0;
            requests += total as f64;
        }
        if requests == 0.0 { 0.0 } else { 1.0 - distance / requests }
    }
}

#[cfg(test)]
mod tests;
