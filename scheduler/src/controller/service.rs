//! What is in service, and what follows when that changes.

use std::collections::{BTreeMap, BTreeSet};

use weir_model::{
    estate::Role,
    finding::{FindingKind, Subject},
    health::Health,
    id::NodeOrd,
    plan::{Plan, Reason},
    time::Now,
};

use super::{Base, Controller, carry};
use crate::failover::Outage;

impl Controller {
    /// Nodes not to be used: down or drained, as far as the panic rule lets them go. When more
    /// edges look dead than may be, those that were left stay left, and no other follows.
    pub fn out_of_service(&self) -> BTreeSet<NodeOrd> {
        let mut out = self.dead_or_drained();
        if self.is_too_much(&out) {
            out.retain(|node| !self.is_edge(*node) || self.avoided.nodes.contains(node));
        }
        out
    }

    /// What plans go around now.
    pub(super) fn outage(&self) -> Outage {
        // A pair of nodes is cut when every link between them is down.
        let mut is_cut: BTreeMap<(NodeOrd, NodeOrd), bool> = BTreeMap::new();
        for (link, state) in self.estate.links.iter().zip(&self.links) {
            let is_down = state.health == Health::Down;
            is_cut.entry((link.from, link.to)).and_modify(|cut| *cut &= is_down).or_insert(is_down);
        }
        let hops = is_cut.into_iter().filter(|(_, cut)| *cut).map(|(hop, _)| hop).collect();
        Outage { nodes: self.out_of_service(), hops }
    }

    /// What is in service may have changed: derives and publishes at once when it has.
    pub(super) fn follow_service(&mut self, reason: Reason, now: Now) {
        self.follow_panic(now);
        let speaks_of_this = self.in_force.as_ref().is_some_and(|plan| plan.directory == self.directory);
        if speaks_of_this && self.outage() == self.avoided {
            return;
        }
        if let Some(base) = self.base.clone() {
            self.publish(&base, reason, now);
        }
    }

    /// Tells when the panic rule begins to hold, and when it no longer does.
    fn follow_panic(&mut self, now: Now) {
        let out = self.dead_or_drained();
        let panics = self.is_too_much(&out);
        if panics == self.panics {
            return;
        }
        self.panics = panics;
        let edges = self.estate.nodes.iter().filter(|node| node.role == Role::Edge).count();
        let out = out.into_iter().filter(|node| self.is_edge(*node)).count();
        let least = self.policy.guards.min_healthy * 100.0;
        let (kind, text) = if panics {
            let text =
                format!("{out} of {edges} edges look dead, at least {least:.0} % must stay: no more are taken out");
            (FindingKind::Panic, text)
        } else {
            (
                FindingKind::Cleared,
                format!("{out} of {edges} edges are out of service, at least {least:.0} % must stay"),
            )
        };
        self.find(Subject::Plan, "min_healthy", kind, &text, now);
    }

    fn dead_or_drained(&self) -> BTreeSet<NodeOrd> {
        let down = (0..self.health.len()).filter(|index| self.health[*index] == Health::Down).map(NodeOrd::of);
        self.drained.iter().copied().chain(down).collect()
    }

    fn is_too_much(&self, out: &BTreeSet<NodeOrd>) -> bool {
        let total = self.estate.nodes.iter().filter(|node| node.role == Role::Edge).count();
        let out = out.iter().filter(|node| self.is_edge(**node)).count();
        !self.policy.guards.allows_out(out, total)
    }

    fn is_edge(&self, node: NodeOrd) -> bool {
        self.estate.nodes[node.index()].role == Role::Edge
    }

    /// A base of what `held` says, in today's ordinals: shares that died with a node do not come
    /// back with it, until the slow loop has planned.
    pub(super) fn held_base(&self, held: &Plan) -> Base {
        let (assignments, routes) = if held.directory == self.directory {
            (held.assignments.clone(), held.routes.clone())
        } else {
            carry::over(held, &self.directory)
        };
        Base { assignments, routes, report: None }
    }
}

/// What is known after `heard`: the dead stay dead until somebody sees them alive.
pub(super) fn remember(known: &mut Health, heard: Health) {
    if !(*known == Health::Down && heard == Health::Unknown) {
        *known = heard;
    }
}
