use expect_test::{Expect, expect};

use super::*;

const SMALL: &str = r"
providers:
  - {id: own, tier: S}
  - {id: cloud-a}
contracts:
  - {id: port, currency: EUR, kind: flat_port, price: 900}
  - id: burst
    currency: EUR
    time_zone: Europe/Berlin
    kind: percentile
    direction: out
    commit: 100
    tiers: [{up_to: 500, price: 1.20}, {price: 0.90}]
sites:
  - {id: fra, kind: idc, ownership: owned, region: eu, provider: own, contract: port, pue: 1.4, residency: eu}
  - {id: ams, kind: cloud, region: eu, provider: cloud-a, contract: burst}
nodes:
  - {id: origin-1, site: fra, role: origin, addresses: [127.0.1.1], capacity: 1Gbps}
  - {id: edge-1, site: ams, role: edge, addresses: [127.0.2.1], port: 8080, capacity: 400Mbps}
links:
  - {id: edge-1>origin-1, kind: transit, from: edge-1, to: origin-1, provider: cloud-a, capacity: 1Gbps, latency: 8ms}
customers: [{id: acme}]
domains:
  - {id: www.acme.test, customer: acme, ttl: 1s, origins: [origin-1], latency_max: 40ms}
client_groups:
  - {id: de-isp, region: eu, isp: AS64500, prefixes: [10.0.0.0/16], latency: {ams: 12ms}}
";

fn check(text: &str, expect: Expect) {
    let read = parse("estate.yaml", text)
        .map(|estate| format!("{} sites, {} prefixes", estate.sites.len(), estate.prefixes.len()));
    expect.assert_eq(&read.unwrap_or_else(|diagnostics| diagnostics.to_string()));
}

#[test]
fn a_small_estate_is_read() {
    let estate = parse("estate.yaml", &SMALL.replace("edge-1>origin-1", "l1")).unwrap();
    let ams = estate.site_ord("ams").unwrap();
    assert_eq!(estate.domains[0].sites, [ams], "a domain without sites is served by every edge site");
    assert_eq!(estate.edge_capacity(ams), crate::unit::Bps(400e6));
    assert_eq!(estate.nodes_at(ams, crate::estate::Role::Edge).count(), 1);
}

#[test]
fn every_mistake_is_reported_with_its_line() {
    let text = SMALL
        .replace("provider: own, contract", "provider: onw, contract")
        .replace("pue: 1.4", "pue: 0.4")
        .replace("{price: 0.90}", "{up_to: 400, price: 0.90}")
        .replace("origins: [origin-1]", "origins: [edge-1]")
        .replace("isp:", "ips:");
    check(
        &text,
        expect![[r#"
            estate.yaml:7:5: the last tier ends
                hint: leave `up_to` out of the last tier
            estate.yaml:13:40: tiers must ascend by `up_to`
                hint: only the last tier leaves `up_to` out
            estate.yaml:15:66: there is no provider `onw`
                hint: did you mean `own`?
            estate.yaml:15:92: a PUE of 0.4 would make energy
                hint: PUE is power at the meter per power at the machines: 1 or more
            estate.yaml:21:10: `id` is `edge-1>origin-1`, which is not an id: 1 to 253 letters, digits, `-`, `_` and `.`
            estate.yaml:24:60: node `edge-1` has role `edge`, so it is no origin
                hint: name nodes of role `origin`
            estate.yaml:26:30: client group has no key `ips`
                hint: did you mean `isp`?"#]],
    );
}

#[test]
fn a_term_is_days_of_the_contracts_zone() {
    let term = "id: port, starts: 2026-04-01, ends: 2027-04-01,";
    let text = SMALL.replace("edge-1>origin-1", "l1").replace("id: port,", term);
    let port = &parse("estate.yaml", &text).unwrap().contracts[0];
    let day = |year| crate::contract::TermBound::Day(crate::date::Date::new(year, 4, 1).unwrap());
    assert_eq!((port.starts, port.ends), (Some(day(2026)), Some(day(2027))));
    check(
        &text.replace("ends: 2027-04-01", "ends: 2026-04-01"),
        expect!["estate.yaml:6:42: contract `port` ends before it starts"],
    );
}

#[test]
fn domains_that_dns_takes_for_one_are_two_of_one() {
    let more = "  - {id: WWW.Acme.test., customer: acme}\n  - {id: '.', customer: acme}\nclient_groups:";
    check(
        &SMALL.replace("edge-1>origin-1", "l1").replace("client_groups:", more),
        expect![[r#"
        estate.yaml:25:10: there are two of domain `www.acme.test`
            hint: the other is on line 24
        estate.yaml:26:6: the root is no domain to be served: give a name such as `www.example.com`"#]],
    );
}

#[test]
fn a_node_has_an_address() {
    let text = SMALL.replace("edge-1>origin-1", "l1");
    for (addresses, expect) in [
        (
            "addresses: []",
            expect![[r#"
            estate.yaml:19:52: node `edge-1` has no `addresses`
                hint: give at least one, v4 or v6"#]],
        ),
        (
            "addresses: 127.0.2.1",
            expect![[r#"
            estate.yaml:19:52: `addresses` of node must be a list
                hint: write `addresses: [..]` or one `- ..` a line"#]],
        ),
        ("addresses: [nowhere]", expect!["estate.yaml:19:53: `addresses` is `nowhere`, which is not an IP address"]),
    ] {
        check(&text.replace("addresses: [127.0.2.1]", addresses), expect);
    }
    check(
        &text.replace("addresses: [127.0.2.1], ", ""),
        expect![[r#"
        estate.yaml:19:6: node `edge-1` has no `addresses`
            hint: give at least one, v4 or v6"#]],
    );
}

#[test]
fn what_cannot_be_read_is_not_passed_over() {
    let text = SMALL.replace("edge-1>origin-1", "l1");
    let latency = "latency: {'a ms': 1ms, asm: 2ms, ams: 12ms}";
    check(
        &text.replace("latency: {ams: 12ms}", latency),
        expect![[r#"
        estate.yaml:26:79: `latency` names `a ms`, which is not an id: 1 to 253 letters, digits, `-`, `_` and `.`
            hint: its keys are the ids of sites
        estate.yaml:26:92: there is no site `asm`
            hint: did you mean `ams`?"#]],
    );
    let span = "latency_max: 10000000000000000000s10000000000000000000s";
    check(
        &text.replace("latency_max: 40ms", span),
        expect![
            "estate.yaml:24:84: `latency_max` is `10000000000000000000s10000000000000000000s`, which is not a latency such as `12ms`"
        ],
    );
}

#[test]
fn a_prefix_belongs_to_one_group() {
    let text = SMALL.replace("edge-1>origin-1", "l1")
        + "  - {id: fr-isp, region: eu, prefixes: [10.0.0.0/16, 10.0.0.1/24], latency: {ams: 12ms}}\n";
    check(
        &text,
        expect![[r#"
            estate.yaml:27:41: prefix 10.0.0.0/16 already belongs to client group `de-isp`
                hint: it was given on line 26; a longer prefix may take a part of it
            estate.yaml:27:54: `prefixes` is `10.0.0.1/24`, which is not a prefix such as `192.0.2.0/24` without host bits"#]],
    );
}
