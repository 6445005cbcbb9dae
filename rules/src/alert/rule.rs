//! Rules as written in files.

use std::{collections::BTreeSet, fmt, sync::Arc, time::Duration};

use weir_model::yaml::{Diagnostics, Fields, Item, Reader};

use super::{ALERT_NAME, Query, Template};

/// How often a group is evaluated that does not say (Prometheus: `global.evaluation_interval`).
pub const EVALUATION_INTERVAL_DEFAULT: Duration = Duration::from_secs(60);

/// Rules that are evaluated one after the other, at the same instants.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleGroup {
    /// Its name, unique in its file.
    pub name: String,
    /// How often it is evaluated; above zero.
    pub interval: Duration,
    /// In the order of evaluation.
    pub rules: Vec<AlertRule>,
}

/// One alert rule.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertRule {
    /// What tells it from all others.
    pub id: RuleId,
    /// The file it was read from.
    pub file: Arc<str>,
    /// The line of its name in that file.
    pub line: usize,
    /// The alert's name: the label `alertname` of its instances.
    pub alert: Arc<str>,
    /// What returns a row per instance.
    pub query: Query,
    /// How long an instance is pending before it fires: `for`.
    pub hold: Duration,
    /// How long it goes on firing after it was last returned: `keep_firing_for`.
    pub keep_firing: Duration,
    /// Labels added to those of the row, by name; they win where both have one.
    pub labels: Vec<(Arc<str>, Template)>,
    /// Texts for people, by name.
    pub annotations: Vec<(Arc<str>, Template)>,
}

/// Names a rule by file, group, alert and labels as written. A rule whose query, thresholds or
/// texts changed is still the same one, so its pending and firing instances survive a reload.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RuleId(Arc<str>);

impl fmt::Display for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Reads a rule file. `file` is its name for messages and for the rules' ids.
///
/// # Errors
/// Everything that is wrong with it: keys, durations, queries as far as they can be checked
/// without an engine, templates, groups with one name, and equal rules in one group.
pub fn parse(file: &str, text: &str) -> Result<Vec<RuleGroup>, Diagnostics> {
    Reader::read(file, text, |_, mut fields| {
        let mut seen = Seen { file: file.into(), ..Seen::default() };
        let groups: Vec<_> =
            fields.required_list("groups").iter().map(|item| RuleGroup::read(item, &mut seen)).collect();
        fields.finish();
        groups.into_iter().collect()
    })
}

/// What must be there only once.
#[derive(Default)]
struct Seen {
    file: Arc<str>,
    groups: BTreeSet<String>,
    rules: BTreeSet<RuleId>,
}

impl RuleGroup {
    fn read(item: &Item<'_>, seen: &mut Seen) -> Option<Self> {
        let mut fields = item.fields_of("a group")?;
        let name = fields.required_spanned::<String>("name");
        if let Some(name) = &name
            && !seen.groups.insert(name.value.clone())
        {
            fields.reader().error(name.mark, format!("there are two groups called `{}` in this file", name.value));
        }
        let interval = interval(&mut fields);
        let group = name.as_ref().map_or("", |name| &name.value);
        let rules: Vec<_> =
            fields.required_list("rules").iter().map(|item| AlertRule::read(item, group, seen)).collect();
        fields.finish();
        Some(Self { name: name?.value, interval, rules: rules.into_iter().collect::<Option<_>>()? })
    }
}

fn interval(fields: &mut Fields<'_>) -> Duration {
    let written = fields.optional_spanned::<Duration>("interval");
    if let Some(zero) = written.as_ref().filter(|written| written.is_zero()) {
        fields.reader().error_with_hint(zero.mark, "`interval` is zero", "leave it out for every minute");
    }
    written.map_or(EVALUATION_INTERVAL_DEFAULT, |written| written.value)
}

impl AlertRule {
    fn read(item: &Item<'_>, group: &str, seen: &mut Seen) -> Option<Self> {
        let mut fields = item.fields_of("a rule")?;
        let alert = fields.required_spanned::<String>("alert");
        let query = query(&mut fields);
        let hold = fields.or("for", Duration::ZERO);
        let keep_firing = fields.or("keep_firing_for", Duration::ZERO);
        let labels = templates(&mut fields, "labels");
        let annotations = templates(&mut fields, "annotations");
        if let Some(alert) = alert.as_ref().filter(|alert| alert.is_empty()) {
            fields.reader().error(alert.mark, "an alert's name is not empty");
        }
        let alert = alert?;
        let id = id(&seen.file, group, &alert, &labels);
        if !seen.rules.insert(id.clone()) {
            let message = format!("group `{group}` has two rules `{}` with the same labels", alert.value);
            fields.reader().error_with_hint(
                alert.mark,
                message,
                "their instances could not be told apart: add a label",
            );
        }
        fields.finish();
        Some(Self {
            id,
            file: Arc::clone(&seen.file),
            line: alert.mark.line,
            alert: alert.value.into(),
            query: query?,
            hold,
            keep_firing,
            labels,
            annotations,
        })
    }
}

fn id(file: &str, group: &str, alert: &str, labels: &[(Arc<str>, Template)]) -> RuleId {
    let labels: Vec<String> = labels.iter().map(|(name, text)| format!("{name}={:?}", text.as_str())).collect();
    RuleId(format!("{file};{group};{alert}{{{}}}", labels.join(",")).into())
}

fn query(fields: &mut Fields<'_>) -> Option<Query> {
    let written = fields.required_spanned::<String>("expr")?;
    Query::parse(&written).map_err(|error| fields.reader().error(written.mark, error.to_string())).ok()
}

/// A mapping of label names to templates, sorted by name. What is wrong is noted and left out.
fn templates(fields: &mut Fields<'_>, key: &'static str) -> Vec<(Arc<str>, Template)> {
    let Some(map) = fields.map(key) else { return Vec::new() };
    let reader = map.reader();
    let mut templates = Vec::new();
    for (name, item) in map.entries() {
        if !is_label_name(&name) {
            let message = format!("`{}` is no name for one of the {key}", name.value);
            reader.error_with_hint(name.mark, message, "letters, digits and `_`, no digit first");
        } else if *name == ALERT_NAME {
            reader.error(name.mark, "`alertname` is always the name of the alert");
        }
        let Some(text) = item.scalar::<String>() else { continue };
        match Template::parse(&text) {
            Ok(template) => templates.push((name.value.into(), template)),
            Err(error) => reader.error(text.mark, error.to_string()),
        }
    }
    templates.sort_by(|a: &(Arc<str>, _), b| a.0.cmp(&b.0));
    templates
}

/// Whether Prometheus takes `name` for a label's (`[a-zA-Z_][a-zA-Z0-9_]*`).
pub(super) fn is_label_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(text: &str, expect: Expect) {
        let written = parse("r.yaml", text).map_or_else(|found| found.to_string(), |groups| format!("{groups:#?}"));
        expect.assert_eq(&written);
    }

    #[test]
    fn a_rule_file_is_prometheus_with_sql() {
        check(
            "groups:
  - name: node
    interval: 30s
    rules:
      - alert: Down
        expr: SELECT node FROM t WHERE time <= $now
        for: 1m
        labels: {severity: critical}
        annotations: {summary: '{{ $labels.node }} is down'}
",
            expect![[r#"
                [
                    RuleGroup {
                        name: "node",
                        interval: 30s,
                        rules: [
                            AlertRule {
                                id: RuleId(
                                    "r.yaml;node;Down{severity=\"critical\"}",
                                ),
                                file: "r.yaml",
                                line: 5,
                                alert: "Down",
                                query: Query {
                                    text: "SELECT node FROM t WHERE time <= $now",
                                    places: [
                                        33,
                                    ],
                                },
                                hold: 60s,
                                keep_firing: 0ns,
                                labels: [
                                    (
                                        "severity",
                                        Template {
                                            text: "critical",
                                            parts: [
                                                Text(
                                                    "critical",
                                                ),
                                            ],
                                        },
                                    ),
                                ],
                                annotations: [
                                    (
                                        "summary",
                                        Template {
                                            text: "{{ $labels.node }} is down",
                                            parts: [
                                                Label(
                                                    "node",
                                                ),
                                                Text(
                                                    " is down",
                                                ),
                                            ],
                                        },
                                    ),
                                ],
                            },
                        ],
                    },
                ]"#]],
        );
    }

    #[test]
    fn every_error_is_found_at_once() {
        check(
            "groups:
  - name: a
    intervall: 30s
    rules:
      - alert: Down
        expr: SELECT now()
        for: soon
        labels: {severity: critical, alertname: x}
        anotations: {}
      - expr: SELECT 1
        labels: {1st: '{{ $vlue }}', b: [c]}
        annotations:
          summary: '{{ $labels.node }'
  - name: a
    interval: 0s
    rules:
      - {alert: Same, expr: SELECT 1, labels: {severity: page}}
      - {alert: Same, expr: SELECT 2, labels: {severity: warn}}
      - {alert: Same, expr: SELECT 3, labels: {severity: page}}
      - {alert: '', expr: DROP TABLE t}
",
            expect![[r#"
                r.yaml:3:5: a group has no key `intervall`
                    hint: did you mean `interval`?
                r.yaml:6:15: `now` asks the engine's clock, so the rule could not be tested: write `$now`
                r.yaml:7:14: `for` is `soon`, which is not a duration such as `50ms`, `5m` or `30d`
                r.yaml:8:38: `alertname` is always the name of the alert
                r.yaml:9:9: a rule has no key `anotations`
                    hint: did you mean `annotations`?
                r.yaml:10:9: a rule has no `alert`
                r.yaml:11:18: `1st` is no name for one of the labels
                    hint: letters, digits and `_`, no digit first
                r.yaml:11:23: `{{ $vlue }}` is neither a label, `{{ $labels.name }}`, nor `{{ $value }}`: did you mean `$value`?
                r.yaml:11:41: `labels` must be text
                r.yaml:13:20: `{{` in `{{ $labels.node }` is never closed with `}}`
                r.yaml:14:11: there are two groups called `a` in this file
                r.yaml:15:15: `interval` is zero
                    hint: leave it out for every minute
                r.yaml:19:17: group `a` has two rules `Same` with the same labels
                    hint: their instances could not be told apart: add a label
                r.yaml:20:17: an alert's name is not empty
                r.yaml:20:27: a rule only reads: its query begins with SELECT or WITH, not with `DROP`"#]],
        );
        check(
            "group: []",
            expect![[r#"
            r.yaml:1:1: the file has no `groups`
            r.yaml:1:1: the file has no key `group`
                hint: did you mean `groups`?"#]],
        );
    }
}
