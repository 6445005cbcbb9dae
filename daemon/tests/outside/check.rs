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
