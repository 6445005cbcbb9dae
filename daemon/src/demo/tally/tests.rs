use std::sync::Arc;

use weir_model::{
    id::SiteOrd,
    inventory,
    plan::{Assignment, Directory, Plan, Reason},
    time::UnixNanos,
};

use super::*;

/// Two edges, one group: half and half, or all on the second once the first is out.
fn plan(generation: u64, out: Option<NodeOrd>) -> Arc<Plan> {
    let estate = inventory::parse(
        "fixture.yaml",
        r"
providers: [{id: own}]
sites:
  - {id: s1, kind: edge, region: eu, provider: own}
  - {id: s2, kind: edge, region: eu, provider: own}
nodes:
  - {id: edge-1, site: s1, role: edge, addresses: [127.0.1.1], capacity: 1Gbps}
  - {id: edge-2, site: s2, role: edge, addresses: [127.0.1.2], capacity: 1Gbps}
customers: [{id: acme}]
domains: [{id: www.acme.test, customer: acme, ttl: 1s}]
client_groups: [{id: g, region: eu, prefixes: [10.1.0.0/16], latency: {s1: 1ms, s2: 1ms}}]
",
    )
    .unwrap();
    let first = if out.is_some() { 0.0 } else { 1.0 };
    let shares = Assignment::shares_of([(SiteOrd(0), first), (SiteOrd(1), 1.0)]);
    Arc::new(Plan {
        number: PlanNumber { epoch: 1, generation },
        parent: None,
        made_at: UnixNanos(0),
        reason: Reason::Planned,
        directory: Directory::of(&estate),
        assignments: vec![Arc::new(Assignment { shares, failover: vec![] })],
        routes: vec![],
        out_of_service: out.into_iter().collect(),
    })
}

/// A request at `millis` of a user whom the first plan sends to `site`.
fn request(before: &Picker, site: u32, plan: u64, served_by: Option<u32>, millis: u64) -> Ended {
    let sent_to = |subnet: &u8| {
        let user: std::net::IpAddr = [10, 1, *subnet, 1].into();
        before.pick(DomainOrd(0), Client::Subnet(user)).unwrap().site == SiteOrd(site)
    };
    let subnet = (0..=255).find(sent_to).unwrap();
    Ended {
        group: GroupOrd(0),
        domain: DomainOrd(0),
        user: [10, 1, subnet, 1].into(),
        plan: Some(PlanNumber { epoch: 1, generation: plan }),
        served_by: served_by.map(|node| (NodeOrd(node), SiteOrd(node))),
        missed_cache: false,
        started: Mono(millis * 1_000_000),
        ended: Mono((millis + 10) * 1_000_000),
    }
}

#[test]
fn times_count_from_the_injection_and_recovery_is_of_those_who_were_hit() {
    let mut tally = Tally::default();
    tally.plan(&plan(1, None));
    let before = Picker::new(plan(1, None));
    tally.injected(NodeOrd(0), true, Mono(1_000_000_000));
    // Users of the other site say nothing of recovery.
    tally.ended(&request(&before, 1, 1, Some(1), 1_050));
    tally.ended(&request(&before, 0, 1, None, 1_060));
    let finding = Finding {
        number: 1,
        at: UnixNanos(0),
        subject: weir_model::finding::Subject::Node,
        id: "edge-1".into(),
        kind: FindingKind::Health(Health::Down),
        text: String::new(),
    };
    tally.finding(&finding, Mono(1_150_000_000));
    tally.plan(&plan(2, Some(NodeOrd(0))));
    tally.resolved(PlanNumber { epoch: 1, generation: 1 }, Mono(1_155_000_000));
    tally.resolved(PlanNumber { epoch: 1, generation: 2 }, Mono(1_160_000_000));
    tally.ended(&request(&before, 0, 2, Some(1), 1_200));
    tally.ended(&request(&before, 0, 2, Some(1), 1_900));
    let failover = &tally.failovers[0];
    let millis =
        [failover.detected, failover.switched, failover.recovered()].map(|at| failover.after(at).unwrap().as_millis());
    assert_eq!(millis, [150, 160, 210]);
    assert_eq!((failover.failed_requests, tally.requests, tally.failed), (1, 4, 1));
}

#[test]
fn accuracies_compare_with_the_plan_that_answered() {
    let mut tally = Tally::default();
    tally.plan(&plan(1, None));
    tally.plan(&plan(2, Some(NodeOrd(0))));
    let before = Picker::new(plan(1, None));
    for (generation, node) in [(1, 0), (1, 1), (1, 1), (1, 1), (2, 1), (2, 0)] {
        tally.ended(&request(&before, 0, generation, Some(node), 1));
    }
    assert!((tally.dispatch_accuracy() - 5.0 / 6.0).abs() < 1e-9, "the second plan does not allow site 1");
    // Generation 1: 1/4 and 3/4 for halves, off by 1/4; generation 2: half for nothing, off by 1/2.
    assert!((tally.share_accuracy() - (1.0 - (4.0 * 0.25 + 2.0 * 0.5) / 6.0)).abs() < 1e-5);
}

#[test]
fn a_fault_that_hit_nobody_is_over_at_once_and_one_that_was_not_done_is_none() {
    let mut tally = Tally::default();
    tally.plan(&plan(1, None));
    let before = Picker::new(plan(1, None));
    tally.injected(NodeOrd(0), true, Mono(1_000_000_000));
    tally.injected(NodeOrd(1), true, Mono(1_000_000_000));
    tally.withdrawn(NodeOrd(1), Mono(1_000_000_000));
    assert_eq!(tally.failovers.len(), 1);
    // That somebody is answered later says nothing of who was hit.
    tally.ended(&request(&before, 0, 1, Some(1), 5_000));
    let recovered = |tally: &Tally| tally.failovers[0].after(tally.failovers[0].recovered());
    assert_eq!(recovered(&tally), Some(Duration::ZERO));
    tally.ended(&request(&before, 0, 1, None, 5_100));
    assert_eq!(recovered(&tally), None);
}
