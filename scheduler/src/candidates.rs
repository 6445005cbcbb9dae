//! Which sites may serve a demand, and what rules the others out.

use std::collections::BTreeSet;

use weir_model::{
    estate::Estate,
    graph::EstateGraph,
    health::Health,
    id::{DomainOrd, GroupOrd, NodeOrd, SiteOrd},
    plan::Verdict,
    unit::{Bps, Millis},
};

/// What is known of a link.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LinkState {
    /// Measured one-way latency; `None`: the inventory's.
    pub latency: Option<Millis>,
    /// Measured loss, 0 to 1.
    pub loss: f64,
    /// What the quorum thinks of it.
    pub health: Health,
}

impl Default for LinkState {
    fn default() -> Self {
        Self { latency: None, loss: 0.0, health: Health::Unknown }
    }
}

/// Everything planning looks at. Borrowed: planning changes nothing.
#[derive(Clone, Copy, Debug)]
pub struct World<'a> {
    /// What there is.
    pub estate: &'a Estate,
    /// The same as a graph.
    pub graph: &'a EstateGraph,
    /// Per link.
    pub links: &'a [LinkState],
    /// Per node: what the quorum thinks of it.
    pub health: &'a [Health],
    /// Nodes not to be used: down or drained.
    pub out_of_service: &'a BTreeSet<NodeOrd>,
    /// Mbit/s per (group, domain), row-major.
    pub demand: &'a [f64],
}

impl World<'_> {
    /// The demand of a group for a domain.
    pub fn demand_of(&self, group: GroupOrd, domain: DomainOrd) -> Bps {
        Bps(self.demand[group.index() * self.estate.domains.len() + domain.index()] * 1e6)
    }

    /// The edge nodes of `site` in service.
    pub fn serving_edges(&self, site: SiteOrd) -> impl Iterator<Item = NodeOrd> + '_ {
        let edges = self.estate.nodes_at(site, weir_model::estate::Role::Edge);
        edges.filter(|node| !self.out_of_service.contains(node))
    }

    /// What the edge nodes of `site` in service can serve together, in Mbit/s.
    pub fn serving_mbps(&self, site: SiteOrd) -> f64 {
        self.serving_edges(site).map(|node| self.estate.nodes[node.index()].capacity.mbps()).sum()
    }

    /// Whether every edge of `site` in service answers badly.
    pub fn is_degraded(&self, site: SiteOrd) -> bool {
        let mut edges = self.serving_edges(site).peekable();
        edges.peek().is_some() && edges.all(|node| self.health[node.index()] == Health::Degraded)
    }
}

/// What rules a site out for a demand, in the order that an operator would ask; `None`: nothing,
/// it is eligible. A site that is only too far is eligible as a last resort and not ruled out here.
pub fn ruled_out(
    world: &World<'_>,
    group: GroupOrd,
    domain: DomainOrd,
    site: SiteOrd,
    has_route: bool,
) -> Option<Verdict> {
    let wanted = &world.estate.domains[domain.index()];
    let place = &world.estate.sites[site.index()];
    let resides = |zone: &String| place.residency.as_ref() == Some(zone);
    if wanted.sites.binary_search(&site).is_err() {
        Some(Verdict::NotOffered)
    } else if !wanted.residency.is_empty() && !wanted.residency.iter().any(resides) {
        Some(Verdict::Residency)
    } else if world.estate.providers[place.provider.index()].restricted {
        Some(Verdict::ProviderRestricted)
    } else if !world.estate.groups[group.index()].latency.contains_key(&site) {
        Some(Verdict::Unreachable)
    } else if world.serving_edges(site).next().is_none() {
        Some(Verdict::OutOfService)
    } else if !has_route {
        Some(Verdict::NoRoute)
    } else {
        None
    }
}

/// Round-trip time from a group to a site, when the site is within reach.
pub fn latency(estate: &Estate, group: GroupOrd, site: SiteOrd) -> Option<Millis> {
    estate.groups[group.index()].latency.get(&site).copied()
}

/// Whether a site is beyond the latency objective of a domain for a group.
pub fn too_far(estate: &Estate, group: GroupOrd, domain: DomainOrd, site: SiteOrd) -> bool {
    latency(estate, group, site).is_none_or(|rtt| rtt > estate.domains[domain.index()].latency_max)
}
