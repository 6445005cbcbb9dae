use std::sync::Arc;

use expect_test::{Expect, expect};
use weir_model::{
    id::SiteOrd,
    plan::{Assignment, Directory, PlanNumber, Route, Routes},
};
use weir_rules::guard::Freeze;

use super::*;
use crate::fixture::{ESTATE, Fixture};

/// A plan with these parts per group (one domain).
fn plan(fixture: &Fixture, parts: &[&[(u32, f64)]]) -> Plan {
    let of = |(group, parts): (usize, &&[(u32, f64)])| {
        let shares = Assignment::shares_of(parts.iter().map(|(site, part)| (SiteOrd(*site), *part)));
        Arc::new(Assignment { shares, failover: fixture.estate.groups[group].latency.keys().copied().collect() })
    };
    Plan {
        number: PlanNumber { epoch: 1, generation: 2 },
        parent: None,
        made_at: UnixNanos(0),
        reason: Reason::Planned,
        directory: Directory::of(&fixture.estate),
        assignments: parts.iter().enumerate().map(of).collect(),
        routes: (0..3).map(|_| Arc::new(Routes::default())).collect(),
        out_of_service: fixture.out.iter().copied().collect(),
    }
}

fn violations(fixture: &Fixture, plan: &Plan, previous: Option<&Plan>, guards: &Guards) -> String {
    violations_of_derived(fixture, plan, previous, guards, None)
}

fn violations_of_derived(
    fixture: &Fixture,
    plan: &Plan,
    previous: Option<&Plan>,
    guards: &Guards,
    base: Option<&[Arc<Assignment>]>,
) -> String {
    let context = Context {
        estate: &fixture.estate,
        guards,
        out_of_service: &fixture.out,
        demand: &fixture.demand,
        previous,
        base: base.unwrap_or(&plan.assignments),
        unserved: &vec![0.0; fixture.demand.len()],
        now: UnixNanos(5),
    };
    let found: Vec<String> = check(plan, &context, Extent::Whole).iter().map(ToString::to_string).collect();
    found.join("\n")
}

fn check_plan(fixture: &Fixture, parts: &[&[(u32, f64)]], expect: Expect) {
    expect.assert_eq(&violations(fixture, &plan(fixture, parts), None, &Guards::default()));
}

#[test]
fn a_good_plan_passes() {
    check_plan(&Fixture::new(), &[&[(0, 1.0)], &[(2, 1.0)]], expect![""]);
}

#[test]
fn shares_must_be_where_they_may_and_fit() {
    // `far` does not reach s2, and s1 cannot serve 120 Mbit/s.
    check_plan(
        &Fixture::new(),
        &[&[(0, 1.0)], &[(1, 1.0)]],
        expect!["placement: far -> www.acme.test is on s2, which the group does not reach"],
    );
    check_plan(
        &Fixture::new(),
        &[&[(0, 1.0)], &[(0, 1.0)]],
        expect!["capacity: s1 is given 120.0 Mbit/s and can serve 100.0"],
    );
    let estate = ESTATE.replace("latency_max: 40ms", "latency_max: 40ms, residency: [eu], site_share_max: 0.6");
    check_plan(
        &Fixture::of(&estate),
        &[&[(0, 1.0)], &[(2, 1.0)]],
        expect![[r#"
            placement: near -> www.acme.test would fail over to s3, outside the domain's residency zones
            placement: far -> www.acme.test is on s3, outside the domain's residency zones
            placement: far -> www.acme.test would fail over to s3, outside the domain's residency zones
            concentration: near -> www.acme.test: 1.000 on s1, at most 0.600"#]],
    );
}

#[test]
fn nothing_is_left_on_the_dead() {
    let mut fixture = Fixture::new();
    fixture.take_out("edge-1");
    check_plan(
        &fixture,
        &[&[(0, 1.0)], &[(2, 1.0)]],
        expect!["health: near -> www.acme.test is on s1, none of whose edges is in service"],
    );
    fixture.take_out("edge-2");
    check_plan(
        &fixture,
        &[&[(2, 1.0)], &[(2, 1.0)]],
        expect![[r#"
        capacity: s3 is given 120.0 Mbit/s and can serve 100.0
        min_healthy: 2 of 3 edges would be out of service, at least 50 % must stay"#]],
    );
}

#[test]
fn a_plan_that_does_not_add_up_is_no_plan() {
    let fixture = Fixture::new();
    let mut broken = plan(&fixture, &[&[(0, 1.0)], &[(2, 1.0)]]);
    let mut assignment = (*broken.assignments[0]).clone();
    assignment.shares[0].weight -= 1;
    broken.assignments[0] = Arc::new(assignment);
    let found = violations(&fixture, &broken, None, &Guards::default());
    expect!["completeness: near -> www.acme.test: shares add up to 999999 of 1000000"].assert_eq(&found);
}

#[test]
fn moves_are_limited_unless_they_must_be() {
    let fixture = Fixture::new();
    let before = plan(&fixture, &[&[(0, 1.0)], &[(2, 1.0)]]);
    let mut after = plan(&fixture, &[&[(0, 0.5), (1, 0.5)], &[(2, 1.0)]]);
    let mut guards = Guards::default();
    let moved = violations(&fixture, &after, Some(&before), &guards);
    expect!["max_shift: moves 25.0 % of all demand, at most 20.0 %"].assert_eq(&moved);
    guards.max_shift = 0.25;
    assert_eq!(violations(&fixture, &after, Some(&before), &guards), "");
    guards.freezes.push(Freeze { from: UnixNanos(0), until: UnixNanos(10), reason: "launch".into() });
    expect!["freeze: moves 25.0 % of all demand during a freeze (launch)"].assert_eq(&violations(
        &fixture,
        &after,
        Some(&before),
        &guards,
    ));
    after.reason = Reason::Failover(vec![1]);
    assert_eq!(violations(&fixture, &after, Some(&before), &guards), "");
}

#[test]
fn users_of_the_dead_may_overload_a_site_only_when_no_other_has_room() {
    let mut fixture = Fixture::new();
    let base = plan(&fixture, &[&[(0, 1.0)], &[(2, 1.0)]]);
    fixture.take_out("edge-1");
    let derived = |parts: &[&[(u32, f64)]]| {
        let mut derived = plan(&fixture, parts);
        derived.reason = Reason::Failover(vec![1]);
        derived
    };
    let check = |fixture: &Fixture, plan: &Plan| {
        violations_of_derived(fixture, plan, Some(&base), &Guards::default(), Some(&base.assignments))
    };
    assert_eq!(check(&fixture, &derived(&[&[(1, 1.0)], &[(2, 1.0)]])), "");
    let crowded = derived(&[&[(2, 1.0)], &[(2, 1.0)]]);
    expect!["capacity: s3 is given 120.0 Mbit/s and can serve 100.0: near -> www.acme.test has room on s2"]
        .assert_eq(&check(&fixture, &crowded));
    let moved_for_nothing = derived(&[&[(1, 1.0)], &[(0, 1.0)]]);
    expect!["health: far -> www.acme.test is on s1, none of whose edges is in service"]
        .assert_eq(&check(&fixture, &moved_for_nothing));
    fixture.take_out("edge-2");
    let guards = Guards { min_healthy: 0.3, ..Guards::default() };
    let no_other =
        violations_of_derived(&fixture, &derived_of(&crowded, &fixture), Some(&base), &guards, Some(&base.assignments));
    assert_eq!(no_other, "");
}

fn derived_of(plan: &Plan, fixture: &Fixture) -> Plan {
    Plan { out_of_service: fixture.out.iter().copied().collect(), ..plan.clone() }
}

#[test]
fn what_the_planner_found_no_room_for_is_no_violation() {
    let mut fixture = Fixture::new();
    fixture.demand = vec![150.0, 60.0];
    let shares = plan(&fixture, &[&[(0, 1.0)], &[(2, 1.0)]]);
    let found = |unserved: &[f64]| {
        let context = Context {
            estate: &fixture.estate,
            guards: &Guards::default(),
            out_of_service: &fixture.out,
            demand: &fixture.demand,
            previous: None,
            base: &shares.assignments,
            unserved,
            now: UnixNanos(5),
        };
        check(&shares, &context, Extent::Whole).iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(found(&[50.0, 0.0]), "");
    expect!["capacity: s1 is given 110.0 Mbit/s and can serve 100.0"].assert_eq(&found(&[40.0, 10.0]));
}

#[test]
fn a_route_leads_from_its_edge_to_an_origin() {
    let fixture = Fixture::new();
    let mut plan = plan(&fixture, &[&[(0, 1.0)], &[(2, 1.0)]]);
    let node = |name: &str| fixture.estate.node_ord(name).unwrap();
    let mut check = |path: &[&str]| {
        let path = path.iter().map(|name| node(name)).collect();
        plan.routes[0] = Arc::new(Routes { routes: vec![Route { path }] });
        violations(&fixture, &plan, None, &Guards::default())
    };
    assert_eq!(check(&["edge-1", "mid-1", "origin-1"]), "");
    for astray in [&["edge-2", "mid-1", "origin-1"][..], &["edge-1", "mid-1"], &["edge-1", "origin-1"], &[]] {
        assert_eq!(check(astray), "completeness: a route of edge-1 for www.acme.test leads nowhere", "{astray:?}");
    }
}
