use expect_test::{Expect, expect};
use weir_model::inventory;

use super::*;

/// A site of provider `x` with two edges, and one of `y`; a link to each from a mid at another of `y`.
const ESTATE: &str = "
providers: [{id: x}, {id: y}]
sites:
  - {id: ams, kind: edge, region: eu, provider: x}
  - {id: lon, kind: edge, region: eu, provider: y}
  - {id: core, kind: idc, region: eu, provider: y}
nodes:
  - {id: ams-1, site: ams, role: edge, addresses: [192.0.2.1], capacity: 10Gbps}
  - {id: ams-2, site: ams, role: edge, addresses: [192.0.2.2], capacity: 10Gbps}
  - {id: lon-1, site: lon, role: edge, addresses: [192.0.2.5], capacity: 10Gbps}
  - {id: mid-1, site: core, role: mid, addresses: [192.0.2.7], capacity: 10Gbps}
links:
  - {id: to-ams-1, kind: transit, from: mid-1, to: ams-1, provider: y, capacity: 10Gbps}
  - {id: to-ams-2, kind: transit, from: mid-1, to: ams-2, provider: y, capacity: 10Gbps}
  - {id: to-lon-1, kind: transit, from: mid-1, to: lon-1, provider: y, capacity: 10Gbps}
customers: [{id: acme}]
domains: [{id: www.acme.test, customer: acme}]
client_groups: [{id: g, region: eu, prefixes: [10.0.0.0/8], latency: {ams: 10ms}}]
";

fn now(secs: u64) -> Now {
    Now::default() + Duration::from_secs(secs)
}

/// The verdicts when the targets called `down` are, and all others up.
fn symptoms(estate: &Estate, down: &str) -> Symptoms {
    let health = |id: &str| if down.split(' ').any(|name| name == id) { Health::Down } else { Health::Up };
    let nodes: Vec<Health> = estate.nodes.iter().map(|node| health(node.id.as_str())).collect();
    let links: Vec<Health> = estate.links.iter().map(|link| health(link.id.as_str())).collect();
    Symptoms::of(&nodes, &links)
}

/// What is found when each of `steps`, second and what is down, has settled.
fn check(steps: &[(u64, &str)], expect: Expect) {
    let estate = inventory::parse("estate.yaml", ESTATE).unwrap_or_else(|errors| panic!("{errors}"));
    let mut suspicion = Suspicion::default();
    let mut log = String::new();
    let mut settle = |suspicion: &mut Suspicion, until: u64| {
        while let Some((due, _)) = suspicion.poll_timeout().filter(|(due, _)| *due < now(until).mono) {
            let at = Now { mono: due, wall: UnixNanos(due.0 as i64) };
            for finding in suspicion.handle_timeout(&estate, at) {
                let Finding { at, subject, id, kind, text, .. } = finding;
                log += &format!("{}s {} {subject} {id}: {text}\n", at.secs(), kind.as_str());
            }
        }
    };
    for (second, down) in steps {
        settle(&mut suspicion, *second);
        suspicion.handle_symptoms(symptoms(&estate, down), now(*second).mono);
    }
    settle(&mut suspicion, 1_000);
    expect.assert_eq(&log);
}

#[test]
fn a_site_that_goes_down_piece_by_piece_is_suspected_once_and_cleared() {
    check(
        &[
            (10, "ams-1"),
            (11, "ams-1 to-ams-1"),
            (12, "ams-1 ams-2 to-ams-1 to-ams-2"),
            (30, "ams-1 ams-2 to-ams-1 to-ams-2"),
            (60, "ams-2"),
            (61, ""),
        ],
        expect![[r#"
            13s suspected site ams: site ams: 4 of 4 down explained (44 % plausible)
            63s cleared site ams: no longer the likely cause of what is down
        "#]],
    );
}

#[test]
fn a_target_alone_is_its_own_finding() {
    check(&[(10, "ams-1"), (30, "ams-1 to-lon-1"), (60, "")], expect![""]);
}

#[test]
fn a_cause_that_turns_out_wider_replaces_the_narrow_one() {
    check(
        &[(10, "ams-1 to-ams-1"), (30, "ams-1 ams-2 to-ams-1 to-ams-2")],
        expect![[r#"
        13s suspected node ams-1: node ams-1: 2 of 2 down explained (88 % plausible)
        33s cleared node ams-1: no longer the likely cause of what is down
        33s suspected site ams: site ams: 4 of 4 down explained (44 % plausible)
    "#]],
    );
}

#[test]
fn who_is_degraded_speaks_neither_for_nor_against() {
    let symptoms = Symptoms::of(&[Health::Down, Health::Degraded, Health::Up], &[Health::Unknown]);
    assert_eq!(symptoms.down, [Member::Node(NodeOrd::of(0))].into());
    assert_eq!(symptoms.unknown, [Member::Node(NodeOrd::of(1)), Member::Link(LinkOrd::of(0))].into());
}
