use expect_test::{Expect, expect};
use proptest::prelude::*;
use weir_model::{graph, inventory};

use super::*;

/// Two sites of provider `x` and one of `y`, two edges each, and a mid at another of `y`; links from
/// the mid to five of the edges, by the provider named.
const ESTATE: &str = "
providers: [{id: x}, {id: y}, {id: transit}]
sites:
  - {id: ams, kind: edge, region: eu, provider: x}
  - {id: fra, kind: edge, region: eu, provider: x}
  - {id: lon, kind: edge, region: eu, provider: y}
  - {id: core, kind: idc, region: eu, provider: y}
nodes:
  - {id: ams-1, site: ams, role: edge, addresses: [192.0.2.1], capacity: 10Gbps}
  - {id: ams-2, site: ams, role: edge, addresses: [192.0.2.2], capacity: 10Gbps}
  - {id: fra-1, site: fra, role: edge, addresses: [192.0.2.3], capacity: 10Gbps}
  - {id: fra-2, site: fra, role: edge, addresses: [192.0.2.4], capacity: 10Gbps}
  - {id: lon-1, site: lon, role: edge, addresses: [192.0.2.5], capacity: 10Gbps}
  - {id: lon-2, site: lon, role: edge, addresses: [192.0.2.6], capacity: 10Gbps}
  - {id: mid-1, site: core, role: mid, addresses: [192.0.2.7], capacity: 10Gbps}
links:
  - {id: to-ams-1, kind: transit, from: mid-1, to: ams-1, provider: transit, capacity: 10Gbps}
  - {id: to-ams-2, kind: transit, from: mid-1, to: ams-2, provider: transit, capacity: 10Gbps}
  - {id: to-fra-1, kind: transit, from: mid-1, to: fra-1, provider: transit, capacity: 10Gbps}
  - {id: to-fra-2, kind: transit, from: mid-1, to: fra-2, provider: y, capacity: 10Gbps}
  - {id: to-lon-1, kind: transit, from: mid-1, to: lon-1, provider: y, capacity: 10Gbps}
customers: [{id: acme}]
domains: [{id: www.acme.test, customer: acme}]
client_groups: [{id: g, region: eu, prefixes: [10.0.0.0/8], latency: {ams: 10ms}}]
";

fn estate() -> Estate {
    inventory::parse("estate.yaml", ESTATE).unwrap_or_else(|errors| panic!("{errors}"))
}

fn members(estate: &Estate, names: &str) -> BTreeSet<Member> {
    let member = |name: &str| match estate.node_ord(name) {
        Some(node) => Member::Node(node),
        None => Member::Link(estate.link_ord(name).unwrap_or_else(|| panic!("no {name}"))),
    };
    names.split_whitespace().map(member).collect()
}

/// The explanations of the targets called `down`, with those called `unknown` not looked at.
fn check(down: &str, unknown: &str, expected: Expect) {
    let estate = estate();
    let symptoms = Symptoms { down: members(&estate, down), unknown: members(&estate, unknown) };
    let found = explain(&estate, &graph::of(&estate), &symptoms, 3);
    let lines = found.iter().map(|found| format!("{:.2} {}\n", found.score, found.text));
    expected.assert_eq(&lines.collect::<String>());
}

#[test]
fn nothing_down_needs_no_explanation() {
    check("", "", expect![[""]]);
}

#[test]
fn a_node_takes_its_links_down() {
    check(
        "ams-1 to-ams-1",
        "",
        expect![[r#"
            0.92 node ams-1: 2 of 2 down explained
            0.08 site ams: 2 of 2 down explained, 2 healthy against it
            0.00 provider x: 2 of 2 down explained, 6 healthy against it
        "#]],
    );
}

#[test]
fn a_link_alone_is_a_link() {
    check(
        "to-ams-1",
        "",
        expect![[r#"
            0.95 link to-ams-1: 1 of 1 down explained
            0.05 provider transit: 1 of 1 down explained, 2 healthy against it
            0.00 provider x: 1 of 1 down explained, 7 healthy against it
        "#]],
    );
}

#[test]
fn a_site_takes_its_nodes_down() {
    check(
        "ams-1 ams-2 to-ams-1 to-ams-2",
        "",
        expect![[r#"
            0.62 site ams: 4 of 4 down explained
            0.37 node ams-1 and node ams-2: 4 of 4 down explained
            0.01 provider x: 4 of 4 down explained, 4 healthy against it
        "#]],
    );
}

#[test]
fn a_provider_takes_its_links_down_and_a_healthy_one_excuses_it() {
    check(
        "to-ams-1 to-ams-2 to-fra-1",
        "",
        expect![[r#"
            0.99 provider transit: 3 of 3 down explained
            0.01 provider x: 3 of 3 down explained, 5 healthy against it
            0.01 provider y: 3 of 3 down explained, 5 healthy against it
        "#]],
    );
    check(
        "to-ams-1 to-ams-2",
        "",
        expect![[r#"
            0.71 link to-ams-1 and link to-ams-2: 2 of 2 down explained
            0.29 provider transit: 2 of 2 down explained, 1 healthy against it
            0.00 provider x: 2 of 2 down explained, 6 healthy against it
        "#]],
    );
    check(
        "to-ams-1 to-ams-2",
        "to-fra-1",
        expect![[r#"
            0.52 provider transit: 2 of 2 down explained
            0.47 link to-ams-1 and link to-ams-2: 2 of 2 down explained
            0.00 provider x: 2 of 2 down explained, 5 healthy against it
        "#]],
    );
}

#[test]
fn two_sites_of_one_provider_are_the_provider() {
    check(
        "ams-1 ams-2 fra-1 fra-2 to-ams-1 to-ams-2 to-fra-1 to-fra-2",
        "",
        expect![[r#"
            0.75 provider x: 8 of 8 down explained
            0.25 site ams and site fra: 8 of 8 down explained
        "#]],
    );
}

#[test]
fn unrelated_faults_are_told_apart() {
    check(
        "ams-1 to-ams-1 lon-1 lon-2 to-lon-1",
        "",
        expect![[r#"
            0.60 node ams-1 and site lon: 5 of 5 down explained
            0.36 node ams-1 and node lon-1 and node lon-2: 5 of 5 down explained
            0.03 node lon-1 and node lon-2 and site ams: 5 of 5 down explained, 2 healthy against it
        "#]],
    );
}

#[test]
fn a_node_that_answers_is_no_cause_of_its_dead_links() {
    check(
        "to-ams-1 to-ams-2 to-fra-1 to-fra-2 to-lon-1",
        "",
        expect![[r#"
            0.71 link to-fra-2 and link to-lon-1 and provider transit: 5 of 5 down explained
            0.26 provider y: 5 of 5 down explained, 3 healthy against it
            0.04 link to-lon-1 and provider x: 5 of 5 down explained, 4 healthy against it
        "#]],
    );
}

/// The members of [`ESTATE`] by number: seven nodes, then five links.
fn member(index: u32) -> Member {
    if index < 7 { Member::Node(NodeOrd(index)) } else { Member::Link(LinkOrd(index - 7)) }
}

proptest! {
    #[test]
    fn explanations_are_sound(down in proptest::collection::btree_set(0u32..12, 1..9)) {
        let estate = estate();
        let symptoms = Symptoms { down: down.iter().map(|index| member(*index)).collect(), ..Symptoms::default() };
        let found = explain(&estate, &graph::of(&estate), &symptoms, usize::MAX);
        prop_assert!(!found.is_empty());
        prop_assert!((found.iter().map(|found| found.score).sum::<f64>() - 1.0).abs() < 1e-9);
        prop_assert!(found.is_sorted_by(|a, b| a.score >= b.score));
        for explanation in &found {
            prop_assert_eq!(explanation.explained + explanation.unexplained, down.len());
            prop_assert!(!explanation.causes.is_empty());
        }
    }

    #[test]
    fn the_best_costs_little_more_than_the_cheapest_of_all(down in proptest::collection::btree_set(0u32..12, 1..9)) {
        let estate = estate();
        let down: Vec<Member> = down.into_iter().map(member).collect();
        let symptoms = Symptoms { down: down.iter().copied().collect(), ..Symptoms::default() };
        let candidates = candidate::candidates(&estate, &graph::of(&estate), &symptoms, &down);
        let best = cover::covers(&candidates, down.len())[0].cost;
        let cheapest = cover::cheapest_by_trying_all(&candidates, down.len());
        prop_assert!(cheapest - 1e-9 <= best && best <= 1.25 * cheapest, "{best} {cheapest}");
    }

    #[test]
    fn one_true_fault_comes_first(fault in 0usize..14) {
        let estate = estate();
        let causes: Vec<Cause> = (0..7).map(|node| Cause::Node(NodeOrd(node)))
            .chain((0..4).map(|site| Cause::Site(SiteOrd(site))))
            .chain((0..3).map(|provider| Cause::Provider(ProviderOrd(provider))))
            .collect();
        let graph = graph::of(&estate);
        let takes = |cause| candidate::takes_down(&estate, &graph, cause);
        let down = takes(causes[fault]);
        let symptoms = Symptoms { down: down.clone(), ..Symptoms::default() };
        let found = explain(&estate, &graph, &symptoms, 1);
        // Where a narrower fault takes the very same down, it comes first.
        prop_assert_eq!(found[0].causes.len(), 1);
        prop_assert_eq!(takes(found[0].causes[0]), down);
    }
}
