use expect_test::{Expect, expect};

use super::*;
use crate::{season::Season, series::SERIES_MAX};

const HOUR: i64 = 3_600;
const TWO_WEEKS: i64 = 14 * 24;

fn hourly() -> SeasonalSettings {
    SeasonalSettings { season: Season::new(std::time::Duration::from_secs(86_400), 24).unwrap(), width: 5.0 }
}

/// A day's wave of 100 +- 50, with a little noise.
fn usual(hour: i64) -> f64 {
    100.0 + 50.0 * (std::f64::consts::TAU * hour as f64 / 24.0).sin() + (hour * 7_919 % 5) as f64
}

fn at(hour: i64) -> UnixNanos {
    UnixNanos::from_secs(1_699_920_000 + hour * HOUR)
}

/// Two weeks as usual, then `values`.
fn history(values: &[f64]) -> Vec<Point> {
    let usual = (0..TWO_WEEKS).map(|hour| Point { at: at(hour), value: usual(hour) });
    let then = (TWO_WEEKS..).zip(values).map(|(hour, value)| Point { at: at(hour), value: *value });
    usual.chain(then).collect()
}

fn labels(site: &str) -> Labels {
    Labels::new([("site", site)])
}

fn check(look: &Look, expect: Expect) {
    let line = |finding: &Finding| {
        let hour = (finding.at.0 - at(TWO_WEEKS).0) / (HOUR * 1_000_000_000);
        format!("{hour}h {} {}: {}\n", finding.kind.as_str(), finding.id, finding.text)
    };
    expect.assert_eq(&look.findings.iter().map(line).collect::<String>());
}

#[test]
fn an_anomaly_is_found_once_and_ends_well_inside_the_band() {
    let mut watch = Watch::new("traffic", hourly());
    let mut look = |values: &[f64]| watch.handle_histories(&[(labels("fra"), history(values))].into(), at(400));
    check(&look(&[102.0]), expect![""]);
    check(
        &look(&[102.0, 300.0, 310.0]),
        expect![[r#"
        1h anomaly traffic{site="fra"}: traffic{site="fra"} is 300.00, expected 107.12 to 122.76: 118.4 deviations above 114.94
    "#]],
    );
    check(&look(&[102.0, 300.0, 310.0, 305.0]), expect![]);
    check(
        &look(&[102.0, 300.0, 310.0, 305.0, usual(TWO_WEEKS + 4), usual(TWO_WEEKS + 5)]),
        expect![[r#"
        4h cleared traffic{site="fra"}: traffic{site="fra"} is 143.30, expected 137.48 to 153.12: 1.3 deviations below 145.30
    "#]],
    );
}

#[test]
fn at_first_only_the_newest_value_is_judged_and_nothing_twice() {
    let mut watch = Watch::new("traffic", hourly());
    let mut look = |values: &[f64]| watch.handle_histories(&[(Labels::default(), history(values))].into(), at(400));
    assert_eq!(look(&[900.0, 900.0, usual(TWO_WEEKS + 2)]).findings, []);
    let begun = look(&[900.0, 900.0, usual(TWO_WEEKS + 2), 0.0]);
    check(
        &begun,
        expect![[r#"
        3h anomaly traffic: traffic is 0.00, expected 129.54 to 145.17: 87.8 deviations below 137.36
    "#]],
    );
    assert_eq!(look(&[900.0, 900.0, usual(TWO_WEEKS + 2), 0.0]).findings, []);
}

#[test]
fn what_vanishes_is_cleared_and_what_is_short_is_told() {
    let mut watch = Watch::new("traffic", hourly());
    let short = history(&[]).split_off(TWO_WEEKS as usize - 5);
    let both = [(labels("fra"), history(&[900.0])), (labels("new"), short)].into();
    let look = watch.handle_histories(&both, at(400));
    assert_eq!(look.findings.len(), 1);
    let unlearnt: Vec<String> = look.unlearnt.iter().map(|(id, error)| format!("{id}: {error}")).collect();
    expect![[r#"traffic{site="new"}: the history spans 0 of the 2 seasons it takes: keep more of it, or choose a shorter season"#]].assert_eq(&unlearnt.join("\n"));
    check(
        &watch.handle_histories(&BTreeMap::new(), at(400)),
        expect![[r#"
        64h cleared traffic{site="fra"}: traffic{site="fra"} has no values any more
    "#]],
    );
    assert!(watch.handle_histories(&BTreeMap::new(), at(401)).findings.is_empty());
}

#[test]
fn beyond_the_limit_series_are_left_out_and_counted() {
    let mut watch = Watch::new("traffic", hourly());
    let many = (0..SERIES_MAX + 3).map(|site| (labels(&format!("{site:05}")), Vec::new())).collect();
    let look = watch.handle_histories(&many, at(0));
    assert_eq!((look.left_out, look.unlearnt.len()), (3, 0));
}
