//! Test files as written.

use std::{sync::Arc, time::Duration};

use weir_model::yaml::{Diagnostics, Fields, Item, Reader};

use super::{EVALUATIONS_MAX, TestCase, TestFile, expectation::Expectation, input, offset::Offset};

/// Of samples and evaluations, in tests that do not say.
const INTERVAL_DEFAULT: Duration = Duration::from_secs(60);

impl TestFile {
    /// Reads a test file called `file`.
    ///
    /// # Errors
    /// Everything that is wrong with it. What only the rules can tell, such as alerts that do not
    /// exist, comes out when the tests run.
    pub fn parse(file: &str, text: &str) -> Result<Self, Diagnostics> {
        let file: Arc<str> = file.into();
        Reader::read(&Arc::clone(&file), text, |_, mut fields| {
            let rules = fields.required("rules");
            let tests: Vec<_> = fields.required_list("tests").iter().map(|item| TestCase::read(item, &file)).collect();
            fields.finish();
            Some(Self { rules: rules?, tests: tests.into_iter().collect::<Option<_>>()? })
        })
    }
}

impl TestCase {
    fn read(item: &Item<'_>, file: &Arc<str>) -> Option<Self> {
        let mut fields = item.fields_of("a test")?;
        let name = fields.required("name");
        let interval = interval(&mut fields);
        let input: Vec<_> = fields.required_list("input").iter().map(|table| input::read(table, interval)).collect();
        let alerts: Vec<_> = fields.required_list("alerts").iter().map(Expectation::read).collect();
        let expectations: Vec<Expectation> = alerts.into_iter().collect::<Option<_>>()?;
        check_times(fields.reader(), &expectations, interval);
        fields.finish();
        let input = input.into_iter().collect::<Option<_>>()?;
        Some(Self { name: name?, file: Arc::clone(file), interval, input, expectations })
    }
}

fn interval(fields: &mut Fields<'_>) -> Duration {
    let written = fields.optional_spanned::<Duration>("interval");
    match written {
        Some(zero) if zero.is_zero() => {
            fields.reader().error(zero.mark, "`interval` is zero");
            INTERVAL_DEFAULT
        }
        Some(written) => written.value,
        None => INTERVAL_DEFAULT,
    }
}

/// Expectations are compared right after an evaluation, and there are not too many of these.
fn check_times(reader: &Reader, expectations: &[Expectation], interval: Duration) {
    let nanos = i64::try_from(interval.as_nanos()).unwrap_or(i64::MAX);
    for expectation in expectations {
        let Offset(at) = expectation.at.value;
        if at % nanos != 0 {
            let hint = "rules are evaluated at 0m and every `interval` from then on";
            let message = format!("`at` is {}, no multiple of the interval", expectation.at.value);
            reader.error_with_hint(expectation.at.mark, message, hint);
        } else if at / nanos > i64::from(EVALUATIONS_MAX) {
            let message = format!("`at` is more than {EVALUATIONS_MAX} evaluations from 0m");
            reader.error_with_hint(expectation.at.mark, message, "give a longer `interval`");
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(text: &str, expect: Expect) {
        expect
            .assert_eq(&TestFile::parse("t.yaml", text).map_or_else(|found| found.to_string(), |_| "good".to_owned()));
    }

    #[test]
    fn every_error_is_found_at_once() {
        check(
            "rules: a.yaml
tests:
  - nam: x
    interval: 0s
    input: [{table: metrics.t, columns: [x fload]}]
    alerts:
      - {at: 90s, alertname: A, expect: []}
      - {at: 11d, alertname: A, expect: []}
      - {at: -1m, alertname: A, expect: []}
      - {at: 1m, alertname: A, expect: [{labels: {}}]}
",
            expect![[r#"
                t.yaml:3:5: a test has no `name`
                t.yaml:3:5: a test has no key `nam`
                    hint: did you mean `name`?
                t.yaml:4:15: `interval` is zero
                t.yaml:5:42: `fload` is no type of a field, only float, integer, boolean, text, decimal
                t.yaml:7:14: `at` is 90s, no multiple of the interval
                    hint: rules are evaluated at 0m and every `interval` from then on
                t.yaml:8:14: `at` is more than 10080 evaluations from 0m
                    hint: give a longer `interval`
                t.yaml:9:14: rules are evaluated from 0m on"#]],
        );
        check(
            "tests:
  - name: x
    input: []
    alerts:
      - {at: 1m, alertnam: A}
      - {at: 1m, alertname: A, expect: [{annotations: {}}]}
",
            expect![[r#"
                t.yaml:1:1: the file has no `rules`
                t.yaml:5:10: an expectation has no `alertname`
                t.yaml:5:10: an expectation has no `expect`
                t.yaml:5:18: an expectation has no key `alertnam`
                    hint: did you mean `alertname`?
                t.yaml:6:42: an expected instance has no `labels`"#]],
        );
    }

    #[test]
    fn an_empty_test_is_a_test() {
        check("rules: a.yaml\ntests: [{name: a, input: [], alerts: []}]", expect!["good"]);
    }
}
