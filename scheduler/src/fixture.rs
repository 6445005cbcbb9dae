//! A small estate for this crate's tests: three edges of 100 Mbit/s, two mids, one origin, two
//! groups, one domain.

use std::collections::BTreeSet;

use weir_model::{estate::Estate, graph, graph::EstateGraph, health::Health, id::NodeOrd, inventory};

use crate::candidates::{LinkState, World};

pub(crate) const ESTATE: &str = r"
providers: [{id: own, tier: S}, {id: cloud}]
contracts:
  - {id: cheap, currency: EUR, kind: percentile, direction: out, price: 1}
  - {id: dear, currency: EUR, kind: percentile, direction: out, price: 3}
sites:
  - {id: s1, kind: edge, region: eu, provider: own, contract: cheap, residency: eu}
  - {id: s2, kind: edge, region: eu, provider: own, contract: dear, residency: eu}
  - {id: s3, kind: edge, region: us, provider: cloud, contract: dear, residency: us}
  - {id: core, kind: idc, region: eu, provider: own}
nodes:
  - {id: edge-1, site: s1, role: edge, addresses: [127.0.1.1], capacity: 100Mbps}
  - {id: edge-2, site: s2, role: edge, addresses: [127.0.1.2], capacity: 100Mbps}
  - {id: edge-3, site: s3, role: edge, addresses: [127.0.1.3], capacity: 100Mbps}
  - {id: mid-1, site: core, role: mid, addresses: [127.0.2.1], capacity: 1Gbps}
  - {id: mid-2, site: core, role: mid, addresses: [127.0.2.2], capacity: 1Gbps}
  - {id: origin-1, site: core, role: origin, addresses: [127.0.3.1], capacity: 1Gbps}
links:
  - {id: e1m1, kind: backbone, from: edge-1, to: mid-1, provider: own, capacity: 1Gbps, latency: 5ms}
  - {id: e1m2, kind: backbone, from: edge-1, to: mid-2, provider: own, capacity: 1Gbps, latency: 9ms}
  - {id: e2m1, kind: backbone, from: edge-2, to: mid-1, provider: own, capacity: 1Gbps, latency: 5ms}
  - {id: e2m2, kind: backbone, from: edge-2, to: mid-2, provider: own, capacity: 1Gbps, latency: 9ms}
  - {id: e3m1, kind: backbone, from: edge-3, to: mid-1, provider: own, capacity: 1Gbps, latency: 9ms}
  - {id: e3m2, kind: backbone, from: edge-3, to: mid-2, provider: own, capacity: 1Gbps, latency: 5ms}
  - {id: m1o1, kind: backbone, from: mid-1, to: origin-1, provider: own, capacity: 1Gbps, latency: 1ms}
  - {id: m2o1, kind: backbone, from: mid-2, to: origin-1, provider: own, capacity: 1Gbps, latency: 1ms}
customers: [{id: acme}]
domains:
  - {id: www.acme.test, customer: acme, ttl: 1s, origins: [origin-1], latency_max: 40ms}
client_groups:
  - {id: near, region: eu, prefixes: [10.0.0.0/16], latency: {s1: 10ms, s2: 12ms, s3: 90ms}}
  - {id: far, region: us, prefixes: [10.1.0.0/16], latency: {s1: 90ms, s3: 10ms}}
";

/// The estate with a state that tests may change.
#[derive(Debug)]
pub(crate) struct Fixture {
    pub(crate) estate: Estate,
    pub(crate) graph: EstateGraph,
    pub(crate) links: Vec<LinkState>,
    pub(crate) health: Vec<Health>,
    pub(crate) out: BTreeSet<NodeOrd>,
    pub(crate) demand: Vec<f64>,
}

impl Fixture {
    /// Both groups ask for 60 Mbit/s; everything is healthy.
    pub(crate) fn new() -> Self {
        Self::of(ESTATE)
    }

    pub(crate) fn of(inventory: &str) -> Self {
        let estate = inventory::parse("fixture.yaml", inventory).unwrap();
        Self {
            graph: graph::of(&estate),
            links: vec![LinkState::default(); estate.links.len()],
            health: vec![Health::Up; estate.nodes.len()],
            out: BTreeSet::new(),
            demand: vec![60.0; estate.groups.len() * estate.domains.len()],
            estate,
        }
    }

    pub(crate) fn world(&self) -> World<'_> {
        World {
            estate: &self.estate,
            graph: &self.graph,
            links: &self.links,
            health: &self.health,
            out_of_service: &self.out,
            demand: &self.demand,
        }
    }

    pub(crate) fn set_health(&mut self, node: &str, health: Health) {
        self.health[self.estate.node_ord(node).unwrap().index()] = health;
    }

    pub(crate) fn take_out(&mut self, node: &str) {
        self.out.insert(self.estate.node_ord(node).unwrap());
    }
}
