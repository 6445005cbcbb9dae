use expect_test::{Expect, expect};

use weir_model::plan::Route;

use super::*;
use crate::fixture::{ESTATE, Fixture};

fn check(fixture: &Fixture, shares: &[&[(u32, f64)]], expect: Expect) {
    let assignments: Vec<Arc<Assignment>> = shares
        .iter()
        .map(|parts| {
            let shares = Assignment::shares_of(parts.iter().map(|(site, part)| (SiteOrd(*site), *part)));
            Arc::new(Assignment { shares, failover: vec![SiteOrd(0), SiteOrd(1), SiteOrd(2)] })
        })
        .collect();
    let base = Base { assignments: &assignments, routes: &[] };
    let outage = Outage { nodes: fixture.out.clone(), hops: BTreeSet::new() };
    let derived = derive(&fixture.estate, base, &outage, &fixture.demand);
    let lines: Vec<String> = derived
        .assignments
        .iter()
        .map(|assignment| {
            let shares = assignment.shares.iter().map(|s| format!("s{} {}", s.site.0 + 1, s.weight));
            shares.collect::<Vec<_>>().join(", ")
        })
        .collect();
    expect.assert_eq(&format!("{}\n{:?}", lines.join("\n"), derived.report));
    for (slot, (before, after)) in assignments.iter().zip(&derived.assignments).enumerate() {
        assert_eq!(Arc::ptr_eq(before, after), !derived.report.moved.contains(&slot), "unchanged slots are shared");
    }
}

#[test]
fn the_list_is_followed_as_far_as_capacity_goes() {
    let mut fixture = Fixture::new();
    fixture.take_out("edge-1");
    fixture.demand = vec![80.0, 60.0];
    check(
        &fixture,
        &[&[(0, 1.0)], &[(1, 1.0)]],
        expect![[r#"
        s2 500000, s3 500000
        s2 1000000
        FailoverReport { moved: [0], moved_mbps: 80.0, overloaded: [], stranded: [] }"#]],
    );
}

#[test]
fn a_split_demand_keeps_what_lives() {
    let mut fixture = Fixture::new();
    fixture.take_out("edge-1");
    check(
        &fixture,
        &[&[(0, 0.5), (2, 0.5)], &[(2, 1.0)]],
        expect![[r#"
        s2 500000, s3 500000
        s3 1000000
        FailoverReport { moved: [0], moved_mbps: 30.0, overloaded: [], stranded: [] }"#]],
    );
}

#[test]
fn important_domains_find_room_first_and_the_rest_overloads_the_least_loaded() {
    let estate = ESTATE.replace(
        "domains:\n",
        "domains:\n  - {id: low.acme.test, customer: acme, ttl: 1s, origins: [origin-1], priority: 1}\n",
    );
    let mut fixture = Fixture::of(&estate);
    fixture.take_out("edge-1");
    fixture.take_out("edge-2");
    fixture.demand = vec![90.0, 90.0, 0.0, 0.0];
    check(
        &fixture,
        &[&[(0, 1.0)], &[(1, 1.0)], &[(2, 1.0)], &[(2, 1.0)]],
        expect![[r#"
        s3 1000000
        s3 1000000
        s3 1000000
        s3 1000000
        FailoverReport { moved: [0, 1], moved_mbps: 180.0, overloaded: [(SiteOrd(2), 80.0)], stranded: [] }"#]],
    );
}

#[test]
fn with_everything_dead_answers_stay_as_they_were() {
    let mut fixture = Fixture::new();
    for edge in ["edge-1", "edge-2", "edge-3"] {
        fixture.take_out(edge);
    }
    check(
        &fixture,
        &[&[(0, 1.0)], &[(2, 1.0)]],
        expect![[r#"
        s1 1000000
        s3 1000000
        FailoverReport { moved: [], moved_mbps: 0.0, overloaded: [], stranded: [0, 1] }"#]],
    );
}

/// The fixture with a second edge at the first site.
fn two_edges() -> Fixture {
    Fixture::of(&ESTATE.replace(
        "  - {id: edge-2,",
        "  - {id: edge-1b, site: s1, role: edge, addresses: [127.0.1.4], capacity: 100Mbps}\n  - {id: edge-2,",
    ))
}

#[test]
fn a_site_that_lost_an_edge_keeps_what_the_other_can_serve() {
    let mut fixture = two_edges();
    fixture.take_out("edge-1b");
    fixture.demand = vec![90.0, 90.0];
    check(
        &fixture,
        &[&[(0, 1.0)], &[(0, 1.0)]],
        expect![[r#"
        s1 1000000
        s1 111111, s2 888889
        FailoverReport { moved: [1], moved_mbps: 80.0, overloaded: [], stranded: [] }"#]],
    );
    fixture.demand = vec![40.0, 50.0];
    check(
        &fixture,
        &[&[(0, 1.0)], &[(0, 1.0)]],
        expect![[r#"
        s1 1000000
        s1 1000000
        FailoverReport { moved: [], moved_mbps: 0.0, overloaded: [], stranded: [] }"#]],
    );
}

#[test]
fn nobody_moves_when_nobody_else_has_room() {
    let mut fixture = two_edges();
    for edge in ["edge-1b", "edge-2", "edge-3"] {
        fixture.take_out(edge);
    }
    fixture.demand = vec![90.0, 90.0];
    check(
        &fixture,
        &[&[(0, 1.0)], &[(0, 1.0)]],
        expect![[r#"
        s1 1000000
        s1 1000000
        FailoverReport { moved: [], moved_mbps: 0.0, overloaded: [(SiteOrd(0), 80.0)], stranded: [] }"#]],
    );
}

#[test]
fn routes_avoid_dead_nodes_and_dead_hops_and_are_never_empty() {
    let fixture = Fixture::new();
    let node = |name: &str| fixture.estate.node_ord(name).unwrap();
    let path = |mid| Route { path: vec![node("edge-1"), node(mid), node("origin-1")] };
    let routes = [Arc::new(Routes { routes: vec![path("mid-1"), path("mid-2")] })];
    let left = |nodes: &[&str], hops: &[(&str, &str)]| {
        let outage = Outage {
            nodes: nodes.iter().map(|name| node(name)).collect(),
            hops: hops.iter().map(|(from, to)| (node(from), node(to))).collect(),
        };
        let derived = derive(&fixture.estate, Base { assignments: &[], routes: &routes }, &outage, &[]);
        derived.routes[0].routes.clone()
    };
    assert_eq!(left(&["mid-1"], &[]), [path("mid-2")]);
    assert_eq!(left(&[], &[("edge-1", "mid-1")]), [path("mid-2")]);
    assert_eq!(left(&[], &[("mid-1", "edge-1")]), [path("mid-1"), path("mid-2")], "the other direction");
    assert_eq!(left(&[], &[("mid-2", "origin-1")]), [path("mid-1")]);
    assert_eq!(left(&["mid-1", "mid-2"], &[]), [path("mid-1"), path("mid-2")]);
}
