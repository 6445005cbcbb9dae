//! `weir check` tells everything that is wrong at once, of every file, and `weir run` refuses it before
//! any port is bound.

use std::net::TcpListener;

use expect_test::expect;

use super::weir::{HTTP, Place};

const CONFIG: &str = "\
inventory: estate.yaml
retenton: 30d
listen: {htp: '127.0.0.1:7080'}
scheduler: {max_shift: 3}
rules: [rules.yaml, nowhere.yaml]
";

const ESTATE: &str = "\
providers: [{id: own, tier: S}]
sites:
  - {id: east, kind: idc, region: east, provider: ovn}
nodes:
  - {id: edge-east, site: east, role: egde, addresses: [192.0.2.2], port: 80, capcity: 1Gbps}
customers: [{id: acme}]
domains: [{id: www.acme.test, customer: acme, latency_max: 80, ttl: 5s}]
client_groups: []
";

const RULES: &str = "\
groups:
  - name: links
    rules:
      - {alert: Lost, expr: 'SELECT 1 AS value', fro: 1m}
";

#[tokio::test]
async fn every_error_of_every_file_is_told_at_once() {
    let place = Place::new();
    for (file, text) in [("weir.yaml", CONFIG), ("estate.yaml", ESTATE), ("rules.yaml", RULES)] {
        place.write(file, text);
    }
    let (code, said, errors) = place.ends(&["check", "--config", "weir.yaml"]).await;
    assert_eq!((code, &*said), (2, ""));
    expect![[r#"
        estate.yaml:3:51: there is no provider `ovn`
            hint: did you mean `own`?
        estate.yaml:5:6: node has no `capacity`
        estate.yaml:5:39: `role` is `egde`, which is not one of `origin`, `mid`, `edge`
            hint: did you mean `edge`?
        estate.yaml:5:79: node has no key `capcity`
            hint: did you mean `capacity`?
        estate.yaml:7:60: `latency_max` is `80`, which is not a latency such as `12ms`
        nowhere.yaml:1:1: it cannot be read: No such file or directory (os error 2)
        rules.yaml:4:50: a rule has no key `fro`
            hint: did you mean `for`?
        weir.yaml:2:1: the file has no key `retenton`
            hint: did you mean `retention`?
        weir.yaml:3:10: listen has no key `htp`
            hint: did you mean `http`?
        weir.yaml:4:24: `max_shift` is 3, which is not between 0 and 1
            hint: write 20 % as 0.2
        weir: 10 errors
    "#]]
    .assert_eq(&errors);
    let (code, _, alone) = place.ends(&["check", "--inventory", "estate.yaml"]).await;
    assert_eq!(code, 2);
    assert!(errors.contains(alone.rsplit_once("weir: ").unwrap().0.trim_end()), "{alone}");
}

#[tokio::test]
async fn a_wrong_configuration_binds_no_port() {
    let place = Place::new();
    // Were it to try, it would complain of this one.
    let _taken = TcpListener::bind((place.address, HTTP)).unwrap();
    place.configure("retenton: 30d");
    let (code, _, said) = place.ends(&["run", "--config", "weir.yaml"]).await;
    assert_eq!(code, 1);
    assert!(
        said.contains("weir.yaml:4:1: the file has no key `retenton`\n    hint: did you mean `retention`?"),
        "{said}"
    );
    assert!(!said.contains("listen on"), "{said}");
    place.configure("");
    place.write("estate.yaml", ESTATE);
    let (code, _, said) = place.ends(&["run", "--config", "weir.yaml"]).await;
    assert_eq!(code, 1);
    assert!(said.contains("estate.yaml:5:") && !said.contains("listen on"), "{said}");
}

/// What only comes out over the inventory, or with the files that are named.
#[tokio::test]
async fn check_refuses_what_run_would_refuse() {
    let place = Place::new();
    let _taken = TcpListener::bind((place.address, HTTP)).unwrap();
    place.configure(
        "scrape: [{job: nodes, targets: ['10.0.0.5:9100/metrics', 'http://10.0.0.6:9100/metrics']}]\n\
         quorum: {min_vantages: 0}",
    );
    let (code, _, wrong) = place.ends(&["check", "--config", "weir.yaml"]).await;
    assert_eq!(code, 2);
    expect![[r#"
        weir.yaml:4:33: "10.0.0.5:9100/metrics" is not a host and port, nor an http or https URL
            hint: write it as 10.0.0.5:9100, or as http://10.0.0.5:9100/metrics
        weir.yaml:5:10: `min_vantages` is 0: give 1 or more
        weir: 2 errors
    "#]]
    .assert_eq(&wrong);
    let (code, _, said) = place.ends(&["run", "--config", "weir.yaml"]).await;
    assert_eq!(code, 1);
    assert!(said.contains(wrong.rsplit_once("weir: ").unwrap().0.trim_end()), "{said}");

    let estate = std::fs::read_to_string(place.path("estate.yaml")).unwrap();
    let power = "contracts: [{id: power, currency: EUR, time_zone: UTC, kind: rack_power, racks: 1, rack_price: 100, kwh_price: 0.2}]\n";
    place.write("estate.yaml", power.to_owned() + &estate);
    place.configure(
        "tls: {certificate: nowhere.pem, key: nowhere-key.pem}\n\
         clickhouse: {url: 'http://127.0.0.1:8123', password_file: nowhere.password}\n\
         traffic: {ports: [{link: east-core-2, labels: {port: a}}]}",
    );
    let (code, _, wrong) = place.ends(&["check", "--config", "weir.yaml"]).await;
    assert_eq!(code, 2);
    expect![[r#"
        estate.yaml:1:1: contract `power` cannot be billed: contract `power` bills power: give the PUE of its site
        weir.yaml:1:1: `tls`: TLS with nowhere.pem and nowhere-key.pem: I/O error: No such file or directory (os error 2)
        weir.yaml:1:1: `clickhouse`: the password of ClickHouse: reading nowhere.password: No such file or directory (os error 2)
        weir.yaml:6:26: there is no link `east-core-2` in the inventory
        weir: 4 errors
    "#]].assert_eq(&wrong);
    let (code, _, said) = place.ends(&["run", "--config", "weir.yaml"]).await;
    assert_eq!(code, 1);
    assert!(said.contains(wrong.rsplit_once("weir: ").unwrap().0.trim_end()), "{said}");
    assert!(!said.contains("listen on"), "{said}");
}

#[tokio::test]
async fn an_agents_configuration_is_checked_with_what_it_names() {
    let place = Place::new();
    place.write("agent.yaml", "name: here\nprobes: [{node: a, kind: tcp, adress: '192.0.2.1:80'}]\n");
    let (code, _, wrong) = place.ends(&["check", "--agent", "agent.yaml"]).await;
    assert_eq!(code, 2);
    expect![[r#"
        agent.yaml:2:11: probes has no `address`
        agent.yaml:2:31: probes has no key `adress`
            hint: did you mean `address`?
        weir: 2 errors
    "#]]
    .assert_eq(&wrong);
    place.write("agent.yaml", "name: here\ndaemon: https://192.0.2.1:7081\ntls: {ca: nowhere.pem}\n");
    let (code, _, wrong) = place.ends(&["check", "--agent", "agent.yaml"]).await;
    assert_eq!(code, 2);
    expect![[r#"
        agent.yaml:1:1: `daemon`: reading nowhere.pem: No such file or directory (os error 2)
        weir: 1 errors
    "#]]
    .assert_eq(&wrong);
    place.write("agent.yaml", "name: here\nprobes: [{node: a, kind: tcp, address: '192.0.2.1:80'}]\n");
    assert_eq!(place.ends(&["check", "--agent", "agent.yaml"]).await, (0, String::new(), String::new()));
}
