use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;
use crate::alert::parse;

const MINUTE: Duration = Duration::from_secs(60);

fn rule(settings: &str) -> AlertRule {
    let text = format!("groups: [{{name: g, rules: [{{alert: A, expr: SELECT 1, {settings}}}]}}]");
    parse("r.yaml", &text).unwrap().remove(0).rules.remove(0)
}

fn row(node: &str, value: f64) -> ResultRow {
    ResultRow { labels: Labels::new([("node", node)]), value }
}

fn minute(minute: usize) -> UnixNanos {
    UnixNanos::default() + MINUTE * u32::try_from(minute).unwrap()
}

fn line(minute: usize, event: &AlertEvent) -> String {
    let labels: Vec<String> = event.alert.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!("{minute}m {} {} {}\n", event.alert.phase.as_str(), labels.join(","), event.alert.value)
}

/// One evaluation a minute; every character of `returned` says whether `a` is returned.
fn check(settings: &str, returned: &str, expect: Expect) {
    let rule = rule(settings);
    let mut states = AlertStates::default();
    let mut log = String::new();
    for (at, returned) in returned.chars().enumerate() {
        let rows = if returned == '#' { vec![row("a", at as f64)] } else { Vec::new() };
        let evaluation = states.evaluate(&rule, &rows, minute(at));
        log.extend(evaluation.events.iter().map(|event| line(at, event)));
    }
    expect.assert_eq(&log);
}

#[test]
fn without_for_it_fires_at_once_and_resolves_at_once() {
    check(
        "for: 0s",
        ".##..",
        expect![[r#"
        1m firing alertname=A,node=a 1
        3m resolved alertname=A,node=a 2
    "#]],
    );
}

#[test]
fn it_is_pending_for_as_long_as_for_says() {
    check(
        "for: 2m",
        "#####.",
        expect![[r#"
        0m pending alertname=A,node=a 0
        2m firing alertname=A,node=a 2
        5m resolved alertname=A,node=a 4
    "#]],
    );
    check(
        "for: 90s",
        "###",
        expect![[r#"
        0m pending alertname=A,node=a 0
        2m firing alertname=A,node=a 2
    "#]],
    );
}

#[test]
fn a_gap_while_pending_begins_anew() {
    check(
        "for: 2m",
        "##.###",
        expect![[r#"
        0m pending alertname=A,node=a 0
        2m inactive alertname=A,node=a 1
        3m pending alertname=A,node=a 3
        5m firing alertname=A,node=a 5
    "#]],
    );
}

#[test]
fn it_keeps_firing_for_a_while() {
    check(
        "keep_firing_for: 2m",
        "##....",
        expect![[r#"
        0m firing alertname=A,node=a 0
        4m resolved alertname=A,node=a 1
    "#]],
    );
    // Returned again while it is kept: the wait begins anew.
    check(
        "keep_firing_for: 2m",
        "#..#....",
        expect![[r#"
        0m firing alertname=A,node=a 0
        6m resolved alertname=A,node=a 3
    "#]],
    );
    // Only what fires is kept.
    check(
        "for: 3m, keep_firing_for: 5m",
        "##...",
        expect![[r#"
        0m pending alertname=A,node=a 0
        2m inactive alertname=A,node=a 1
    "#]],
    );
}

#[test]
fn what_was_resolved_begins_anew() {
    check(
        "for: 1m",
        "##.##",
        expect![[r#"
        0m pending alertname=A,node=a 0
        1m firing alertname=A,node=a 1
        2m resolved alertname=A,node=a 1
        3m pending alertname=A,node=a 3
        4m firing alertname=A,node=a 4
    "#]],
    );
}

#[test]
fn resolved_instances_are_kept_a_quarter_of_an_hour() {
    let rule = rule("for: 0s");
    let mut states = AlertStates::default();
    let mut kept = Vec::new();
    for at in 0..20 {
        let rows = if at == 0 { vec![row("a", 1.0)] } else { Vec::new() };
        drop(states.evaluate(&rule, &rows, minute(at)));
        kept.push(states.alerts().count());
    }
    // Resolved at 1m: still there at 16m, gone at 17m.
    assert_eq!(kept.iter().filter(|count| **count == 1).count(), 17);
    assert_eq!(kept[16..18], [1, 0]);
}

#[test]
fn labels_of_the_rule_win_and_equal_labels_are_one_instance() {
    let rule = rule("labels: {node: '', severity: '{{ $labels.node }}!', alertname2: x}");
    let rows = [
        ResultRow { labels: Labels::new([("node", "a"), ("alertname", "B"), ("site", "f")]), value: 1.0 },
        ResultRow { labels: Labels::new([("node", "a"), ("site", "f"), ("severity", "low")]), value: 3.0 },
        ResultRow { labels: Labels::new([("node", "a"), ("site", "f")]), value: 2.0 },
    ];
    let mut states = AlertStates::default();
    let evaluation = states.evaluate(&rule, &rows, minute(0));
    let log: String = evaluation.events.iter().map(|event| line(0, event)).collect();
    expect![[r#"
        0m firing alertname=A,alertname2=x,severity=a!,site=f 3
    "#]]
    .assert_eq(&log);
}

#[test]
fn the_newest_row_gives_value_and_annotations() {
    let rule = rule("for: 5m, annotations: {summary: 'is {{ $value }}'}");
    let mut states = AlertStates::default();
    drop(states.evaluate(&rule, &[row("a", 1.0)], minute(0)));
    drop(states.evaluate(&rule, &[row("a", 2.0)], minute(1)));
    let (_, alert) = states.alerts().next().unwrap();
    assert_eq!((alert.value, alert.annotations["summary"].as_str(), alert.active_at), (2.0, "is 2", minute(0)));
}

#[test]
fn messages_are_repeated_and_a_resolution_is_sent_at_once() {
    let rule = rule("for: 1m");
    let mut states = AlertStates::default();
    let mut log = String::new();
    // Every 30 s; returned up to 2m30s.
    for half in 0..14_u32 {
        let now = UnixNanos::default() + Duration::from_secs(30) * half;
        let rows = if half <= 5 { vec![row("a", 1.0)] } else { Vec::new() };
        drop(states.evaluate(&rule, &rows, now));
        for notice in states.take_due(&rule.id, Duration::from_secs(30), now) {
            let (phase, start, end) = (notice.alert.phase.as_str(), notice.starts_at.secs(), notice.ends_at.secs());
            log.push_str(&format!("{}s {phase} {start}s to {end}s\n", now.secs()));
        }
    }
    expect![[r#"
        60s firing 60s to 300s
        150s firing 60s to 390s
        180s resolved 60s to 180s
        270s resolved 60s to 180s
        360s resolved 60s to 180s
    "#]]
    .assert_eq(&log);
}

#[test]
fn a_clock_that_steps_back_holds_nothing_up() {
    let rule = rule("for: 2m, keep_firing_for: 1m");
    let mut states = AlertStates::default();
    let mut log = String::new();
    // `a` fires when the clock steps back by an hour, `b` is pending, and both end thereafter.
    for at in [120, 121, 122, 63, 64, 65, 66, 67, 68] {
        let a = (at > 64).then(|| row("a", 1.0));
        let b = matches!(at, 122 | 63..=66).then(|| row("b", 1.0));
        let rows: Vec<ResultRow> = [a, b].into_iter().flatten().collect();
        let evaluation = states.evaluate(&rule, &rows, minute(at));
        log.extend(evaluation.events.iter().map(|event| line(at, event)));
        for notice in states.take_due(&rule.id, MINUTE, minute(at)) {
            let (phase, start, end) = (notice.alert.phase.as_str(), notice.starts_at.secs(), notice.ends_at.secs());
            log.push_str(&format!("{at}m sent {phase} {}m to {}m\n", start / 60, end / 60));
        }
    }
    expect![[r#"
        120m pending alertname=A,node=a 1
        122m firing alertname=A,node=a 1
        122m pending alertname=A,node=b 1
        122m sent firing 122m to 126m
        63m sent firing 63m to 67m
        64m resolved alertname=A,node=a 1
        64m sent resolved 64m to 64m
        65m pending alertname=A,node=a 1
        65m firing alertname=A,node=b 1
        65m sent firing 65m to 69m
        67m firing alertname=A,node=a 1
        67m sent firing 67m to 71m
        67m sent firing 65m to 71m
        68m resolved alertname=A,node=b 1
        68m sent resolved 65m to 68m
    "#]]
    .assert_eq(&log);
}

#[test]
fn what_nobody_took_is_due_again_at_once() {
    let rule = rule("for: 0s");
    let mut states = AlertStates::default();
    drop(states.evaluate(&rule, &[row("a", 1.0), row("b", 1.0)], minute(0)));
    let lost = states.take_due(&rule.id, MINUTE, minute(0));
    assert_eq!(lost.len(), 2);
    states.handle_unsent(&rule.id, &lost[..1]);
    let again = states.take_due(&rule.id, MINUTE, minute(0) + Duration::from_secs(1));
    assert_eq!(again.iter().map(|notice| &notice.alert).collect::<Vec<_>>(), [&lost[0].alert]);
    drop(states.evaluate(&rule, &[], minute(1)));
    let resolved = states.take_due(&rule.id, MINUTE, minute(1));
    states.handle_unsent(&rule.id, &resolved);
    assert_eq!(states.take_due(&rule.id, MINUTE, minute(1)), resolved);
}

#[test]
fn a_reload_ends_what_is_no_rule_any_more() {
    let (gone, stays) = (rule("for: 0s, labels: {severity: page}"), rule("for: 0s"));
    let mut states = AlertStates::default();
    for rule in [&gone, &stays] {
        drop(states.evaluate(rule, &[row("a", 1.0)], minute(0)));
    }
    let groups = [RuleGroup { name: "g".into(), interval: MINUTE, rules: vec![stays] }];
    let events = states.retain(&groups, minute(1));
    let log: String = events.iter().map(|event| line(1, event)).collect();
    expect![[r#"
        1m resolved alertname=A,node=a,severity=page 1
    "#]]
    .assert_eq(&log);
    assert_eq!(states.alerts().count(), 1);
}

#[test]
fn beyond_the_limit_known_instances_go_on_and_the_rest_is_counted() {
    let rule = rule("for: 0s");
    let mut states = AlertStates::default();
    let rows = |range: std::ops::Range<usize>| -> Vec<ResultRow> {
        range.map(|node| row(&format!("n{node:06}"), 1.0)).collect()
    };
    let first = states.evaluate(&rule, &rows(5..INSTANCES_MAX + 5), minute(0));
    assert_eq!((first.events.len(), first.left_out), (INSTANCES_MAX, 0));
    let full = states.evaluate(&rule, &rows(0..INSTANCES_MAX + 5), minute(1));
    assert_eq!(full, Evaluation { events: Vec::new(), left_out: 5, forgotten: 0 });
    // All resolve, the first five last; three new ones need the room of three that resolved first.
    let most = states.evaluate(&rule, &rows(5..10), minute(2));
    assert_eq!(most.events.len(), INSTANCES_MAX - 5);
    assert_eq!(states.evaluate(&rule, &[], minute(3)).events.len(), 5);
    let later = states.evaluate(&rule, &rows(0..3), minute(4));
    assert_eq!((later.events.len(), later.left_out, later.forgotten), (3, 0, 3));
    let mut kept = states.alerts().map(|(_, alert)| alert.labels.get("node"));
    assert_eq!(kept.nth(7), Some("n000009"), "the first eight are the new ones and those that resolved last");
    assert_eq!(kept.next(), Some("n000013"));
}

/// Prometheus's evaluation of one instance, written as its code is (rules/alerting.go, `Eval`).
#[derive(Default)]
struct Reference {
    state: Option<&'static str>,
    active_at: usize,
    resolved_at: usize,
    keep_firing_since: Option<usize>,
}

impl Reference {
    fn eval(&mut self, returned: bool, at: usize, hold: usize, keep: usize) -> Option<&'static str> {
        if returned && !matches!(self.state, Some("pending" | "firing")) {
            *self = Self { state: Some("pending"), active_at: at, ..Self::default() };
        }
        if !returned {
            let mut keep_firing = false;
            if self.state == Some("firing") && keep > 0 {
                let since = *self.keep_firing_since.get_or_insert(at);
                keep_firing = at - since < keep;
            }
            if self.state == Some("pending") || (self.state == Some("resolved") && at - self.resolved_at > 15) {
                self.state = None;
            }
            if self.state == Some("firing") && !keep_firing {
                self.state = Some("resolved");
                self.resolved_at = at;
            }
            return self.state;
        }
        self.keep_firing_since = None;
        if self.state == Some("pending") && at - self.active_at >= hold {
            self.state = Some("firing");
        }
        self.state
    }
}

proptest! {
    #[test]
    fn any_history_goes_as_in_prometheus(
        returned in prop::collection::vec(prop::bool::weighted(0.6), 1..60),
        hold in 0_usize..4,
        keep in 0_usize..4,
        silence in 0_usize..20,
    ) {
        let rule = rule(&format!("for: {hold}m, keep_firing_for: {keep}m"));
        let (mut states, mut reference) = (AlertStates::default(), Reference::default());
        let silence = std::iter::repeat_n(false, silence);
        let again = [true, true, false];
        for (at, returned) in returned.iter().copied().chain(silence).chain(again).enumerate() {
            let rows = if returned { vec![row("a", 1.0)] } else { Vec::new() };
            drop(states.evaluate(&rule, &rows, minute(at)));
            let phase = states.alerts().next().map(|(_, alert)| alert.phase.as_str());
            prop_assert_eq!(phase, reference.eval(returned, at, hold, keep), "at {}m", at);
        }
    }
}
