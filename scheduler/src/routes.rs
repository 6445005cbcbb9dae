//! Routes edge -> mid -> origin over measured link state.
//!
//! For each edge and origin: the shortest path, then the shortest that shares no mid with those
//! before it, and so on. Alternatives that share no mid are what a failover needs: the death of
//! any mid leaves the next route of the list untouched.

use std::{collections::BTreeMap, sync::Arc};

use petgraph::{
    algo::astar,
    graph::NodeIndex,
    visit::{EdgeFiltered, EdgeRef},
};
use weir_model::{
    estate::Role,
    health::Health,
    id::{DomainOrd, LinkOrd, NodeOrd},
    plan::{Route, Routes},
};

use crate::{candidates::World, cost};

/// Routes prepared for each edge and domain: one in use and three deaths survived.
pub const ROUTES_MAX: usize = 4;
/// What a lost packet costs in milliseconds: the least retransmission timeout of TCP on Linux.
const LOSS_MS: f64 = 200.0;
/// What a degraded link or node costs in milliseconds: more than any detour on Earth (RTT 300 ms).
const DEGRADED_MS: f64 = 1_000.0;

/// A route with what it takes.
#[derive(Clone, Debug, PartialEq)]
struct Costed {
    path: Vec<NodeOrd>,
    millis: f64,
}

/// All routes, `[edge row * domains + domain]`, as a plan holds them.
pub fn compute(world: &World<'_>) -> Vec<Arc<Routes>> {
    let estate = world.estate;
    let edges = (0..estate.nodes.len()).map(NodeOrd::of).filter(|node| estate.nodes[node.index()].role == Role::Edge);
    let mut all = Vec::new();
    for edge in edges {
        let mut to_origin: BTreeMap<NodeOrd, Vec<Costed>> = BTreeMap::new();
        for domain in &estate.domains {
            let mut routes = Vec::new();
            for origin in &domain.origins {
                let found = to_origin.entry(*origin).or_insert_with(|| mid_disjoint(world, edge, *origin));
                routes.extend(found.iter().map(|route| Route { path: route.path.clone() }));
            }
            routes.truncate(ROUTES_MAX);
            all.push(Arc::new(Routes { routes }));
        }
    }
    all
}

/// Whether a domain can be fetched by the edge in `row` (a domain without origins needs no route).
pub fn reaches(world: &World<'_>, routes: &[Arc<Routes>], row: usize, domain: DomainOrd) -> bool {
    let wanted = &world.estate.domains[domain.index()];
    wanted.origins.is_empty() || !routes[row * world.estate.domains.len() + domain.index()].routes.is_empty()
}

/// What a Mbit/s carried along a route adds to the month's bills of its links, in the accounting
/// currency, at the slope beyond what is committed.
pub fn price(world: &World<'_>, route: &Route, rate: impl Fn(weir_model::money::Currency) -> f64) -> f64 {
    route
        .path
        .windows(2)
        .filter_map(|hop| link_between(world, hop[0], hop[1]))
        .filter_map(|link| {
            let link = &world.estate.links[link.index()];
            let contract = &world.estate.contracts[link.contract?.index()];
            let slope = cost::segments(contract, link.capacity.mbps()).last()?.price;
            Some(slope * rate(contract.currency))
        })
        .sum()
}

fn link_between(world: &World<'_>, from: NodeOrd, to: NodeOrd) -> Option<LinkOrd> {
    let links = world.graph.edges_connecting(from.0.into(), to.0.into()).map(|edge| *edge.weight());
    links.min_by(|a, b| link_millis(world, *a).total_cmp(&link_millis(world, *b)))
}

fn mid_disjoint(world: &World<'_>, edge: NodeOrd, origin: NodeOrd) -> Vec<Costed> {
    let mut found: Vec<Costed> = Vec::new();
    let mut taken: Vec<NodeOrd> = Vec::new();
    while found.len() < ROUTES_MAX {
        let Some(route) = shortest(world, edge, origin, &taken) else { break };
        let mids = &route.path[1..route.path.len() - 1];
        let is_direct = mids.is_empty();
        taken.extend(mids);
        found.push(route);
        if is_direct {
            break;
        }
    }
    found
}

/// The path of least expected delay over mids that are in service and not `taken`.
fn shortest(world: &World<'_>, edge: NodeOrd, origin: NodeOrd, taken: &[NodeOrd]) -> Option<Costed> {
    let usable = |node: NodeOrd| {
        let forwards = node == origin || world.estate.nodes[node.index()].role == Role::Mid;
        // An edge out of service keeps its routes: it will need them when it is back.
        node == edge || forwards && !world.out_of_service.contains(&node) && !taken.contains(&node)
    };
    let open = EdgeFiltered::from_fn(world.graph, |link| {
        let up = world.links[link.weight().index()].health != Health::Down;
        up && usable(world.graph[link.source()]) && usable(world.graph[link.target()])
    });
    let goal: NodeIndex<u32> = origin.0.into();
    let delay = |link: petgraph::graph::EdgeReference<'_, LinkOrd, u32>| {
        link_millis(world, *link.weight()) + node_millis(world, world.graph[link.target()])
    };
    let (millis, path) = astar(&open, edge.0.into(), |node| node == goal, delay, |_| 0.0)?;
    Some(Costed { path: path.into_iter().map(|node| world.graph[node]).collect(), millis })
}

fn link_millis(world: &World<'_>, link: LinkOrd) -> f64 {
    let state = &world.links[link.index()];
    let latency = state.latency.unwrap_or(world.estate.links[link.index()].latency).0;
    let degraded = if state.health == Health::Degraded { DEGRADED_MS } else { 0.0 };
    latency + state.loss * LOSS_MS + degraded
}

fn node_millis(world: &World<'_>, node: NodeOrd) -> f64 {
    if world.health[node.index()] == Health::Degraded { DEGRADED_MS } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::fixture::Fixture;

    fn check(fixture: &Fixture, expect: Expect) {
        let world = fixture.world();
        let lines: Vec<String> = compute(&world)
            .iter()
            .map(|routes| {
                let paths = routes.routes.iter().map(|route| {
                    let names: Vec<&str> =
                        route.path.iter().map(|node| world.estate.nodes[node.index()].id.as_str()).collect();
                    names.join(">")
                });
                paths.collect::<Vec<_>>().join(" | ")
            })
            .collect();
        expect.assert_eq(&lines.join("\n"));
    }

    #[test]
    fn alternatives_share_no_mid() {
        check(
            &Fixture::new(),
            expect![[r#"
                edge-1>mid-1>origin-1 | edge-1>mid-2>origin-1
                edge-2>mid-1>origin-1 | edge-2>mid-2>origin-1
                edge-3>mid-2>origin-1 | edge-3>mid-1>origin-1"#]],
        );
    }

    #[test]
    fn a_slow_or_dead_mid_is_avoided() {
        let mut fixture = Fixture::new();
        fixture.set_health("mid-1", Health::Degraded);
        check(
            &fixture,
            expect![[r#"
                edge-1>mid-2>origin-1 | edge-1>mid-1>origin-1
                edge-2>mid-2>origin-1 | edge-2>mid-1>origin-1
                edge-3>mid-2>origin-1 | edge-3>mid-1>origin-1"#]],
        );
        fixture.take_out("mid-2");
        check(
            &fixture,
            expect![[r#"
                edge-1>mid-1>origin-1
                edge-2>mid-1>origin-1
                edge-3>mid-1>origin-1"#]],
        );
    }
}
