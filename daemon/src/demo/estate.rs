//! The demo's estate, and how its parts talk to each other.

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use weir_collector::probe::{HttpProbe, ProbeKind, ProbeSpec};
use weir_detect::{health::HealthPolicy, quorum::QuorumPolicy};
use weir_model::{
    estate::Estate,
    health::Target,
    id::{LinkOrd, NodeOrd, VantageId},
    inventory,
};
use weir_scheduler::policy::Policy;

use crate::agent::AgentPlan;

/// How often everything is probed.
const PROBE_EVERY: Duration = Duration::from_millis(50);
/// When a probe counts as lost: four intervals, far above any latency on loopback.
const PROBE_TIMEOUT: Duration = Duration::from_millis(200);
/// Where nodes reflect STAMP: 862 (RFC 8762) needs root.
pub(super) const STAMP_PORT: u16 = 8_620;

/// The demo's estate.
pub(super) fn load() -> anyhow::Result<Arc<Estate>> {
    let estate = inventory::parse("sim/estates/demo.yaml", weir_sim::DEMO_ESTATE);
    Ok(Arc::new(estate.context("the demo's own estate")?))
}

/// The zones of the demo's domains.
pub(super) fn zones() -> Vec<(String, Vec<String>)> {
    ["aurora.test", "borealis.test"].map(|apex| (apex.to_owned(), Vec::new())).into()
}

/// Bytes of one object of a domain, by the domain's place in the estate: video, pages, API calls.
pub(super) fn object_bytes(domain: usize) -> usize {
    [20_000, 8_000, 2_000][domain % 3]
}

/// What the demo wants of the scheduler: a month's patience in a minute.
pub(super) fn policy() -> Policy {
    let mut policy = Policy {
        plan_every: Duration::from_secs(10),
        ramp_every: Duration::from_secs(1),
        move_min: 0.04,
        saving_min: 0.04,
        ..Policy::default()
    };
    policy.guards.max_shift = 0.35;
    policy
}

/// How the demo's agents judge health: as the defaults, with holds a person can wait for, and a
/// latency limit that `slow mid-1 80ms` crosses.
pub(super) fn health_policy() -> HealthPolicy {
    HealthPolicy {
        latency_max: Duration::from_millis(50),
        hold_min: Duration::from_secs(2),
        degraded_hold: Duration::from_secs(5),
        ..HealthPolicy::default()
    }
}

/// How the demo's vantages form a verdict.
pub(super) fn quorum_policy() -> QuorumPolicy {
    QuorumPolicy::default()
}

/// Three agents, one at each provider. Each probes every node over HTTP; the links are shared out,
/// each being probed with STAMP from the address of the node it leaves.
pub(super) fn agents(estate: &Estate) -> anyhow::Result<Vec<AgentPlan>> {
    let vantages = estate.providers.len();
    let agent = |(index, provider): (usize, &weir_model::estate::Provider)| {
        let mut probes = Vec::new();
        for node in 0..estate.nodes.len() {
            probes.push(node_probe(estate, NodeOrd::of(node))?);
        }
        for link in (index..estate.links.len()).step_by(vantages) {
            probes.push(link_probe(estate, LinkOrd::of(link))?);
        }
        let vantage = VantageId::from(format!("agent-{}", provider.id).as_str());
        Ok(AgentPlan { vantage, probes, policy: health_policy() })
    };
    estate.providers.iter().enumerate().map(agent).collect()
}

fn node_probe(estate: &Estate, node: NodeOrd) -> anyhow::Result<ProbeSpec> {
    let node = &estate.nodes[node.index()];
    let address = (node.addresses[0], node.port).into();
    let probe = HttpProbe::new(address, node.id.as_str(), "/healthz")?.expect_status([200..=200]);
    Ok(ProbeSpec::new(Target::Node(node.id.clone()), ProbeKind::Http(Box::new(probe)), PROBE_EVERY, PROBE_TIMEOUT)?)
}

fn link_probe(estate: &Estate, link: LinkOrd) -> anyhow::Result<ProbeSpec> {
    let link = &estate.links[link.index()];
    let (from, to) = (&estate.nodes[link.from.index()], &estate.nodes[link.to.index()]);
    let kind = ProbeKind::Stamp { address: (to.addresses[0], STAMP_PORT).into() };
    let spec = ProbeSpec::new(Target::Link(link.id.clone()), kind, PROBE_EVERY, PROBE_TIMEOUT)?;
    Ok(spec.from_source(from.addresses[0])?)
}
