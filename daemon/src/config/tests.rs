use expect_test::{Expect, expect};
use weir_analyzer::Settings;

use super::*;

fn check(text: &str, expect: Expect) {
    let read = Config::parse(Path::new("/etc/weir/weir.yaml"), text);
    let shown = read.map(|config| format!("{} {}", config.inventory.display(), config.listen.http));
    expect.assert_eq(&shown.unwrap_or_else(|diagnostics| diagnostics.to_string()));
}

#[test]
fn paths_are_relative_to_the_file() {
    check("inventory: estate.yaml\n", expect!["/etc/weir/estate.yaml 127.0.0.1:7080"]);
}

#[test]
fn beyond_loopback_tokens_are_required() {
    check(
        "inventory: e.yaml\nlisten: {http: '0.0.0.0:7080', dns: '0.0.0.0:53'}\n",
        expect![[r#"
            /etc/weir/weir.yaml:2:16: `http` listens on 0.0.0.0:7080, beyond this machine, and there are no `tokens`
                hint: give `tokens: [...]`, or listen on 127.0.0.1"#]],
    );
    check(
        "inventory: e.yaml\nlisten: {http: '0.0.0.0:7080'}\ntokens: [correct-horse-battery]\n",
        expect!["/etc/weir/e.yaml 0.0.0.0:7080"],
    );
}

#[test]
fn history_goes_to_an_http_server_and_its_password_is_elsewhere() {
    check(
        "inventory: e.yaml\nclickhouse: {url: 'localhost:8123', password: x, password_file: p, password_env: P}\n",
        expect![[r#"
            /etc/weir/weir.yaml:2:14: `password_file` and `password_env` are both given: give one
            /etc/weir/weir.yaml:2:19: `url` is `localhost:8123`, which is not the address of an HTTP server
                hint: write it as http://127.0.0.1:8123
            /etc/weir/weir.yaml:2:37: clickhouse has no key `password`
                hint: did you mean `password_env`?"#]],
    );
    let folder = tempfile::tempdir().unwrap();
    let settings = || {
        let text = "inventory: e.yaml\nclickhouse: {url: 'http://127.0.0.1:8123', user: weir, password_file: p}\n";
        Config::parse(&folder.path().join("weir.yaml"), text).unwrap().clickhouse.unwrap().settings()
    };
    assert_eq!(settings().unwrap_err().to_string(), "the password of ClickHouse");
    std::fs::write(folder.path().join("p"), "secret\n").unwrap();
    let settings = settings().unwrap();
    assert_eq!((&*settings.user, &*settings.password, &*settings.database), ("weir", "secret", "weir"));
    assert!(!format!("{settings:?}").contains("secret"));
}

#[test]
fn what_is_acknowledged_is_durable_unless_the_store_is_told_otherwise() {
    let settings = |text: &str| {
        let config = Config::parse(Path::new("weir.yaml"), &format!("inventory: e.yaml\n{text}")).unwrap();
        let settings = config.store.settings(config.retention.clone(), None);
        let Settings { durability, flush_bytes, flush_age, retention, rollup_retention, .. } = settings;
        format!("{durability} {flush_bytes} {flush_age:?} {retention:?} {rollup_retention:?}")
    };
    expect!["fsync 67108864 900s 6048000s 0ns"].assert_eq(&settings(""));
    let told = settings(
        "retention: 1h\nstore: {durability: relaxed, flush_bytes: 500, flush_age: 100ms, rollup_retention: 400d}\n",
    );
    expect!["relaxed 500 100ms 3600s 34560000s"].assert_eq(&told);
    check(
        "inventory: e.yaml\nstore: {durability: relax, flush_bytes: 0, flush_age: 1ms}\n",
        expect![[r#"
            /etc/weir/weir.yaml:2:21: `durability` is `relax`, which is not one of `fsync`, `relaxed`
                hint: did you mean `relaxed`?
            /etc/weir/weir.yaml:2:41: `flush_bytes` is 0, which is not between 1 and 268435456
                hint: the default of 67108864 suits most
            /etc/weir/weir.yaml:2:55: `flush_age` is below 100ms
                hint: the default of 15m suits most"#]],
    );
}

#[test]
fn every_mistake_is_found_at_once() {
    check(
        "inventry: e.yaml\nlisten: {http: here}\nscheduler: {max_shift: 3}\nscrape: [{targets: []}]\ntokens: [short]\n",
        expect![[r#"
            /etc/weir/weir.yaml:1:1: the file has no `inventory`
            /etc/weir/weir.yaml:1:1: the file has no key `inventry`
                hint: did you mean `inventory`?
            /etc/weir/weir.yaml:2:16: `http` is `here`, which is not an address with a port
                hint: write it as 127.0.0.1:7080 or [::1]:7080
            /etc/weir/weir.yaml:3:24: `max_shift` is 3, which is not between 0 and 1
                hint: write 20 % as 0.2
            /etc/weir/weir.yaml:4:11: scrape has no `job`
            /etc/weir/weir.yaml:5:10: a token has at least 16 characters
                hint: make one with `head -c 18 /dev/urandom | base64`"#]],
    );
}

/// A configuration with this section `traffic`, and the demo's estate.
fn traffic(text: &str) -> Result<String, String> {
    let text = format!("inventory: e.yaml\ntraffic:\n{text}");
    let config = Config::parse(Path::new("weir.yaml"), &text).map_err(|found| found.to_string())?;
    let estate = weir_model::inventory::parse("e.yaml", weir_sim::DEMO_ESTATE).unwrap();
    let map = config.traffic.unwrap().map(&estate).map_err(|found| found.to_string())?;
    Ok(format!("{map:?}"))
}

#[test]
fn counters_of_edges_and_ports_are_mapped() {
    let map = traffic(
        "  slot: 10s\n  edges: [{metric: cdn_bytes_total, counts: bytes, prefix: client}]\n  ports:\n\
         \x20   - {link: edge-1-mid-1, labels: {instance: sw1, ifName: xe-0/0/1}}\n\
         \x20   - {link: edge-2-mid-1, site: ber, labels: {instance: sw2, ifName: xe-0/0/1}}\n",
    );
    let map = map.unwrap();
    for said in ["cdn_bytes_total", "ifHCOutOctets", "ber-transit", "slot: 10000000000"] {
        assert!(map.contains(said), "{said} is not in {map}");
    }
}

#[test]
fn wrong_counters_are_told_with_their_place() {
    let found = traffic(
        "  slot: 1ms\n  edges: [{metric: m, counts: bites, group: a, prefix: b}]\n  ports:\n\
         \x20   - {link: l, labels: {instance: sw1}}\n    - {link: l, labels: {ifName: x}}\n",
    );
    expect![[r#"
        weir.yaml:3:9: the longest gap of 300s has more than 3600 slots of 1ms
        weir.yaml:4:12: both `group` and `prefix` are given
            hint: `group` names a label with the group's id, `prefix` one with an address of it: give one
        weir.yaml:4:31: `counts` is `bites`, which is not one of `bytes`, `requests`
            hint: did you mean `bytes`?
        weir.yaml:7:14: ports are told apart by different labels
            hint: give each port the labels of the first: instance"#]]
    .assert_eq(&found.unwrap_err());
    let found = traffic(
        "  ports:\n    - {link: edge-1-mid-9, labels: {i: a}}\n    - {link: edge-1-mid-1, site: nowhere, labels: {i: b}}\n",
    );
    expect![[r#"
        weir.yaml:4:14: there is no link `edge-1-mid-9` in the inventory
        weir.yaml:5:34: there is no site `nowhere` in the inventory"#]]
    .assert_eq(&found.unwrap_err());
}

#[test]
fn what_waits_for_a_restart_is_named() {
    let parse = |text: &str| Config::parse(Path::new("weir.yaml"), text).unwrap();
    let running = parse("inventory: e.yaml\nretention: 1h\n");
    let next = parse("inventory: other.yaml\nretention: 2h\nzones: [{apex: example.com}]\n");
    assert_eq!(next.needs_restart_after(&running), ["retention", "zones"]);
    let merged = next.with_what_runs(&running);
    assert_eq!((merged.retention, merged.inventory), (running.retention, PathBuf::from("other.yaml")));
}

#[test]
fn series_are_checked_with_the_rest() {
    check(
        "inventory: e.yaml
packs: [link, nodes]
anomalies:
  - {name: a, sql: SELECT now(), interval: 0s, width: 0}
  - {name: b, sql: 'SELECT 1', season: 1ns, bukets: 3}
forecasts:
  - {name: c, sql: 'SELECT 1'}
",
        expect![[r#"
            /etc/weir/weir.yaml:2:15: no rules called `nodes` ship
                hint: there are cost, demand, host, link, node, plan
            /etc/weir/weir.yaml:4:20: `now` asks the engine's clock, so the rule could not be tested: write `$now`
            /etc/weir/weir.yaml:4:44: `interval` is zero
            /etc/weir/weir.yaml:4:55: `width`, in standard deviations, must be above 0; 5 is usual
            /etc/weir/weir.yaml:5:6: a season of 1ns cannot be cut into 96 `buckets`
            /etc/weir/weir.yaml:5:45: a search for anomalies has no key `bukets`
                hint: did you mean `buckets`?
            /etc/weir/weir.yaml:7:6: a forecast has no `ahead`: say how far, as in [1h, 1d]"#]],
    );
}

#[test]
fn usage_is_kept_for_as_long_as_it_is_billed() {
    check(
        "inventory: e.yaml\nretention: 30d\ntraffic: {slot: 60s}\n",
        expect![[r#"
        /etc/weir/weir.yaml:2:12: a `retention` of 30d does not keep what `traffic` bills
            hint: 62d or more hold the month in the making and the one before"#]],
    );
    check("inventory: e.yaml\nretention: 62d\ntraffic: {slot: 60s}\n", expect!["/etc/weir/e.yaml 127.0.0.1:7080"]);
    check("inventory: e.yaml\nretention: 1h\n", expect!["/etc/weir/e.yaml 127.0.0.1:7080"]);
    check(
        "inventory: e.yaml\nretention: {default: 62d, tables: {cost.usage_5min: 30d, up: 90d, logs: soon}}\ntraffic: {slot: 60s}\n",
        expect![[r#"
            /etc/weir/weir.yaml:2:53: a `retention` of 30d of its usage does not keep what `traffic` bills
                hint: 62d or more hold the month in the making and the one before
            /etc/weir/weir.yaml:2:62: `metrics.up` is to be kept for 90d, longer than the default of 62d
                hint: tables share files, which go after the default: raise that, and give others less
            /etc/weir/weir.yaml:2:73: `tables` is `soon`, which is not a duration such as `50ms`, `5m` or `30d`"#]],
    );
}

#[test]
fn tables_may_be_kept_for_less() {
    let tables = |text: &str| {
        let text = format!("inventory: e.yaml\nretention: {text}\n");
        Config::parse(Path::new("weir.yaml"), &text).unwrap().retention
    };
    assert_eq!(tables("30d"), Duration::from_secs(30 * 86_400).into());
    let Retention { default, tables } = tables("{default: 30d, tables: {up: 7d, ops.audit: 20d, metrics.a.b: 30d}}");
    let tables: Vec<String> = tables.iter().map(|(table, age)| format!("{table} {}", age.as_secs() / 86_400)).collect();
    assert_eq!(
        (default.as_secs() / 86_400, tables.join(", ")),
        (30, "metrics.a.b 30, metrics.up 7, ops.audit 20".to_owned())
    );
}

#[test]
fn a_job_of_scraping_says_all_that_prometheus_users_know() {
    check(
        r#"inventory: e.yaml
scrape:
  - job: all
    interval: 30s
    timeout: 5s
    path: /probe
    scheme: https
    params: {module: [http_2xx], debug: "true"}
    honor_labels: true
    honor_timestamps: false
    sample_limit: 5000
    basic_auth: {username: weir, password_file: secrets/password}
    tls: {ca: ca.pem, certificate: own.pem, key: own-key.pem}
    targets: ['10.0.0.5:9100', 'http://10.0.0.6:9100/own']
    labels: {site: fra}
    static: [{targets: ['10.0.0.7:9100'], labels: {site: ber}}]
    file_sd: [{files: [targets/*.json, more.yaml], refresh_interval: 1m}]
    http_sd: [{url: 'https://inventory.example.net/targets', bearer_token_file: secrets/token}]
    dns_sd:
      - {names: [_node._tcp.example.net]}
      - {names: [web.example.net], type: A, port: 9100}
    relabel:
      - {source_labels: [__address__], regex: '(.*):\d+', target_label: host}
      - {action: hashmod, source_labels: [__address__], modulus: 4, target_label: __tmp_shard}
      - {action: keep, source_labels: [__tmp_shard], regex: '0'}
    metric_relabel: [{action: drop, source_labels: [__name__], regex: go_.*}]
"#,
        expect!["/etc/weir/e.yaml 127.0.0.1:7080"],
    );
}

#[test]
fn mistakes_in_scrape_jobs_are_told_with_their_place() {
    check(
        r#"inventory: e.yaml
scrape:
  - job: a
    intervall: 30s
    timeout: 1m
    scheme: htps
    targets: ['10.0.0.5:9100/metrics']
    labels: {a-b: c}
    basic_auth: {username: weir, password: x}
    bearer_token_file: token
  - {job: a, targets: ['x:1']}
  - job: c
    interval: 0s
    file_sd: [{files: [targets.txt]}, {files: []}, {file: a.json}]
    http_sd: [{url: inventory/targets}]
    dns_sd: [{names: [a], type: A}, {names: [b..c], type: srv}]
    relabel:
      - {regex: '(', target_label: x}
      - {action: hashmod, target_label: x, modulus: 0}
      - {action: labeldrop, regex: a, target_labl: b, replacement: c}
      - {action: kep, regex: a}
    static: [{target: [a]}]
"#,
        expect![[r#"
            /etc/weir/weir.yaml:3:5: more than one of `basic_auth`, `authorization` and `bearer_token_file` is given: give one
            /etc/weir/weir.yaml:4:5: scrape has no key `intervall`
                hint: did you mean `interval`?
            /etc/weir/weir.yaml:5:14: `timeout` must be above zero and at most the `interval`
            /etc/weir/weir.yaml:6:13: `scheme` is `htps`, which is not one of `http`, `https`
                hint: did you mean `https`?
            /etc/weir/weir.yaml:7:15: "10.0.0.5:9100/metrics" is not a host and port, nor an http or https URL
                hint: write it as 10.0.0.5:9100, or as http://10.0.0.5:9100/metrics
            /etc/weir/weir.yaml:8:14: `a-b` is not the name of a label
                hint: names have letters, digits and `_`, no digit first
            /etc/weir/weir.yaml:9:18: basic_auth has no `password_file`
            /etc/weir/weir.yaml:9:34: basic_auth has no key `password`
                hint: its keys are `username`, `password_file`
            /etc/weir/weir.yaml:11:6: there are two jobs called `a`
                hint: give each a `job` of its own, or join them
            /etc/weir/weir.yaml:13:15: `interval` is zero
            /etc/weir/weir.yaml:14:24: "/etc/weir/targets.txt" does not end in .json, .yaml or .yml
                hint: write it as targets/*.yaml or targets/edges.json
            /etc/weir/weir.yaml:14:40: `files` names nothing
            /etc/weir/weir.yaml:14:53: file_sd has no `files`
            /etc/weir/weir.yaml:14:53: file_sd has no key `file`
                hint: did you mean `files`?
            /etc/weir/weir.yaml:15:21: "inventory/targets" is not an http or https URL with a host
                hint: write it as https://inventory.example.net/targets
            /etc/weir/weir.yaml:16:15: records of type A have no port: give `port`
            /etc/weir/weir.yaml:16:46: `b..c` is not a name of the DNS
            /etc/weir/weir.yaml:16:59: `type` is `srv`, which is not one of `SRV`, `A`, `AAAA`, `MX`, `NS`
            /etc/weir/weir.yaml:18:17: `regex`: not a regular expression: unclosed group
            /etc/weir/weir.yaml:19:10: `hashmod` needs `modulus`
            /etc/weir/weir.yaml:20:39: relabel has no key `target_labl`
                hint: did you mean `target_label`?
            /etc/weir/weir.yaml:20:68: `labeldrop` takes no `replacement`
            /etc/weir/weir.yaml:21:18: `action` is `kep`, which is not one of `replace`, `keep`, `drop`, `keepequal`, `dropequal`, `hashmod`, `labelmap`, `labeldrop`, `labelkeep`, `lowercase`, `uppercase`
                hint: did you mean `keep`?
            /etc/weir/weir.yaml:22:15: static has no key `target`
                hint: did you mean `targets`?"#]],
    );
}
