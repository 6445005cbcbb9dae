//! What detectors beside the controller conclude becomes findings: an anomaly in a series of real rows,
//! and the site behind nodes that a real agent sees die.

use std::net::SocketAddr;

use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinSet};

use super::{
    weir::{GRPC, Place, until},
    write::{now_millis, series},
};

const ESTATE: &str = "
providers: [{id: x}, {id: y}]
sites:
  - {id: ams, kind: edge, region: eu, provider: x}
  - {id: lon, kind: edge, region: eu, provider: y}
nodes:
  - {id: ams-1, site: ams, role: edge, addresses: [192.0.2.1], capacity: 1Gbps}
  - {id: ams-2, site: ams, role: edge, addresses: [192.0.2.2], capacity: 1Gbps}
  - {id: lon-1, site: lon, role: edge, addresses: [192.0.2.3], capacity: 1Gbps}
  - {id: lon-2, site: lon, role: edge, addresses: [192.0.2.4], capacity: 1Gbps}
customers: [{id: acme}]
domains: [{id: www.acme.test, customer: acme}]
client_groups: [{id: g, region: eu, prefixes: [10.0.0.0/8], latency: {ams: 10ms, lon: 20ms}}]
";

const NODES: [&str; 4] = ["ams-1", "ams-2", "lon-1", "lon-2"];

/// The configuration of an agent that probes the nodes, each at its address.
fn agent(place: &Place, nodes: &[SocketAddr]) -> String {
    let probe = |(node, address): (&str, &SocketAddr)| {
        format!("  - {{node: {node}, kind: tcp, address: '{address}', interval: 50ms}}\n")
    };
    let probes: String = NODES.into_iter().zip(nodes).map(probe).collect();
    let health = "health: {hold_min: 100ms, hold_max: 200ms}";
    format!("name: here\ndaemon: http://{}:{GRPC}\n{health}\nprobes:\n{probes}", place.address)
}

/// A node that takes connections at `address` as long as the task lives.
fn node(address: SocketAddr) -> (JoinSet<()>, SocketAddr) {
    let listener = std::net::TcpListener::bind(address).unwrap();
    listener.set_nonblocking(true).unwrap();
    let listener = TcpListener::from_std(listener).unwrap();
    let address = listener.local_addr().unwrap();
    let mut task = JoinSet::new();
    task.spawn(async move {
        loop {
            drop(listener.accept().await);
        }
    });
    (task, address)
}

/// The findings of this kind, once there are some.
async fn found(place: &Place, kind: &str) -> Vec<Vec<Value>> {
    let sql = format!("SELECT subject, id, text FROM ops.findings WHERE kind = '{kind}' ORDER BY time");
    until(kind, async || Some(place.rows_so_far(&sql).await).filter(|rows| !rows.is_empty())).await
}

#[tokio::test]
async fn the_site_of_nodes_that_died_together_is_suspected_until_they_are_back() {
    let place = Place::new();
    place.write("estate.yaml", ESTATE);
    place.configure("quorum: {min_vantages: 1}");
    let _daemon = place.run().await;
    let anywhere = SocketAddr::from((place.address, 0));
    let (mut nodes, addresses): (Vec<_>, Vec<_>) = NODES.iter().map(|_| node(anywhere)).unzip();
    place.write("agent.yaml", agent(&place, &addresses));
    let _agent = place.start(place.weir(&["agent", "--config", "agent.yaml"]));
    let all_up = "SELECT count(*) FROM metrics.node_health WHERE value = 1 HAVING count(DISTINCT target) = 4";
    until("all nodes are up", async || place.rows_so_far(all_up).await.pop()).await;

    for dying in nodes.iter_mut().take(2) {
        dying.shutdown().await;
    }
    let evidence = "site ams: 2 of 2 down explained (44 % plausible)";
    assert_eq!(found(&place, "suspected").await, [[json!("site"), json!("ams"), json!(evidence)]]);

    let _back = [node(addresses[0]), node(addresses[1])];
    assert_eq!(found(&place, "cleared").await[0][1], "ams");
}

/// Two weeks of hours until now, a day like the other; the last hour as given.
fn history(now: f64) -> Vec<(i64, f64)> {
    let hours = (1..14 * 24).rev().map(|hour: i64| {
        let usual = 100.0 + 50.0 * (std::f64::consts::TAU * hour as f64 / 24.0).sin() + (hour * 7_919 % 5) as f64;
        (now_millis() - hour * 3_600_000, usual)
    });
    hours.chain([(now_millis(), now)]).collect()
}

#[tokio::test]
async fn a_value_outside_its_band_is_a_finding_and_the_next_ones_are_forecast() {
    let place = Place::new();
    let sql = "SELECT time, tank, value FROM metrics.tank_level WHERE time <= $now";
    place.configure(&format!(
        "anomalies: [{{name: level, sql: '{sql}', interval: 200ms, buckets: 24}}]\n\
         forecasts: [{{name: levels, sql: '{sql}', interval: 200ms, ahead: [12h]}}]"
    ));
    let _daemon = place.run().await;
    let tank = |name, now| series("tank_level", &[("tank", name)], &history(now));
    let (status, said) = place.remote_write(vec![tank("7", 900.0), tank("8", 102.0)]).await;
    assert!(status.is_success(), "{status} {said}");

    let found = found(&place, "anomaly").await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0][..2], [json!("series"), json!("level{tank=\"7\"}")]);
    assert!(found[0][2].as_str().unwrap().starts_with("level{tank=\"7\"} is 900.00, expected "), "{found:?}");

    // A forecast of the same rows, half a day ahead: where the wave crosses its middle again.
    let forecast = "SELECT p50, p95 >= p50, of_time > 0 FROM metrics.forecast WHERE ahead = '12h' AND tank = '8'";
    let forecast = until("a forecast", async || place.rows_so_far(forecast).await.pop()).await;
    assert!((85.0..115.0).contains(&forecast[0].as_f64().unwrap()), "{forecast:?}");
    assert_eq!(forecast[1..], [json!(true), json!(true)]);
}
