use expect_test::{Expect, expect};

use super::*;
use crate::{
    fixture::{ESTATE, Fixture},
    solve::solve,
};

fn check(fixture: &Fixture, expect: Expect) {
    let world = fixture.world();
    let policy = Policy::default();
    let stated = state(&world, &policy, 1);
    let solution = solve(&stated.problem).unwrap();
    let draft = draft(&world, &policy, stated, &solution);
    let name = |site: SiteOrd| world.estate.sites[site.index()].id.as_str();
    let mut lines = Vec::new();
    for (assignment, report) in draft.assignments.iter().zip(&draft.report.assignments) {
        let group = &world.estate.groups[report.group.index()].id;
        let failover: Vec<&str> = assignment.failover.iter().map(|site| name(*site)).collect();
        lines.push(format!("{group}: {:.0} Mbit/s, then {}", report.demand.mbps(), failover.join(" ")));
        for candidate in &report.candidates {
            let price = candidate.marginal_cost.map_or("-".into(), |cost| format!("{cost:.2}"));
            let part =
                if let Verdict::Chosen(part) = candidate.verdict { format!(" {part:.2}") } else { String::new() };
            lines.push(format!("  {} {price} {}{part}", name(candidate.site), candidate.verdict.as_str()));
        }
    }
    lines.extend(draft.report.unserved.iter().map(|unserved| format!("unserved: {}", unserved.why)));
    lines.push(format!("cost {:.2}", draft.report.cost));
    expect.assert_eq(&lines.join("\n"));
}

#[test]
fn near_and_cheap_is_chosen_and_the_others_say_why_not() {
    check(
        &Fixture::new(),
        expect![[r#"
            near: 60 Mbit/s, then s1 s2 s3
              s1 1.10 chosen 1.00
              s2 3.12 dearer
              s3 10003.90 too_far
            far: 60 Mbit/s, then s3 s1
              s1 10001.90 too_far
              s2 - unreachable
              s3 3.10 chosen 1.00
            cost 240.00"#]],
    );
}

#[test]
fn a_full_site_spills_over_and_its_shadow_price_shows() {
    let mut fixture = Fixture::new();
    fixture.demand = vec![150.0, 20.0];
    check(
        &fixture,
        expect![[r#"
        near: 150 Mbit/s, then s1 s2 s3
          s1 3.12 chosen 0.60
          s2 3.12 chosen 0.40
          s3 10003.90 too_far
        far: 20 Mbit/s, then s3 s1
          s1 10003.92 too_far
          s2 - unreachable
          s3 3.10 chosen 1.00
        cost 330.00"#]],
    );
}

#[test]
fn residency_and_share_limits_hold() {
    let estate = ESTATE.replace("latency_max: 40ms", "latency_max: 40ms, residency: [eu], site_share_max: 0.6");
    check(
        &Fixture::of(&estate),
        expect![[r#"
        near: 60 Mbit/s, then s1 s2
          s1 3.12 chosen 0.50
          s2 3.12 chosen 0.50
          s3 - residency
        far: 60 Mbit/s, then s1
          s1 10003.92 chosen 1.00
          s2 - unreachable
          s3 - residency
        cost 180.00"#]],
    );
}

#[test]
fn a_demand_without_any_site_is_reported_and_the_rest_is_served() {
    let estate = ESTATE.replace("latency: {s1: 90ms, s3: 10ms}", "latency: {}");
    check(
        &Fixture::of(&estate),
        expect![[r#"
        near: 60 Mbit/s, then s1 s2 s3
          s1 1.10 chosen 1.00
          s2 3.12 dearer
          s3 10003.90 too_far
        far: 60 Mbit/s, then 
          s1 - unreachable
          s2 - unreachable
          s3 - unreachable
        unserved: no site may serve `www.acme.test` (unreachable): offer it at a site that this group reaches
        cost 60.00"#]],
    );
}

#[test]
fn with_every_origin_gone_caches_go_on_answering() {
    let mut fixture = Fixture::new();
    fixture.take_out("origin-1");
    check(
        &fixture,
        expect![[r#"
        near: 60 Mbit/s, then s1 s2 s3
          s1 1.10 chosen 1.00
          s2 3.12 dearer
          s3 10003.90 too_far
        far: 60 Mbit/s, then s3 s1
          s1 10001.90 too_far
          s2 - unreachable
          s3 3.10 chosen 1.00
        cost 240.00"#]],
    );
}
