use expect_test::expect;
use proptest::prelude::*;

use super::*;

const HOUR: i64 = 3600;

/// Noise of -1 to 1 and of mean 0 that looks random: a hash of the hour (Steele et al. 2014, SplitMix64).
fn noise(hour: i64) -> f64 {
    let mut mixed = (hour as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1u64 << 52) as f64 - 1.0
}

/// A day's wave of 100 +- 50 that grows by 2 a day, with noise of +- 3.
fn wave(hour: i64) -> f64 {
    let day = hour as f64 / 24.0;
    100.0 + 2.0 * day + 50.0 * (std::f64::consts::TAU * day).sin() + 3.0 * noise(hour)
}

fn point(hour: i64, value: f64) -> Point {
    Point { at: UnixNanos::from_secs(1_699_920_000 + hour * HOUR), value }
}

fn history(hours: impl IntoIterator<Item = i64>, value: impl Fn(i64) -> f64) -> Vec<Point> {
    hours.into_iter().map(|hour| point(hour, value(hour))).collect()
}

fn hourly() -> SeasonalSettings {
    SeasonalSettings { season: Season::new(std::time::Duration::from_secs(86_400), 24).unwrap(), width: 5.0 }
}

fn fitted(history: &[Point]) -> SeasonalDetector {
    SeasonalDetector::fit(&hourly(), history).unwrap()
}

/// The hours of `points` that are anomalous.
fn anomalies(detector: &SeasonalDetector, points: &[Point]) -> Vec<i64> {
    let found = points.iter().filter(|point| detector.score(**point).is_anomaly);
    found.map(|point| (point.at.secs() - 1_699_920_000) / HOUR).collect()
}

const TWO_WEEKS: i64 = 14 * 24;

#[test]
fn a_daily_season_with_a_trend_is_no_anomaly() {
    let detector = fitted(&history(0..TWO_WEEKS, wave));
    assert_eq!(anomalies(&detector, &history(0..TWO_WEEKS + 48, wave)), []);
    let band = detector.score(point(TWO_WEEKS + 6, 0.0)).band;
    assert!((band.mid - (wave(TWO_WEEKS + 6) - 3.0 * noise(TWO_WEEKS + 6))).abs() < 3.0, "{band:?}");
    assert!(band.high - band.low < 40.0, "a band of the width of the season finds nothing: {band:?}");
}

#[test]
fn spikes_are_found_in_history_and_after_it() {
    let spiked = |hour: i64| wave(hour) + if [40, 41, 200, TWO_WEEKS + 5].contains(&hour) { 40.0 } else { 0.0 };
    let dipped = |hour: i64| spiked(hour) - if hour == 100 { 40.0 } else { 0.0 };
    let detector = fitted(&history(0..TWO_WEEKS, dipped));
    let found = anomalies(&detector, &history(0..TWO_WEEKS + 24, dipped));
    assert_eq!(found, [40, 41, 100, 200, TWO_WEEKS + 5]);
    assert!(detector.score(point(40, dipped(40))).deviations > 5.0);
    assert!(detector.score(point(100, dipped(100))).deviations < -5.0);
}

#[test]
fn a_usual_value_at_an_unusual_hour_is_an_anomaly() {
    let detector = fitted(&history(0..TWO_WEEKS, wave));
    let (peak, trough) = (TWO_WEEKS + 6, TWO_WEEKS + 18);
    assert_eq!(anomalies(&detector, &[point(peak, wave(trough)), point(trough, wave(peak))]), [peak, trough]);
}

#[test]
fn a_level_shift_is_an_anomaly_from_its_first_point_on() {
    let detector = fitted(&history(0..TWO_WEEKS, wave));
    let shifted = history(TWO_WEEKS..TWO_WEEKS + 24, |hour| wave(hour) + 30.0);
    assert_eq!(anomalies(&detector, &shifted).len(), 24);
}

#[test]
fn a_day_of_outage_in_the_history_tilts_nothing() {
    let outage = |hour: i64| if (24 * 12..24 * 13).contains(&hour) { 0.0 } else { wave(hour) };
    let detector = fitted(&history(0..TWO_WEEKS, outage));
    assert!(middle_error(&detector, TWO_WEEKS..TWO_WEEKS + 48) < 4.0);
    assert_eq!(anomalies(&detector, &history(TWO_WEEKS..TWO_WEEKS + 48, wave)), []);
}

/// How far the middle of the band is off the wave without noise, at most.
fn middle_error(detector: &SeasonalDetector, hours: std::ops::Range<i64>) -> f64 {
    let error = |hour| (detector.score(point(hour, 0.0)).band.mid - (wave(hour) - 3.0 * noise(hour))).abs();
    hours.map(error).fold(0.0, f64::max)
}

#[test]
fn hours_seen_in_one_week_only_do_not_bend_the_trend() {
    let present = |hour: &i64| *hour < 7 * 24 || hour % 24 >= 12;
    let detector = fitted(&history((0..TWO_WEEKS).filter(present), wave));
    let error = middle_error(&detector, TWO_WEEKS..TWO_WEEKS + 24);
    assert!(error < 4.0, "{error}");
}

#[test]
fn missing_points_are_no_zeros() {
    // A third of all hours, one whole day, and the same hour of every day.
    let present = |hour: &i64| noise(7_000 + hour) < 0.33 && !(96..120).contains(hour) && hour % 24 != 3;
    let mut holed = history((0..TWO_WEEKS).filter(present), wave);
    holed.extend([point(3, f64::NAN), point(4, f64::INFINITY)]);
    let detector = fitted(&holed);
    assert_eq!(anomalies(&detector, &history(0..TWO_WEEKS + 24, wave)), []);
    assert!(detector.score(point(TWO_WEEKS + 3, wave(TWO_WEEKS + 3) + 45.0)).is_anomaly, "the hour never seen");
    assert!(!detector.score(point(0, f64::NAN)).is_anomaly);
}

#[test]
fn constants_and_zeros_may_not_move() {
    for level in [0.0, 100.0] {
        let detector = fitted(&history(0..72, |_| level));
        let found = anomalies(&detector, &[point(80, level), point(81, level + 1.0), point(82, level - 1.0)]);
        assert_eq!(found, [81, 82], "{level}");
        assert!(detector.score(point(81, level + 1.0)).deviations.is_finite());
    }
}

#[test]
fn short_and_sparse_histories_are_refused() {
    let refused = |hours: Vec<i64>| SeasonalDetector::fit(&hourly(), &history(hours, wave)).unwrap_err().to_string();
    // Ten hours around midnight are no two days.
    expect!["the history spans 0 of the 2 seasons it takes: keep more of it, or choose a shorter season"]
        .assert_eq(&refused((-5..5).collect()));
    expect!["the history has 4 points in 3 buckets of the season: keep more of it, or cut the season into fewer"]
        .assert_eq(&refused(vec![0, 1, 24, 74]));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(30))]

    #[test]
    fn the_order_of_the_history_has_no_part_in_it(seed in any::<u64>(), days in 2i64..15) {
        let mut points = history(0..24 * days, wave);
        let detector = fitted(&points);
        points.sort_by_key(|point| (point.at.0 as u64).wrapping_mul(seed | 1));
        let shuffled = fitted(&points);
        for point in history(0..24 * days + 24, wave) {
            let (a, b) = (detector.score(point), shuffled.score(point));
            prop_assert_eq!(a.band.low.to_bits(), b.band.low.to_bits());
            prop_assert_eq!(a.deviations.to_bits(), b.deviations.to_bits());
        }
    }

    #[test]
    fn units_do_not_matter(scale in 1e-3..1e9f64) {
        let detector = fitted(&history(0..TWO_WEEKS, wave));
        let scaled = fitted(&history(0..TWO_WEEKS, |hour| wave(hour) * scale));
        for hour in TWO_WEEKS..TWO_WEEKS + 24 {
            let (a, b) = (detector.score(point(hour, wave(hour))), scaled.score(point(hour, wave(hour) * scale)));
            prop_assert!((a.deviations - b.deviations).abs() < 1e-3, "{} {}", a.deviations, b.deviations);
        }
    }
}
