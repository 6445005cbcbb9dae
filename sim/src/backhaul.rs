//! What becomes of a request that an edge cannot answer from its cache: it goes along the plan's
//! routes, the best first, until one answers.

use std::{collections::BTreeMap, sync::Arc};

use weir_model::{
    estate::{Estate, Role},
    id::{LinkOrd, NodeOrd},
    plan::{Plan, Routes},
};

/// How long an edge waits for a route before it tries the next, in milliseconds (the demo's).
const ROUTE_TIMEOUT_MS: f64 = 400.0;
/// What is left to be carried when nothing more is worth trying.
const NOTHING: f64 = 1e-12;

/// How a node is, in truth.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Condition {
    /// It answers nobody.
    pub(crate) dead: bool,
    /// It answers so much later.
    pub(crate) slow_ms: f64,
    /// It drops this part of its requests.
    pub(crate) loss: f64,
}

impl Condition {
    /// The part of its requests that it answers.
    pub(crate) fn answers(self) -> f64 {
        if self.dead { 0.0 } else { 1.0 - self.loss }
    }
}

/// What becomes of the misses of one edge for one domain.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Backhaul {
    /// The part of them that is answered.
    pub(crate) delivered: f64,
    /// How much longer those take, on the mean.
    pub(crate) millis: f64,
    /// The part of them that each link carries.
    pub(crate) links: Vec<(LinkOrd, f64)>,
    /// Whose fault it is that some are lost: the first impaired node of the best route.
    pub(crate) blame: Option<NodeOrd>,
}

impl Backhaul {
    const NONE_NEEDED: Self = Self { delivered: 1.0, millis: 0.0, links: Vec::new(), blame: None };
}

/// The estate's nodes and links, as routes use them.
#[derive(Debug)]
pub(crate) struct Network {
    estate: Arc<Estate>,
    /// Of several links between two nodes, the fastest.
    between: BTreeMap<(NodeOrd, NodeOrd), LinkOrd>,
    /// Per node: its row among the edges.
    rows: Vec<Option<usize>>,
}

impl Network {
    pub(crate) fn new(estate: &Arc<Estate>) -> Self {
        let mut between: BTreeMap<(NodeOrd, NodeOrd), LinkOrd> = BTreeMap::new();
        for (index, link) in estate.links.iter().enumerate() {
            let fastest = between.entry((link.from, link.to)).or_insert(LinkOrd::of(index));
            if link.latency < estate.links[fastest.index()].latency {
                *fastest = LinkOrd::of(index);
            }
        }
        let mut edges = 0;
        let row = |node: &weir_model::estate::Node| {
            let is_edge = node.role == Role::Edge;
            edges += usize::from(is_edge);
            is_edge.then(|| edges - 1)
        };
        Self { rows: estate.nodes.iter().map(row).collect(), estate: Arc::clone(estate), between }
    }

    /// The row of an edge and domain in what [`Network::backhauls`] returns.
    pub(crate) fn place(&self, edge: NodeOrd, domain: usize) -> Option<usize> {
        Some(self.rows[edge.index()]? * self.estate.domains.len() + domain)
    }

    /// What becomes of misses under `plan`, per edge and domain.
    pub(crate) fn backhauls(&self, plan: &Plan, conditions: &[Condition]) -> Vec<Backhaul> {
        let domains = self.estate.domains.len();
        let of = |(place, routes): (usize, &Arc<Routes>)| {
            let needs_none = self.estate.domains[place % domains].origins.is_empty();
            if needs_none { Backhaul::NONE_NEEDED } else { self.along(routes, conditions) }
        };
        plan.routes.iter().enumerate().map(of).collect()
    }

    fn along(&self, routes: &Routes, conditions: &[Condition]) -> Backhaul {
        let mut backhaul = Backhaul { delivered: 0.0, millis: 0.0, links: Vec::new(), blame: None };
        let (mut left, mut waited) = (1.0, 0.0);
        for (number, route) in routes.routes.iter().enumerate() {
            let beyond = || route.path.iter().skip(1).map(|node| conditions[node.index()]);
            let carried = left * beyond().map(Condition::answers).product::<f64>();
            let links: Vec<LinkOrd> =
                route.path.windows(2).filter_map(|hop| self.between.get(&(hop[0], hop[1])).copied()).collect();
            // There and back.
            let travel: f64 = links.iter().map(|link| 2.0 * self.estate.links[link.index()].latency.0).sum();
            let slow: f64 = beyond().map(|condition| condition.slow_ms).sum();
            backhaul.delivered += carried;
            backhaul.millis += carried * (waited + travel + slow);
            backhaul.links.extend(links.into_iter().map(|link| (link, carried)));
            if number == 0 {
                let impaired = |node: &&NodeOrd| conditions[node.index()].answers() < 1.0;
                backhaul.blame = route.path.iter().skip(1).find(impaired).copied();
            }
            left -= carried;
            waited += ROUTE_TIMEOUT_MS;
            if left < NOTHING {
                break;
            }
        }
        if backhaul.delivered > 0.0 {
            backhaul.millis /= backhaul.delivered;
        }
        backhaul
    }
}

#[cfg(test)]
mod tests {
    use weir_model::{inventory, plan::Route};

    use super::*;

    #[test]
    fn the_next_route_takes_what_the_best_one_loses() {
        let estate = Arc::new(inventory::parse("demo", crate::DEMO_ESTATE).unwrap());
        let node = |name: &str| estate.node_ord(name).unwrap();
        let path = |mid: &str| Route { path: vec![node("edge-1"), node(mid), node("origin-1")] };
        let routes = Routes { routes: vec![path("mid-1"), path("mid-2")] };
        let network = Network::new(&estate);
        let mut conditions = vec![Condition::default(); estate.nodes.len()];
        let healthy = network.along(&routes, &conditions);
        // 4 ms to mid-1 and 1 ms on, there and back.
        assert_eq!((healthy.delivered, healthy.millis, healthy.blame), (1.0, 10.0, None));
        conditions[node("mid-1").index()].loss = 0.5;
        let lossy = network.along(&routes, &conditions);
        // The other half waits 400 ms, then takes 8 ms and 6 ms, there and back.
        assert_eq!((lossy.delivered, lossy.millis), (1.0, (10.0 + 428.0) / 2.0));
        assert_eq!(lossy.blame, Some(node("mid-1")));
        conditions[node("origin-1").index()].dead = true;
        assert_eq!(network.along(&routes, &conditions).delivered, 0.0);
    }
}
