use super::*;

const START: UnixNanos = UnixNanos::from_secs(1_706_745_600);
const ALWAYS: std::ops::Range<UnixNanos> = UnixNanos(0)..UnixNanos(i64::MAX);

fn slot(number: i64, in_bytes: u64, out_bytes: u64) -> Slot {
    Slot { start: UnixNanos(START.0 + number * SLOT_NANOS), in_bytes, out_bytes }
}

fn merged(usage: &Usage) -> Vec<(u64, u64)> {
    usage.traffic.merged(ALWAYS).map(|(_, sum)| (sum.in_bytes, sum.out_bytes)).collect()
}

#[test]
fn ports_are_summed_per_slot() {
    let mut usage = Usage::new();
    usage.record(&"a".into(), slot(0, 10, 1)).unwrap();
    usage.record(&"b".into(), slot(0, 5, 2)).unwrap();
    usage.record(&"b".into(), slot(1, 7, 3)).unwrap();
    assert_eq!(merged(&usage), [(15, 3), (7, 3)]);
}

#[test]
fn the_last_reading_of_a_slot_wins_and_is_counted() {
    let mut usage = Usage::new();
    for (meter, in_bytes) in [("a", 10), ("b", 5), ("a", 3), ("a", 4)] {
        usage.record(&meter.into(), slot(0, in_bytes, 0)).unwrap();
    }
    assert_eq!(merged(&usage), [(9, 0)]);
    let coverage = usage.traffic.coverage(ALWAYS).of(1);
    assert_eq!(coverage, Coverage { expected: 1, present: 1, meter_gaps: 0, replaced: 2 });
    assert!(coverage.complete());
}

#[test]
fn a_port_missing_from_the_sum_is_a_meter_gap() {
    let mut usage = Usage::new();
    for number in 0..5 {
        usage.record(&"a".into(), slot(number, 1, 1)).unwrap();
    }
    for number in [1, 3] {
        usage.record(&"b".into(), slot(number, 1, 1)).unwrap();
    }
    let coverage = usage.traffic.coverage(ALWAYS).of(5);
    assert_eq!((coverage.present, coverage.meter_gaps), (5, 1));
    assert!(!coverage.complete());
}

#[test]
fn bad_readings_are_refused() {
    let mut usage = Usage::new();
    let late = Slot { start: UnixNanos(START.0 + 1), in_bytes: 0, out_bytes: 0 };
    assert_eq!(usage.record(&"a".into(), late), Err(UsageError::OffGrid { meter: "a".into(), start: START.0 + 1 }));
    let wrapped = slot(0, 0, READING_MAX + 1);
    assert_eq!(
        usage.record(&"a".into(), wrapped),
        Err(UsageError::Implausible { meter: "a".into(), figure: READING_MAX + 1 })
    );
    for number in 0..METERS_MAX {
        usage.record(&number.to_string().as_str().into(), slot(0, READING_MAX, READING_MAX)).unwrap();
    }
    assert_eq!(usage.record(&"a".into(), slot(0, 1, 1)), Err(UsageError::TooManyMeters("a".into())));
    assert_eq!(Figure::Sum.of(usage.traffic.merged(ALWAYS).next().unwrap().1), 7_680_000_000_000_000_000);
}

#[test]
fn rates_come_exactly_from_bytes() {
    for (bytes, rate) in [
        (0, "0"),
        (37_500_000, "1"),
        (3_750_000_000, "100"),
        (1_500, "0.00004"),
        (1, "0.0000000266666666666666666667"),
        (150_000_000_000_000, "4000000"),
    ] {
        assert_eq!(mbps(bytes), rate.parse().unwrap(), "{bytes} bytes");
    }
}
