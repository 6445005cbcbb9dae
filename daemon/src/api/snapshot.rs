//! The state of the estate as the UI shows it.

use std::collections::HashMap;

use serde::Serialize;
use weir_model::{
    estate::Estate,
    id::{DomainOrd, GroupOrd, NodeOrd, SiteOrd},
    plan::{Plan, SHARE_UNIT, Share},
};

use crate::{control::Known, ledgers::Standing};

/// What does not change without a reload.
#[derive(Debug, Serialize)]
pub(crate) struct EstateView {
    providers: Vec<String>,
    sites: Vec<SiteView>,
    nodes: Vec<NodeView>,
    links: Vec<LinkView>,
    groups: Vec<GroupView>,
    domains: Vec<DomainView>,
}

#[derive(Debug, Serialize)]
struct SiteView {
    id: String,
    kind: &'static str,
    region: String,
    provider: String,
    contract: Option<String>,
}

#[derive(Debug, Serialize)]
struct NodeView {
    id: String,
    site: String,
    role: &'static str,
    capacity_bps: f64,
}

#[derive(Debug, Serialize)]
struct LinkView {
    id: String,
    from: String,
    to: String,
    kind: &'static str,
    provider: String,
    capacity_bps: f64,
}

#[derive(Debug, Serialize)]
struct GroupView {
    id: String,
    region: String,
    isp: String,
}

#[derive(Debug, Serialize)]
struct DomainView {
    id: String,
    customer: String,
    latency_max_ms: f64,
}

impl EstateView {
    /// The view of `estate`.
    pub(super) fn of(estate: &Estate) -> Self {
        let provider = |ord: weir_model::id::ProviderOrd| estate.providers[ord.index()].id.to_string();
        let node = |ord: NodeOrd| estate.nodes[ord.index()].id.to_string();
        Self {
            providers: estate.providers.iter().map(|provider| provider.id.to_string()).collect(),
            sites: estate
                .sites
                .iter()
                .map(|site| SiteView {
                    id: site.id.to_string(),
                    kind: site.kind.as_str(),
                    region: site.region.clone(),
                    provider: provider(site.provider),
                    contract: site.contract.map(|contract| estate.contracts[contract.index()].id.to_string()),
                })
                .collect(),
            nodes: estate
                .nodes
                .iter()
                .map(|node| NodeView {
                    id: node.id.to_string(),
                    site: estate.sites[node.site.index()].id.to_string(),
                    role: node.role.as_str(),
                    capacity_bps: node.capacity.0,
                })
                .collect(),
            links: estate
                .links
                .iter()
                .map(|link| LinkView {
                    id: link.id.to_string(),
                    from: node(link.from),
                    to: node(link.to),
                    kind: link.kind.as_str(),
                    provider: provider(link.provider),
                    capacity_bps: link.capacity.0,
                })
                .collect(),
            groups: estate
                .groups
                .iter()
                .map(|group| GroupView {
                    id: group.id.to_string(),
                    region: group.region.clone(),
                    isp: group.isp.clone(),
                })
                .collect(),
            domains: estate
                .domains
                .iter()
                .map(|domain| DomainView {
                    id: domain.id.to_string(),
                    customer: estate.customers[domain.customer.index()].id.to_string(),
                    latency_max_ms: domain.latency_max.0,
                })
                .collect(),
        }
    }
}

/// What contracts stand at, and what a demo adds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Extra {
    /// What contracts stand at.
    pub(crate) standings: Vec<Standing>,
    /// Requests of users so far, and those that failed.
    pub(crate) requests: u64,
    /// Of those, the failed.
    pub(crate) failed_requests: u64,
    /// Faults injected so far, as written.
    pub(crate) faults: Vec<String>,
    /// Whether faults can be injected.
    pub(crate) is_demo: bool,
}

/// What changes.
#[derive(Debug, Serialize)]
pub(crate) struct Snapshot {
    time_ms: i64,
    plan: Option<PlanView>,
    nodes: Vec<HealthView>,
    links: Vec<HealthView>,
    sites: Vec<LoadView>,
    demand: Vec<DemandView>,
    contracts: Vec<ContractView>,
    requests: u64,
    failed_requests: u64,
    faults: Vec<String>,
    is_demo: bool,
}

#[derive(Debug, Serialize)]
struct PlanView {
    number: String,
    reason: &'static str,
    made_at_ms: i64,
    out_of_service: Vec<String>,
    split_pairs: usize,
    cost: Option<f64>,
}

#[derive(Debug, Serialize)]
struct HealthView {
    id: String,
    health: &'static str,
}

#[derive(Debug, Serialize)]
struct LoadView {
    id: String,
    planned_mbps: f64,
    capacity_mbps: f64,
}

#[derive(Debug, Serialize)]
struct DemandView {
    group: String,
    domain: String,
    mbps: f64,
    /// `site: part`, parts adding up to 1.
    shares: Vec<(String, f64)>,
}

#[derive(Debug, Serialize)]
struct ContractView {
    name: String,
    kind: &'static str,
    month_to_date: String,
    forecast: String,
    currency: String,
    headroom_mbps: Option<f64>,
    free_slots: Option<i64>,
}

impl Snapshot {
    /// The state now.
    pub(crate) fn of(known: &Known, extra: &Extra) -> Self {
        let estate = &*known.estate;
        let health = |id: String, health: Option<&weir_model::health::Health>| HealthView {
            id,
            health: health.map_or("unknown", |health| health.as_str()),
        };
        let demand = demand(estate, known);
        Self {
            time_ms: weir_collector::clock::wall().0 / 1_000_000,
            plan: plan_view(known),
            nodes: estate
                .nodes
                .iter()
                .enumerate()
                .map(|(i, node)| health(node.id.to_string(), known.nodes.get(i)))
                .collect(),
            links: estate
                .links
                .iter()
                .enumerate()
                .map(|(i, link)| health(link.id.to_string(), known.links.get(i)))
                .collect(),
            sites: if known.plan.is_some() { loads(estate, &demand) } else { Vec::new() },
            demand,
            contracts: extra.standings.iter().map(contract).collect(),
            requests: extra.requests,
            failed_requests: extra.failed_requests,
            faults: extra.faults.clone(),
            is_demo: extra.is_demo,
        }
    }
}

fn plan_view(known: &Known) -> Option<PlanView> {
    let plan = known.plan.as_ref()?;
    Some(PlanView {
        number: plan.number.to_string(),
        reason: plan.reason.as_str(),
        made_at_ms: plan.made_at.0 / 1_000_000,
        out_of_service: plan.out_of_service.iter().map(|n| plan.directory.nodes[n.index()].id.to_string()).collect(),
        split_pairs: plan.split_pairs(),
        cost: known.report.as_ref().map(|report| report.cost),
    })
}

/// The plan in force, asked in the ordinals of the estate there is: the plan may be of an earlier one.
struct InForce<'a> {
    plan: &'a Plan,
    /// Per group, and per domain, of the estate: the plan's.
    groups: Vec<Option<GroupOrd>>,
    domains: Vec<Option<DomainOrd>>,
}

impl<'a> InForce<'a> {
    fn of(plan: &'a Plan, estate: &Estate) -> Self {
        let directory = &plan.directory;
        let groups = directory.groups.iter().enumerate();
        let groups: HashMap<&str, _> = groups.map(|(ord, group)| (group.id.as_str(), GroupOrd::of(ord))).collect();
        let domains = directory.domains.iter().enumerate();
        let domains: HashMap<&str, _> = domains.map(|(ord, one)| (one.id.as_str(), DomainOrd::of(ord))).collect();
        Self {
            plan,
            groups: estate.groups.iter().map(|group| groups.get(group.id.as_str()).copied()).collect(),
            domains: estate.domains.iter().map(|domain| domains.get(domain.id.as_str()).copied()).collect(),
        }
    }

    /// The sites that serve a group for a domain, and their parts; none where the plan knows no such pair.
    fn shares(&self, group: usize, domain: usize) -> impl Iterator<Item = (&'a str, f64)> {
        let pair = self.groups[group].zip(self.domains[domain]);
        let shares = pair.map(|(group, domain)| self.plan.assignment(group, domain).shares.as_slice());
        let sites = &self.plan.directory.sites;
        let share =
            |share: &Share| (sites[share.site.index()].id.as_str(), f64::from(share.weight) / f64::from(SHARE_UNIT));
        shares.unwrap_or_default().iter().map(share)
    }
}

/// What the plan puts on each edge site, by the demand that is known.
fn loads(estate: &Estate, demand: &[DemandView]) -> Vec<LoadView> {
    let mut planned: HashMap<&str, f64> = HashMap::new();
    for pair in demand {
        for (site, share) in &pair.shares {
            *planned.entry(site).or_default() += pair.mbps * share;
        }
    }
    let load = |site: SiteOrd| {
        let id = estate.sites[site.index()].id.as_str();
        let planned_mbps = planned.get(id).copied().unwrap_or(0.0);
        LoadView { id: id.to_owned(), planned_mbps, capacity_mbps: estate.edge_capacity(site).mbps() }
    };
    estate.edge_sites().map(load).collect()
}

fn demand(estate: &Estate, known: &Known) -> Vec<DemandView> {
    let Some(plan) = &known.plan else { return Vec::new() };
    let in_force = InForce::of(plan, estate);
    let mut views = Vec::new();
    for (g, group) in estate.groups.iter().enumerate() {
        for (d, domain) in estate.domains.iter().enumerate() {
            views.push(DemandView {
                group: group.id.to_string(),
                domain: domain.id.to_string(),
                mbps: known.demand.get(g * estate.domains.len() + d).copied().unwrap_or(0.0),
                shares: in_force.shares(g, d).map(|(site, share)| (site.to_owned(), share)).collect(),
            });
        }
    }
    views
}

fn contract(standing: &Standing) -> ContractView {
    ContractView {
        name: standing.contract.clone(),
        kind: standing.kind,
        month_to_date: format!("{:.2}", standing.month_to_date),
        forecast: format!("{:.2}", standing.forecast),
        currency: standing.currency.clone(),
        headroom_mbps: standing.headroom_mbps,
        free_slots: standing.free_slots,
    }
}
