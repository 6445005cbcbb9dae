//! Demands that no site can serve: who and why is told, the rest is served.

use serde_json::json;

use super::weir::{Place, until};

/// Islanders reach no site; a domain may be served in a zone where there is none; the western edge has
/// no way to the origin.
const ESTATE: &str = "\
providers: [{id: own, tier: S}]
sites:
  - {id: core, kind: idc, region: middle, provider: own}
  - {id: east, kind: idc, region: east, provider: own, residency: eu}
  - {id: west, kind: idc, region: west, provider: own, residency: uk}
nodes:
  - {id: origin, site: core, role: origin, addresses: [192.0.2.1], port: 80, capacity: 1Gbps}
  - {id: edge-east, site: east, role: edge, addresses: [192.0.2.2], port: 80, capacity: 1Gbps}
  - {id: edge-west, site: west, role: edge, addresses: [192.0.2.3], port: 80, capacity: 1Gbps}
links:
  - {id: east-core, kind: backbone, from: edge-east, to: origin, provider: own, capacity: 1Gbps, latency: 4ms}
customers: [{id: acme}]
domains:
  - {id: www.acme.test, customer: acme, latency_max: 80ms, ttl: 5s, origins: [origin]}
  - {id: ch.acme.test, customer: acme, latency_max: 80ms, ttl: 5s, origins: [origin], residency: [ch]}
  - {id: uk.acme.test, customer: acme, latency_max: 80ms, ttl: 5s, origins: [origin], residency: [uk]}
client_groups:
  - {id: easterners, region: east, isp: telco, prefixes: [10.1.0.0/16], latency: {east: 5ms, west: 50ms}}
  - {id: islanders, region: isles, isp: telco, prefixes: [10.3.0.0/16], latency: {}}
";

#[tokio::test]
async fn who_cannot_be_served_is_named_with_the_reason_and_the_rest_is_served() {
    let place = Place::new();
    place.write("estate.yaml", ESTATE);
    let (code, _, said) = place.ends(&["check", "--config", "weir.yaml"]).await;
    assert_eq!(code, 0, "such an estate is not wrong: {said}");
    let _daemon = place.run_to_plan().await;
    // Rows follow the plan.
    until("the report is there", async || place.rows_so_far("SELECT 1 FROM plan.unserved").await.pop()).await;
    let (code, shares, said) = place.ends(&["plan", "show", "--output", "csv"]).await;
    assert_eq!(code, 0, "{said}");
    let shares: Vec<&str> = shares.lines().skip(1).map(|line| line.split_once(',').unwrap().1).collect();
    assert_eq!(shares, ["easterners,www.acme.test,east,1.0"], "what can be served");
    let said: Vec<&str> = said.lines().collect();
    let why = |group, domain, reasons| {
        format!(
            "unserved: {group} {domain}: no site may serve `{domain}` ({reasons}): offer it at a site that this group reaches"
        )
    };
    let expected = [
        why("easterners", "ch.acme.test", "residency"),
        why("easterners", "uk.acme.test", "no_route, residency"),
        why("islanders", "ch.acme.test", "residency"),
        why("islanders", "uk.acme.test", "residency, unreachable"),
        why("islanders", "www.acme.test", "unreachable"),
    ];
    assert_eq!(said, expected);
    let explained = place
        .sql("SELECT site, verdict FROM plan.reports WHERE client_group = 'easterners' AND domain = 'uk.acme.test' ORDER BY 1")
        .await;
    assert_eq!(explained, [[json!("east"), json!("residency")], [json!("west"), json!("no_route")]]);
}
