//! Candidate faults, and what each takes down.

use std::collections::{BTreeMap, BTreeSet};

use petgraph::{Direction, graph::NodeIndex};
use weir_model::{
    estate::Estate,
    graph::EstateGraph,
    id::{LinkOrd, NodeOrd, ProviderOrd, SiteOrd},
};

use super::{Cause, Member, Symptoms};

/// A fault that may be the cause of something.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub(super) cause: Cause,
    /// Down targets that it takes down, as ascending indices into the list of down targets.
    pub(super) explains: Vec<u32>,
    /// Healthy targets that it should have taken down.
    pub(super) contradicted: usize,
}

/// Every fault that takes at least one of `down` with it, ascending.
pub(super) fn candidates(estate: &Estate, graph: &EstateGraph, symptoms: &Symptoms, down: &[Member]) -> Vec<Candidate> {
    let scope = Scope::new(estate, graph);
    let index: BTreeMap<Member, u32> = down.iter().copied().zip(0..).collect();
    let causes: BTreeSet<Cause> = down.iter().flat_map(|member| scope.causes_of(*member)).collect();
    let is_healthy = |member: &Member| !symptoms.down.contains(member) && !symptoms.unknown.contains(member);
    let is_dead = |node: &NodeOrd| !is_healthy(&Member::Node(*node));
    let candidate = |cause| {
        let members = scope.members_of(cause);
        Candidate {
            cause,
            explains: members.iter().filter_map(|member| index.get(member).copied()).collect(),
            contradicted: match cause {
                // Its service may die without its links; it cannot be healthy itself, see below.
                Cause::Node(_) => 0,
                _ => members.iter().filter(|member| is_healthy(member)).count(),
            },
        }
    };
    // A node that answers is no cause, whatever became of its links; nor is a site where all do.
    let causes = causes.into_iter().filter(|cause| match cause {
        Cause::Node(node) => is_dead(node),
        Cause::Site(site) => estate.sites[site.index()].nodes.iter().any(is_dead),
        Cause::Link(_) | Cause::Provider(_) => true,
    });
    causes.map(candidate).collect()
}

/// What belongs to what.
struct Scope<'a> {
    estate: &'a Estate,
    graph: &'a EstateGraph,
    sites: Vec<Vec<SiteOrd>>,
    links: Vec<Vec<LinkOrd>>,
}

impl<'a> Scope<'a> {
    fn new(estate: &'a Estate, graph: &'a EstateGraph) -> Self {
        let mut sites = vec![Vec::new(); estate.providers.len()];
        for (index, site) in estate.sites.iter().enumerate() {
            sites[site.provider.index()].push(SiteOrd::of(index));
        }
        let mut links = vec![Vec::new(); estate.providers.len()];
        for (index, link) in estate.links.iter().enumerate() {
            links[link.provider.index()].push(LinkOrd::of(index));
        }
        Self { estate, graph, sites, links }
    }

    /// The faults that take `member` down.
    fn causes_of(&self, member: Member) -> Vec<Cause> {
        let of_node = |node: NodeOrd| {
            let site = self.estate.nodes[node.index()].site;
            let provider = self.estate.sites[site.index()].provider;
            [Cause::Node(node), Cause::Site(site), Cause::Provider(provider)]
        };
        match member {
            Member::Node(node) => of_node(node).to_vec(),
            Member::Link(ord) => {
                let link = &self.estate.links[ord.index()];
                let mut causes = vec![Cause::Link(ord), Cause::Provider(link.provider)];
                causes.extend(of_node(link.from).into_iter().chain(of_node(link.to)));
                causes
            }
        }
    }

    /// What `cause` takes down.
    fn members_of(&self, cause: Cause) -> BTreeSet<Member> {
        match cause {
            Cause::Link(link) => BTreeSet::from([Member::Link(link)]),
            Cause::Node(node) => self.with_links(node).collect(),
            Cause::Site(site) => self.with_nodes(site).collect(),
            Cause::Provider(provider) => self.sold_by(provider).collect(),
        }
    }

    fn with_links(&self, node: NodeOrd) -> impl Iterator<Item = Member> {
        let edges = [Direction::Outgoing, Direction::Incoming]
            .into_iter()
            .flat_map(move |direction| self.graph.edges_directed(NodeIndex::new(node.index()), direction));
        edges.map(|edge| Member::Link(*edge.weight())).chain([Member::Node(node)])
    }

    fn with_nodes(&self, site: SiteOrd) -> impl Iterator<Item = Member> {
        self.estate.sites[site.index()].nodes.iter().flat_map(|node| self.with_links(*node))
    }

    fn sold_by(&self, provider: ProviderOrd) -> impl Iterator<Item = Member> {
        let sites = self.sites[provider.index()].iter().flat_map(|site| self.with_nodes(*site));
        sites.chain(self.links[provider.index()].iter().map(|link| Member::Link(*link)))
    }
}

/// What `cause` takes down.
pub(super) fn takes_down(estate: &Estate, graph: &EstateGraph, cause: Cause) -> BTreeSet<Member> {
    Scope::new(estate, graph).members_of(cause)
}
