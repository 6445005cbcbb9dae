//! Traffic as a fluid.
//!
//! Between two events nothing changes but how many clients still believe an old answer, and that
//! changes linearly. So an interval is accounted for at its middle, which is exact as long as no
//! node is full, and every event (a fault, a plan, an expiry, the end of a step or slot) ends one.
//!
//! A node that is asked for more than its capacity answers that part which fits, of every pair
//! alike.

use std::sync::Arc;

use weir_model::{
    estate::Estate,
    id::{DomainOrd, GroupOrd, NodeOrd},
    plan::Plan,
    time::Mono,
    unit::Bps,
};
use weir_scheduler::policy::LATENCY_UNKNOWN;

use crate::{
    backhaul::{Backhaul, Condition, Network},
    caches::Caches,
    demand::Rate,
    tally::{Loss, PairTally, SiteTally},
};

/// What was lost on account of a node since its last fault.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Blame {
    /// Requests.
    pub(crate) requests: f64,
    /// Until when.
    pub(crate) until: Option<Mono>,
}

/// A part of a pair's demand on its way to a node; `None`: it does not know where to go.
#[derive(Clone, Copy, Debug)]
struct Flow {
    slot: usize,
    node: Option<NodeOrd>,
    part: f64,
}

/// All traffic.
#[derive(Debug)]
pub(crate) struct Traffic {
    estate: Arc<Estate>,
    network: Network,
    caches: Caches,
    conditions: Vec<Condition>,
    /// Per edge row and domain.
    backhauls: Vec<Backhaul>,
    /// `latency[group * nodes + node]`, in milliseconds.
    latency: Vec<f64>,
    scale: f64,
    /// Per domain.
    surges: Vec<f64>,
    rates: Vec<Rate>,
    /// Until when everything is accounted for.
    accrued: Mono,
    /// Of the interval being accounted for; kept for its memory.
    flows: Vec<Flow>,
    pairs: Vec<PairTally>,
    sites: Vec<SiteTally>,
    /// Bits that arrived at edges, per slot.
    arrived: Vec<f64>,
    /// Bits per contract in the current slot of 5 minutes.
    contracts: Vec<f64>,
    blames: Vec<Blame>,
}

impl Traffic {
    /// No traffic yet, at `now`.
    pub(crate) fn new(estate: &Arc<Estate>, scale: f64, now: Mono) -> Self {
        let pairs = estate.groups.len() * estate.domains.len();
        let rtt = |group: &weir_model::estate::ClientGroup| {
            let of = |node: &weir_model::estate::Node| group.latency.get(&node.site).unwrap_or(&LATENCY_UNKNOWN).0;
            estate.nodes.iter().map(of).collect::<Vec<_>>()
        };
        Self {
            network: Network::new(estate),
            caches: Caches::new(estate),
            conditions: vec![Condition::default(); estate.nodes.len()],
            backhauls: Vec::new(),
            latency: estate.groups.iter().flat_map(rtt).collect(),
            scale,
            surges: vec![1.0; estate.domains.len()],
            rates: vec![Rate::default(); pairs],
            accrued: now,
            flows: Vec::new(),
            pairs: vec![PairTally::default(); pairs],
            sites: vec![SiteTally::default(); estate.sites.len()],
            arrived: vec![0.0; pairs],
            contracts: vec![0.0; estate.contracts.len()],
            blames: vec![Blame::default(); estate.nodes.len()],
            estate: Arc::clone(estate),
        }
    }

    /// The rates of the step that begins, to be filled in; everything before must be accounted for.
    pub(crate) fn rates_mut(&mut self) -> &mut [Rate] {
        &mut self.rates
    }

    /// How every node is.
    pub(crate) fn conditions(&self) -> &[Condition] {
        &self.conditions
    }

    /// Per slot.
    pub(crate) fn pairs(&self) -> &[PairTally] {
        &self.pairs
    }

    /// Per site.
    pub(crate) fn sites(&self) -> &[SiteTally] {
        &self.sites
    }

    /// A node's condition changes at `now`. What was lost on its account so far is returned, and
    /// counted anew.
    pub(crate) fn set_condition(&mut self, node: NodeOrd, condition: Condition, now: Mono) -> Blame {
        self.accrue(now);
        self.conditions[node.index()] = condition;
        self.find_backhauls();
        self.take_blame(node)
    }

    /// What was lost on account of a node since this was last asked.
    pub(crate) fn take_blame(&mut self, node: NodeOrd) -> Blame {
        std::mem::take(&mut self.blames[node.index()])
    }

    /// The demand for a domain is `factor` times what it would be, from `now` on.
    pub(crate) fn set_surge(&mut self, domain: DomainOrd, factor: f64, now: Mono) {
        self.accrue(now);
        self.surges[domain.index()] = factor;
    }

    /// Answers and routes follow `plan` from `now` on.
    pub(crate) fn apply(&mut self, plan: &Arc<Plan>, now: Mono) {
        self.accrue(now);
        self.caches.apply(plan, now);
        self.find_backhauls();
    }

    /// When flows have their next corner after `now`.
    pub(crate) fn next_expiry(&self, now: Mono) -> Option<Mono> {
        self.caches.next_expiry(now)
    }

    fn find_backhauls(&mut self) {
        if let Some(plan) = self.caches.plan() {
            self.backhauls = self.network.backhauls(plan, &self.conditions);
        }
    }

    /// What every pair asks for now.
    pub(crate) fn asked(&self) -> Vec<(GroupOrd, DomainOrd, Bps)> {
        (0..self.rates.len()).map(|slot| self.measured(slot, self.rate(slot).bps)).collect()
    }

    /// What edges measured over the last `span` seconds: what arrived at them, served or not. What
    /// was sent to the dead nobody measures.
    pub(crate) fn take_arrived(&mut self, span: f64) -> Vec<(GroupOrd, DomainOrd, Bps)> {
        let arrived = std::mem::replace(&mut self.arrived, vec![0.0; self.rates.len()]);
        arrived.into_iter().enumerate().map(|(slot, bits)| self.measured(slot, bits / span)).collect()
    }

    fn measured(&self, slot: usize, bps: f64) -> (GroupOrd, DomainOrd, Bps) {
        let domains = self.estate.domains.len();
        (GroupOrd::of(slot / domains), DomainOrd::of(slot % domains), Bps(bps))
    }

    /// Ends a slot of 5 minutes: the bits of every contract in it.
    pub(crate) fn take_slot(&mut self) -> Vec<f64> {
        for site in &mut self.sites {
            site.peak_slot_bits = site.peak_slot_bits.max(site.slot_bits);
            site.slot_bits = 0.0;
        }
        std::mem::replace(&mut self.contracts, vec![0.0; self.estate.contracts.len()])
    }

    fn rate(&self, slot: usize) -> Rate {
        let factor = self.scale * self.surges[slot % self.surges.len()];
        Rate { bps: self.rates[slot].bps * factor, rps: self.rates[slot].rps * factor }
    }

    /// Accounts for everything until `until`.
    pub(crate) fn accrue(&mut self, until: Mono) {
        let span = until.since(self.accrued);
        if span.is_zero() {
            return;
        }
        let middle = self.accrued + span / 2;
        let mut flows = std::mem::take(&mut self.flows);
        flows.clear();
        self.caches.visit(middle, |slot, node, part| flows.push(Flow { slot, node, part }));
        if self.caches.plan().is_none() {
            flows.extend((0..self.rates.len()).map(|slot| Flow { slot, node: None, part: 1.0 }));
        }
        let secs = span.as_secs_f64();
        for slot in 0..self.rates.len() {
            let rate = self.rate(slot);
            self.pairs[slot].asked += rate.rps * secs;
            self.pairs[slot].bits_asked += rate.bps * secs;
        }
        let room = self.room(&flows);
        for flow in &flows {
            self.account(flow, secs, &room, until);
        }
        self.flows = flows;
        self.accrued = until;
        self.caches.forget(until);
    }

    /// Per node: the part of what arrives there that fits its capacity.
    fn room(&self, flows: &[Flow]) -> Vec<f64> {
        let mut load = vec![0.0; self.conditions.len()];
        for Flow { slot, node, part } in flows {
            let Some(node) = node else { continue };
            load[node.index()] += self.rate(*slot).bps * part * self.conditions[node.index()].answers();
        }
        let fits = |(load, node): (&f64, &weir_model::estate::Node)| {
            if *load > node.capacity.0 { node.capacity.0 / load } else { 1.0 }
        };
        load.iter().zip(&self.estate.nodes).map(fits).collect()
    }

    /// Counts what becomes of a flow in `secs` seconds that end at `until`.
    fn account(&mut self, flow: &Flow, secs: f64, room: &[f64], until: Mono) {
        let rate = self.rate(flow.slot);
        let amount = (rate.rps * flow.part * secs, rate.bps * flow.part * secs);
        let (group, domain) = (flow.slot / self.surges.len(), flow.slot % self.surges.len());
        let pair = &mut self.pairs[flow.slot];
        let edge = flow.node.and_then(|node| Some((node, self.backhauls.get(self.network.place(node, domain)?)?)));
        let Some((node, backhaul)) = edge else {
            pair.count(amount, 0.0, 0.0, &[(Loss::Unanswered, 1.0)]);
            return;
        };
        let condition = self.conditions[node.index()];
        let answers = condition.answers();
        let refused = (if condition.dead { Loss::Dead } else { Loss::Dropped }, 1.0 - answers);
        let fits = room[node.index()];
        let miss = 1.0 - self.estate.domains[domain].hit_ratio;
        let (full, stranded) = (answers * (1.0 - fits), answers * fits * miss * (1.0 - backhaul.delivered));
        let served = answers * fits * (1.0 - miss * (1.0 - backhaul.delivered));
        let fetched = if served > 0.0 { answers * fits * miss * backhaul.delivered / served } else { 0.0 };
        let rtt = self.latency[group * self.conditions.len() + node.index()];
        let millis = rtt + condition.slow_ms + fetched * backhaul.millis;
        pair.count(amount, served, millis, &[refused, (Loss::Full, full), (Loss::NoRoute, stranded)]);
        self.arrived[flow.slot] += amount.1 * answers;

        let place = self.estate.nodes[node.index()].site;
        let site = &mut self.sites[place.index()];
        site.bits += amount.1 * served;
        site.slot_bits += amount.1 * served;
        site.served += amount.0 * served;
        site.shed += amount.0 * full;
        if let Some(contract) = self.estate.sites[place.index()].contract {
            self.contracts[contract.index()] += amount.1 * served;
        }
        for (link, part) in &backhaul.links {
            if let Some(contract) = self.estate.links[link.index()].contract {
                self.contracts[contract.index()] += amount.1 * answers * fits * miss * part;
            }
        }
        let blamed = [(Some(node), 1.0 - answers), (backhaul.blame, stranded)];
        for (node, part) in blamed {
            if let Some(node) = node.filter(|_| amount.0 * part > 0.0) {
                let blame = &mut self.blames[node.index()];
                blame.requests += amount.0 * part;
                blame.until = Some(until);
            }
        }
    }
}
