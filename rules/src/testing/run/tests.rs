use expect_test::{Expect, expect};
use weir_model::observation::Labels;

use super::*;
use crate::{
    alert::parse,
    testing::{START, TestFile},
};

const RULES: &str = "groups:
  - name: g
    rules:
      - alert: Down
        expr: SELECT node FROM t
        for: 2m
        labels: {severity: page}
        annotations: {summary: '{{ $labels.node }} is {{ $value }}', hint: look}
";

/// Node `a` is returned in minutes 1 to 5, `b` in minute 4; in minute 9 the query fails.
fn query(sql: &str, at: UnixNanos) -> Result<Vec<ResultRow>, String> {
    assert_eq!(sql, "SELECT node FROM t");
    let row = |node: &str| ResultRow { labels: Labels::new([("node", node)]), value: 0.5 };
    match at.since(START).as_secs() / 60 {
        4 => Ok(vec![row("a"), row("b")]),
        1..=5 => Ok(vec![row("a")]),
        9 => Err("no table `t`".to_owned()),
        _ => Ok(Vec::new()),
    }
}

fn check(alerts: &str, expect: Expect) {
    let text = format!("rules: r.yaml\ntests:\n- name: a node\n  input: []\n  alerts:\n{alerts}");
    let file = TestFile::parse("tests/t.yaml", &text).unwrap();
    let failures = file.tests[0].run(&parse("r.yaml", RULES).unwrap(), query);
    expect.assert_eq(&failures.iter().map(|failure| format!("{failure}\n")).collect::<String>());
}

#[test]
fn what_comes_as_expected_is_no_failure() {
    check(
        "  - {at: 2m, alertname: Down, expect: []}
  - {at: 3m, alertname: Down, expect: [{labels: {node: a, severity: page}}]}
  - {at: 5m, alertname: Down, expect: [{labels: {node: a, severity: page}, annotations: {summary: a is 0.5}}]}
  - {at: 6m, alertname: Down, expect: []}
",
        expect![],
    );
}

#[test]
fn failures_say_where_and_what() {
    check(
        "  - {at: 2m, alertname: Down, expect: [{labels: {node: a, severity: page}}]}
  - {at: 3m, alertname: Down, expect: [{labels: {node: b, severity: page}}]}
  - {at: 4m, alertname: Down, expect: [{labels: {node: a, severity: page}, annotations: {summary: b, runbook: x, hint: look}}]}
  - {at: 8m, alertname: Down, expect: [{labels: {node: a}}]}
",
        expect![[r#"
            tests/t.yaml:6: a node: Down at 2m (r.yaml:4)
              expected: {node="a", severity="page"}
                note: {node="a", severity="page"} is pending since 1m
            tests/t.yaml:7: a node: Down at 3m (r.yaml:4)
              expected: {node="b", severity="page"}
                   got: {node="a", severity="page"}
            tests/t.yaml:8: a node: Down at 4m (r.yaml:4)
              expected: {node="a", severity="page"} summary: "b"
                   got: {node="a", severity="page"} summary: "a is 0.5"
              expected: {node="a", severity="page"} runbook: "x"
                   got: {node="a", severity="page"} runbook: ""
                note: {node="b", severity="page"} is pending since 4m
            tests/t.yaml:9: a node: Down at 8m (r.yaml:4)
              expected: {node="a"}
                note: {node="a", severity="page"} is resolved at 6m
        "#]],
    );
}

#[test]
fn unknown_alerts_and_failing_queries_are_failures() {
    check(
        "  - {at: 2m, alertname: Dwon, expect: []}\n",
        expect![[r#"
        tests/t.yaml:6: a node: there is no rule `Dwon`: did you mean `Down`?
    "#]],
    );
    check(
        "  - {at: 10m, alertname: Down, expect: []}\n",
        expect![[r#"
        tests/t.yaml:6: a node: the query of Down (r.yaml:4) fails at 9m: no table `t`
    "#]],
    );
}
