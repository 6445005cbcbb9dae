//! Running a test: evaluate step by step, compare on the way.

use std::{collections::BTreeMap, fmt, sync::Arc};

use weir_model::{time::UnixNanos, yaml::nearest};

use super::{TestCase, expectation::Expectation, offset::Offset};
use crate::alert::{Alert, AlertRule, AlertStates, ResultRow, RuleGroup};

/// A test that did not come out as expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    file: Arc<str>,
    line: usize,
    test: String,
    text: String,
}

/// `tests/link.yaml:12: a saturated link: LinkSaturated at 9m (link.yaml:5)`, and what was
/// expected and what came, a line each.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}: {}", self.file, self.line, self.test, self.text)
    }
}

impl std::error::Error for Failure {}

impl TestCase {
    /// Evaluates the rules of `groups` that the test names and compares.
    ///
    /// `query` runs SQL on the test's input ([`TestCase::input`]); the time it is given is the one
    /// that the SQL has in the place of `$now`. A query that fails is a failure of the test.
    pub fn run(
        &self,
        groups: &[RuleGroup],
        mut query: impl FnMut(&str, UnixNanos) -> Result<Vec<ResultRow>, String>,
    ) -> Vec<Failure> {
        let mut failures = self.unknown_alerts(groups);
        if !failures.is_empty() {
            return failures;
        }
        let rules = self.rules(groups);
        let mut states = AlertStates::default();
        let last = self.expectations.iter().map(|expected| expected.at.value).max();
        let mut now = Offset::default();
        while last.is_some_and(|last| now <= last) {
            for rule in &rules {
                match query(&rule.query.at(now.time()), now.time()) {
                    Ok(results) => drop(states.evaluate(rule, &results, now.time())),
                    Err(error) => {
                        failures.push(self.broken(rule, now, &error));
                        return failures;
                    }
                }
            }
            failures.extend(self.compare(&rules, &states, now));
            now = now.after(self.interval);
        }
        failures
    }

    fn rules<'a>(&self, groups: &'a [RuleGroup]) -> Vec<&'a AlertRule> {
        let named = |rule: &&AlertRule| self.expectations.iter().any(|expected| *expected.alert == *rule.alert);
        groups.iter().flat_map(|group| &group.rules).filter(named).collect()
    }

    fn unknown_alerts(&self, groups: &[RuleGroup]) -> Vec<Failure> {
        let names = || groups.iter().flat_map(|group| &group.rules).map(|rule| &*rule.alert);
        let unknown = self.expectations.iter().filter(|expected| !names().any(|name| name == *expected.alert));
        let failure = |expected: &Expectation| {
            let name = &expected.alert.value;
            let hint = nearest(name, names()).map_or_else(String::new, |near| format!(": did you mean `{near}`?"));
            self.failure(expected.alert.mark.line, format!("there is no rule `{name}`{hint}"))
        };
        unknown.map(failure).collect()
    }

    fn broken(&self, rule: &AlertRule, now: Offset, error: &str) -> Failure {
        let line = self.expectations.iter().find(|expected| *expected.alert == *rule.alert);
        let place = format!("{}:{}", rule.file, rule.line);
        let text = format!("the query of {} ({place}) fails at {now}: {error}", rule.alert);
        self.failure(line.map_or(1, |expected| expected.alert.mark.line), text)
    }

    fn compare(&self, rules: &[&AlertRule], states: &AlertStates, now: Offset) -> Vec<Failure> {
        let by_id: BTreeMap<_, _> = rules.iter().map(|rule| (&rule.id, *rule)).collect();
        let due = self.expectations.iter().filter(|expected| expected.at.value == now);
        let failure = |expected: &Expectation| {
            let of_alert =
                |(id, alert)| by_id.get(id).filter(|rule| *rule.alert == *expected.alert.value).map(|_| alert);
            let alerts: Vec<&Alert> = states.alerts().filter_map(of_alert).collect();
            let difference = expected.difference(&alerts)?;
            let mut places = rules.iter().filter(|rule| *rule.alert == *expected.alert.value);
            let place = places.next().map_or_else(String::new, |rule| format!("{}:{}", rule.file, rule.line));
            let head = format!("{} at {now} ({place})", expected.alert.value);
            Some(self.failure(expected.at.mark.line, head + &difference))
        };
        due.filter_map(failure).collect()
    }

    fn failure(&self, line: usize, text: String) -> Failure {
        Failure { file: Arc::clone(&self.file), line, test: self.name.clone(), text }
    }
}

#[cfg(test)]
mod tests;
