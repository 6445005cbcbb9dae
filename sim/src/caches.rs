//! Resolver caches: what clients have been told, and for how long they believe it.
//!
//! Answers are what the real picker gives a sample of each group's subnets. A client asks anew
//! when its answer has expired, and clients are spread evenly over the TTL; so the answers in use
//! at an instant are the mean of those given over the last TTL, and traffic to a dead site fades
//! linearly once answers have changed.

use std::{
    collections::{BTreeMap, VecDeque},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use weir_model::{
    estate::{ClientGroup, Estate},
    id::{DomainOrd, GroupOrd, NodeOrd},
    picker::{Client, Picker, SPLIT_SCOPE_V4, SPLIT_SCOPE_V6},
    plan::Plan,
    time::Mono,
};

/// Subnets asked for, of each group: a share is then off by 1/128 or so, about what a group of
/// that many /24 sees of weighted hashing in production.
const SUBNETS: u32 = 128;

/// Where a slot's users are sent: parts adding up to 1; `None`: they get no answer.
type Parts = Rc<[(Option<NodeOrd>, f64)]>;

/// The answers given from `since` until the next version's.
#[derive(Debug)]
struct Version {
    since: Mono,
    answers: Vec<Parts>,
}

/// What all clients have been told.
#[derive(Debug)]
pub(crate) struct Caches {
    ttls: Vec<Duration>,
    /// Per group.
    subnets: Vec<Vec<IpAddr>>,
    nodes: BTreeMap<IpAddr, NodeOrd>,
    plan: Option<Arc<Plan>>,
    /// Ascending; the first is taken to have held for ever, so a run begins with warm caches.
    versions: VecDeque<Version>,
}

impl Caches {
    /// Empty caches: nobody has been told anything.
    pub(crate) fn new(estate: &Estate) -> Self {
        let addresses = |(index, node): (usize, &weir_model::estate::Node)| {
            node.addresses.iter().map(move |address| (*address, NodeOrd::of(index))).collect::<Vec<_>>()
        };
        Self {
            ttls: estate.domains.iter().map(|domain| domain.ttl).collect(),
            subnets: estate.groups.iter().map(subnets).collect(),
            nodes: estate.nodes.iter().enumerate().flat_map(addresses).collect(),
            plan: None,
            versions: VecDeque::new(),
        }
    }

    /// The plan that answers are given by.
    pub(crate) fn plan(&self) -> Option<&Arc<Plan>> {
        self.plan.as_ref()
    }

    /// From `now` on, answers are given by `plan`.
    pub(crate) fn apply(&mut self, plan: &Arc<Plan>, now: Mono) {
        let picker = Picker::new(Arc::clone(plan));
        let domains = self.ttls.len();
        let known = self.plan.take().zip(self.versions.back());
        let known = known.filter(|(held, _)| held.out_of_service == plan.out_of_service);
        let mut answers = Vec::with_capacity(plan.assignments.len());
        for slot in 0..plan.assignments.len() {
            let unchanged =
                known.as_ref().filter(|(held, _)| held.assignments[slot].shares == plan.assignments[slot].shares);
            answers.push(match unchanged {
                Some((_, version)) => Rc::clone(&version.answers[slot]),
                None => self.ask(&picker, GroupOrd::of(slot / domains), DomainOrd::of(slot % domains)),
            });
        }
        self.plan = Some(Arc::clone(plan));
        self.versions.push_back(Version { since: now, answers });
    }

    /// What the picker answers a group's subnets; each is taken to use the first address.
    fn ask(&self, picker: &Picker, group: GroupOrd, domain: DomainOrd) -> Parts {
        let plan = picker.plan();
        let serving =
            |site: usize| plan.directory.sites[site].edges.iter().filter(|node| plan.in_service(**node)).count();
        let shares = &plan.assignment(group, domain).shares;
        let one_answer = matches!(shares.as_slice(), [] | [_]) && shares.iter().all(|s| serving(s.site.index()) <= 1);
        let asked = if one_answer { 1 } else { usize::MAX };
        let mut counts: BTreeMap<Option<NodeOrd>, u32> = BTreeMap::new();
        for subnet in self.subnets[group.index()].iter().take(asked) {
            let picked = picker.pick(domain, Client::Subnet(*subnet));
            // A longer prefix inside this one may belong to another group, which asks for itself.
            if picked.as_ref().is_some_and(|picked| picked.group != Some(group)) && !one_answer {
                continue;
            }
            let address = picked.and_then(|picked| {
                picker.addresses(&picked, false).next().or_else(|| picker.addresses(&picked, true).next())
            });
            *counts.entry(address.and_then(|address| self.nodes.get(&address).copied())).or_default() += 1;
        }
        let total: u32 = counts.values().sum();
        if total == 0 {
            return Rc::from([(None, 1.0)]);
        }
        counts.into_iter().map(|(node, count)| (node, f64::from(count) / f64::from(total))).collect()
    }

    /// Every (slot, node, part) in use at `at`; a slot's parts add up to 1.
    pub(crate) fn visit(&self, at: Mono, mut visit: impl FnMut(usize, Option<NodeOrd>, f64)) {
        let domains = self.ttls.len();
        let Some(first) = self.versions.front() else { return };
        for (index, version) in self.versions.iter().enumerate() {
            let weights: Vec<f64> = self.ttls.iter().map(|ttl| self.weight(index, *ttl, at)).collect();
            if weights.iter().all(|weight| *weight == 0.0) {
                continue;
            }
            for slot in 0..first.answers.len() {
                let weight = weights[slot % domains];
                if weight > 0.0 {
                    version.answers[slot].iter().for_each(|(node, part)| visit(slot, *node, weight * part));
                }
            }
        }
    }

    /// The part of the window of `ttl` before `at` in which the version `index` was given.
    fn weight(&self, index: usize, ttl: Duration, at: Mono) -> f64 {
        let opens = at.0.saturating_sub(u64::try_from(ttl.as_nanos()).unwrap_or(u64::MAX));
        let ends = self.versions.get(index + 1).map_or(at.0, |next| next.since.0.min(at.0));
        let since = if index == 0 { 0 } else { self.versions[index].since.0 };
        let is_newest = index + 1 == self.versions.len();
        if opens == at.0 {
            return f64::from(u8::from(is_newest));
        }
        ends.saturating_sub(since.max(opens)) as f64 / (at.0 - opens) as f64
    }

    /// When the last client of a domain drops an answer, after `now`: there the decline of traffic
    /// to what was answered before has a corner.
    pub(crate) fn next_expiry(&self, now: Mono) -> Option<Mono> {
        let changes = self.versions.iter().skip(1).map(|version| version.since);
        let expiries = changes.flat_map(|since| self.ttls.iter().map(move |ttl| since + *ttl));
        expiries.filter(|expiry| *expiry > now).min()
    }

    /// Forgets answers that no client believes any more at `now`.
    pub(crate) fn forget(&mut self, now: Mono) {
        let longest = self.ttls.iter().max().copied().unwrap_or_default();
        while self.versions.get(1).is_some_and(|next| next.since + longest <= now) {
            self.versions.pop_front();
        }
    }
}

/// Addresses of subnets spread evenly over a group's prefixes; of v6 only when it has no v4.
fn subnets(group: &ClientGroup) -> Vec<IpAddr> {
    let has_v4 = group.prefixes.iter().any(|prefix| prefix.addr().is_ipv4());
    let prefixes: Vec<(IpAddr, u8)> = group
        .prefixes
        .iter()
        .filter(|prefix| prefix.addr().is_ipv4() == has_v4)
        .map(|prefix| (prefix.addr(), prefix.prefix_len()))
        .collect();
    let each = SUBNETS.div_ceil(prefixes.len().max(1) as u32);
    let spread = |(first, length): &(IpAddr, u8)| (0..each).map(|index| subnet(*first, *length, index, each)).collect();
    prefixes.iter().flat_map(|prefix: &(IpAddr, u8)| -> Vec<IpAddr> { spread(prefix) }).collect()
}

/// The `index`-th of `each` subnets spread evenly over the prefix.
fn subnet(first: IpAddr, length: u8, index: u32, each: u32) -> IpAddr {
    let bits = |split: u8| u32::from(split.saturating_sub(length)).min(63);
    let place = |split: u8| (u128::from(index) << bits(split)) / u128::from(each);
    match first {
        IpAddr::V4(first) => {
            let place = u32::try_from(place(SPLIT_SCOPE_V4)).unwrap_or(0);
            IpAddr::V4(Ipv4Addr::from_bits(first.to_bits() | place << (32 - SPLIT_SCOPE_V4)))
        }
        IpAddr::V6(first) => IpAddr::V6(Ipv6Addr::from_bits(
            first.to_bits() | place(SPLIT_SCOPE_V6) << (128 - u32::from(SPLIT_SCOPE_V6)),
        )),
    }
}

#[cfg(test)]
mod tests;
