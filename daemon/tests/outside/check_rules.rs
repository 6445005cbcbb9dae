//! `weir check --test`: how it says what failed, and with what it exits.

use expect_test::{Expect, expect};

use super::weir::Place;

const RULES: &str = "
groups:
  - name: tanks
    rules:
      - {alert: High, expr: 'SELECT tank, max(value) AS value FROM metrics.level WHERE time <= $now GROUP BY tank'}
      - {alert: Low, expr: 'SELECT tank, value FROM metrics.level WHERE time = $now AND value < 1'}
";

fn tests(tank: &str) -> String {
    format!(
        "
rules: tanks.yaml
tests:
  - name: a tank
    input:
      - {{table: metrics.level, columns: [tank, value float], series: [{{tank: a, value: 1+1x3}}]}}
    alerts:
      - {{at: 2m, alertname: High, expect: [{{labels: {{tank: {tank}}}}}]}}
"
    )
}

/// What the command prints, and with what it exits.
async fn check(place: &Place, arguments: &[&str], expect: Expect) {
    let (code, said, errors) = place.ends(&[&["check"], arguments].concat()).await;
    expect.assert_eq(&format!("{said}{errors}exit {code}\n"));
}

#[tokio::test]
async fn files_pass_fail_or_are_wrong() {
    let place = Place::new();
    place.write("tanks.yaml", RULES);
    place.write("good.yaml", tests("a"));
    place.write("bad.yaml", tests("b"));
    place.write("wrong.yaml", "rules: tanks.yaml\ntests: [{name: x, input: [], alerts: [{at: 1m}]}]\n");
    place.write("lost.yaml", tests("a").replace("tanks.yaml", "nowhere.yaml"));
    check(
        &place,
        &["--test", "good.yaml"],
        expect![[r#"
        Unit testing: good.yaml
          note: no test sees Low firing
          SUCCESS: 1 tests
        exit 0
    "#]],
    )
    .await;
    check(
        &place,
        &["--test", "good.yaml", "bad.yaml"],
        expect![[r#"
        Unit testing: good.yaml
          note: no test sees Low firing
          SUCCESS: 1 tests
        Unit testing: bad.yaml
          note: no test sees Low firing
          FAILED
        bad.yaml:8: a tank: High at 2m (tanks.yaml:5)
          expected: {tank="b"}
               got: {tank="a"}
        exit 1
    "#]],
    )
    .await;
    check(
        &place,
        &["--test", "good.yaml", "wrong.yaml", "lost.yaml"],
        expect![[r#"
        wrong.yaml:2:40: an expectation has no `alertname`
        wrong.yaml:2:40: an expectation has no `expect`
        lost.yaml names its `rules`: reading nowhere.yaml: No such file or directory (os error 2)
        exit 2
    "#]],
    )
    .await;
}

/// The shipped rules too: this is where their tests run in CI.
#[tokio::test]
async fn a_configuration_brings_the_tests_beside_its_rules() {
    let place = Place::new();
    place.write("tanks.yaml", RULES);
    place.write("tanks.test.yaml", tests("b"));
    place.write("other.yaml", "groups: []");
    place.configure("rules: [tanks.yaml, other.yaml]");
    check(
        &place,
        &["--test", "--config", "weir.yaml"],
        expect![[r#"
        other.yaml is not tested: there is no other.test.yaml
        Unit testing: packs/tests/cost.yaml
          SUCCESS: 4 tests
        Unit testing: packs/tests/demand.yaml
          SUCCESS: 4 tests
        Unit testing: packs/tests/host.yaml
          SUCCESS: 3 tests
        Unit testing: packs/tests/link.yaml
          SUCCESS: 6 tests
        Unit testing: packs/tests/node.yaml
          SUCCESS: 5 tests
        Unit testing: packs/tests/plan.yaml
          SUCCESS: 6 tests
        Unit testing: tanks.test.yaml
          note: no test sees Low firing
          FAILED
        tanks.test.yaml:8: a tank: High at 2m (tanks.yaml:5)
          expected: {tank="b"}
               got: {tank="a"}
        exit 1
    "#]],
    )
    .await;
}

#[tokio::test]
async fn a_contract_that_cannot_be_billed_is_told_with_its_line() {
    let place = Place::new();
    let text = weir_sim::DEMO_ESTATE.replacen("Europe/Berlin", "Europe/Berln", 1);
    place.write("estate.yaml", text);
    check(
        &place,
        &["--inventory", "estate.yaml"],
        expect![[r#"
        estate.yaml:9:49: the time zone of contract `fra-transit` is unknown: no time zone is called `Europe/Berln`: give an IANA name, e.g. Europe/Berlin
        weir: 1 errors
        exit 2
    "#]],
    ).await;
}
