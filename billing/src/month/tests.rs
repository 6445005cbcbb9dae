use std::fmt::Write;

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;

/// The instant that RFC 3339 text names.
fn at(text: &str) -> UnixNanos {
    let timestamp: Timestamp = text.parse().unwrap();
    UnixNanos(i64::try_from(timestamp.as_nanosecond()).unwrap())
}

fn utc(at: UnixNanos) -> String {
    Timestamp::from_nanosecond(i128::from(at.0)).unwrap().to_string()
}

fn check(zone: &str, instant: &str, expect: Expect) {
    let month = Month::containing(zone, at(instant)).unwrap();
    let mut text = format!(
        "{month}: {} to {}, {} days, {} slots",
        utc(month.start()),
        utc(month.end()),
        month.days(),
        month.slots()
    );
    for day in 0..month.days() {
        let start = month.day_starts[day];
        let end = month.day_starts.get(day + 1).copied().unwrap_or(month.end());
        let hours = (end.0 - start.0) / 3_600_000_000_000;
        if hours != 24 {
            write!(text, ", day {} has {hours} h", day + 1).unwrap();
        }
    }
    expect.assert_eq(&text);
}

#[test]
fn months_have_28_to_31_days() {
    check(
        "UTC",
        "2023-02-28T23:59:59Z",
        expect!["2023-02: 2023-02-01T00:00:00Z to 2023-03-01T00:00:00Z, 28 days, 8064 slots"],
    );
    check(
        "UTC",
        "2024-02-01T00:00:00Z",
        expect!["2024-02: 2024-02-01T00:00:00Z to 2024-03-01T00:00:00Z, 29 days, 8352 slots"],
    );
    check(
        "UTC",
        "2024-04-30T12:00:00Z",
        expect!["2024-04: 2024-04-01T00:00:00Z to 2024-05-01T00:00:00Z, 30 days, 8640 slots"],
    );
    check(
        "UTC",
        "2024-12-31T23:59:59Z",
        expect!["2024-12: 2024-12-01T00:00:00Z to 2025-01-01T00:00:00Z, 31 days, 8928 slots"],
    );
}

#[test]
fn clock_changes_make_days_of_23_and_25_hours() {
    check(
        "Europe/Berlin",
        "2024-03-15T00:00:00Z",
        expect!["2024-03: 2024-02-29T23:00:00Z to 2024-03-31T22:00:00Z, 31 days, 8916 slots, day 31 has 23 h"],
    );
    check(
        "Europe/Berlin",
        "2024-10-15T00:00:00Z",
        expect!["2024-10: 2024-09-30T22:00:00Z to 2024-10-31T23:00:00Z, 31 days, 8940 slots, day 27 has 25 h"],
    );
}

#[test]
fn the_zone_decides_the_month() {
    let instant = at("2024-02-29T23:30:00Z");
    assert_eq!(Month::containing("Europe/Berlin", instant).unwrap().to_string(), "2024-03");
    assert_eq!(Month::containing("America/New_York", instant).unwrap().to_string(), "2024-02");
}

#[test]
fn a_month_may_begin_after_midnight() {
    // Paraguay set its clocks forward at the first midnight of October 2017.
    check(
        "America/Asuncion",
        "2017-10-05T00:00:00Z",
        expect!["2017-10: 2017-10-01T04:00:00Z to 2017-11-01T03:00:00Z, 31 days, 8916 slots, day 1 has 23 h"],
    );
}

#[test]
fn a_skipped_day_does_not_exist() {
    // Samoa went from the 29th to the 31st of December 2011.
    check(
        "Pacific/Apia",
        "2011-12-31T00:00:00Z",
        expect!["2011-12: 2011-12-01T10:00:00Z to 2011-12-31T10:00:00Z, 30 days, 8640 slots"],
    );
}

#[test]
fn an_hour_repeated_across_the_end_belongs_to_the_new_month() {
    // At 00:01 on 1 November 2009 clocks in Newfoundland went back to 23:01 on 31 October.
    let repeated = at("2009-11-01T02:45:00Z");
    let month = Month::containing("America/St_Johns", repeated).unwrap();
    assert_eq!(month.to_string(), "2009-11");
    assert_eq!(month.day_of(repeated), Some(0));
    assert!(month.contains(repeated));
}

#[test]
fn a_month_off_the_grid_counts_the_slots_that_begin_in_it() {
    // Liberia was 44 minutes and 30 seconds behind until January 1972.
    let month = Month::containing("Africa/Monrovia", at("1971-12-15T00:00:00Z")).unwrap();
    assert_eq!(utc(month.start()), "1971-12-01T00:44:30Z");
    assert_eq!(month.slots(), 8928);
}

#[test]
fn days_are_counted_from_the_local_midnight() {
    let month = Month::containing("Europe/Berlin", at("2024-03-15T00:00:00Z")).unwrap();
    assert_eq!(month.day_of(at("2024-02-29T22:55:00Z")), None);
    assert_eq!(month.day_of(at("2024-02-29T23:00:00Z")), Some(0));
    assert_eq!(month.day_of(at("2024-03-30T22:55:00Z")), Some(29));
    assert_eq!(month.day_of(at("2024-03-31T21:55:00Z")), Some(30));
    assert_eq!(month.day_of(at("2024-03-31T22:00:00Z")), None);
}

#[test]
fn mistakes_are_named() {
    let error = Zone::named("Europe/Berln").unwrap_err();
    assert_eq!(error, MonthError::UnknownZone("Europe/Berln".to_owned()));
    assert_eq!(error.to_string(), "no time zone is called `Europe/Berln`: give an IANA name, e.g. Europe/Berlin");
    let utc = Zone::named("UTC").unwrap();
    assert_eq!(utc.month(2024, 13), Err(MonthError::NoSuchMonth { year: 2024, month: 13 }));
    assert!(utc.month_of(UnixNanos(i64::MAX)).is_err());
    assert!(utc.month_of(UnixNanos(i64::MIN)).is_err());
}

proptest! {
    #[test]
    fn every_instant_lies_in_its_month(
        secs in 0_i64..4_000_000_000,
        zone in prop::sample::select(vec![
            "UTC", "Europe/Berlin", "America/St_Johns", "Asia/Kathmandu", "Pacific/Apia", "America/Sao_Paulo",
            "America/Havana", "Australia/Lord_Howe", "Africa/Monrovia",
        ]),
    ) {
        let instant = UnixNanos::from_secs(secs);
        let month = Month::containing(zone, instant).unwrap();
        prop_assert!(month.contains(instant));
        prop_assert!(month.day_starts.is_sorted());
        prop_assert_eq!(month.day_starts[0], month.start());
        prop_assert!((28..=31).contains(&month.days()));
        prop_assert!(month.day_of(instant).unwrap() < month.days());
        prop_assert_eq!(month.next().unwrap().start(), month.end());
    }
}
