use std::sync::Arc;

use expect_test::{Expect, expect};
use weir_model::{
    id::SiteOrd,
    plan::{Assignment, Directory, PlanNumber, Routes},
};
use weir_rules::guard::Freeze;

use super::*;
use crate::fixture::{ESTATE, Fixture};

/// A plan with these parts per group (one domain).
fn plan(fixture: &Fixture, parts: &[&[(u32, f64)]]) -> Plan {
    let of = |parts: &&[(u32, f64)]| {
        let shares = Assignment::shares_of(parts.iter().map(|(site, part)| (SiteOrd(*site), *part)));
        Arc::new(Assignment { shares, failover: vec![SiteOrd(0), SiteOrd(1), SiteOrd(2)] })
    };
    Plan {
        number: PlanNumber { epoch: 1, generation: 2 },
        parent: None,
        made_at: UnixNanos(0),
        reason: Reason::Planned,
        directory: Directory::of(&fixture.estate),
        assignments: parts.iter().map(of).collect(),
        routes: (0..3).map(|_| Arc::new(Routes::default())).collect(),
        out_of_service: fixture.out.iter().copied().collect(),
    }
}

fn violations(fixture: &Fixture, plan: &Plan, previous: Option<&Plan>, guards: &Guards) -> String {
    let context = Context {
        estate: &fixture.estate,
        guards,
        out_of_service: &fixture.out,
        demand: &fixture.demand,
        previous,
        failover: &FailoverReport::default(),
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
        placement: far -> www.acme.test is on s3, outside the domain's residency zones
        concentration: near -> www.acme.test: 1.000 on s1, at most 0.600
        concentration: far -> www.acme.test: 1.000 on s3, at most 0.600"#]],
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
