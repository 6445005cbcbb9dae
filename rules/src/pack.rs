//! The rules that ship, and their tests.

macro_rules! files {
    ($folder:literal: $($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../", $folder, "/", $name)))),*]
    };
}

/// Rule files on Weir's own tables: name and text, for [`alert::parse`](crate::alert::parse).
pub const PACKS: &[(&str, &str)] =
    files!("packs": "cost.yaml", "demand.yaml", "host.yaml", "link.yaml", "node.yaml", "plan.yaml");

/// Their tests, for [`TestFile::parse`](crate::testing::TestFile::parse): name and text. Those of
/// `link.yaml` are called `link.yaml` too.
pub const PACK_TESTS: &[(&str, &str)] =
    files!("packs/tests": "cost.yaml", "demand.yaml", "host.yaml", "link.yaml", "node.yaml", "plan.yaml");

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{
        alert::{AlertRule, parse},
        testing::TestFile,
    };

    fn rules(name: &str, text: &str) -> Vec<AlertRule> {
        let groups = parse(name, text).unwrap_or_else(|found| panic!("{found}"));
        groups.into_iter().flat_map(|group| group.rules).collect()
    }

    #[test]
    fn every_rule_is_seen_firing_by_a_test_of_its_name() {
        let mut names = BTreeSet::new();
        for ((name, text), (test_name, test_text)) in PACKS.iter().zip(PACK_TESTS) {
            let file = TestFile::parse(test_name, test_text).unwrap_or_else(|found| panic!("{found}"));
            assert_eq!(file.rules, format!("../{name}"));
            for rule in rules(name, text) {
                assert!(file.tests.iter().any(|test| test.sees_firing(&rule.alert)), "{} fires in no test", rule.alert);
                assert!(names.insert(rule.alert.to_string()), "{} is there twice", rule.alert);
            }
        }
        assert!(names.len() >= 15, "{} rules", names.len());
    }

    #[test]
    fn tests_name_rules_that_exist() {
        for ((name, text), (test_name, test_text)) in PACKS.iter().zip(PACK_TESTS) {
            let groups = parse(name, text).unwrap();
            for test in TestFile::parse(test_name, test_text).unwrap().tests {
                let failures = test.run(&groups, |_, _| Ok(Vec::new()));
                let unknown = failures.iter().map(ToString::to_string).find(|text| text.contains("there is no rule"));
                assert_eq!(unknown, None);
            }
        }
    }

    #[test]
    fn every_rule_has_a_severity_and_a_summary_and_looks_back_only() {
        for rule in PACKS.iter().flat_map(|(name, text)| rules(name, text)) {
            let severity = rule.labels.iter().find(|(name, _)| &**name == "severity").map(|(_, text)| text.as_str());
            assert!(matches!(severity, Some("critical" | "warning" | "info")), "{}: {severity:?}", rule.alert);
            assert!(rule.annotations.iter().any(|(name, _)| &**name == "summary"), "{}", rule.alert);
            assert!(rule.query.as_str().contains("time <= $now"), "{} sees the future in tests", rule.alert);
        }
    }
}
