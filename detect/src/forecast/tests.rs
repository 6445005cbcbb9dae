use std::{f64::consts::TAU, time::Duration};

use weir_model::observation::Labels;

use super::{naive::SeasonalNaive, *};
use crate::season::Season;

const HOURS_OF_WEEK: i64 = 7 * 24;

/// 0 to 1, by a hash of the hour (Steele et al. 2014, SplitMix64).
fn uniform(hour: i64) -> f64 {
    let mut mixed = (hour as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}

/// What demand is without noise: 1 Gbit/s, a day's wave, quiet weekends, 3 % more a week.
fn usual(hour: i64) -> f64 {
    let (day, week) = (hour as f64 / 24.0, hour as f64 / HOURS_OF_WEEK as f64);
    1e9 * (0.6 * (TAU * day).sin() + 0.2 * (2.0 * TAU * day).cos() + 0.2 * (TAU * week).cos() + 0.03 * week).exp()
}

/// With log-normal noise of about 10 % (twelve uniforms are nearly a normal).
fn noisy(hour: i64) -> f64 {
    let normal = (0..12).map(|draw| uniform(12 * hour + draw)).sum::<f64>() - 6.0;
    usual(hour) * (0.1 * normal).exp()
}

fn at(hour: i64) -> UnixNanos {
    UnixNanos::from_secs(1_699_920_000 + hour * 3600)
}

fn history(hours: impl IntoIterator<Item = i64>, value: impl Fn(i64) -> f64) -> Vec<Point> {
    hours.into_iter().map(|hour| Point { at: at(hour), value: value(hour) }).collect()
}

/// Over the week after `weeks` of history: the mean pinball loss of P50 and of P95, relative to the
/// mean demand, and the part of hours below P95.
fn tested<F: Forecaster>(settings: &F::Settings, weeks: i64) -> (f64, f64, f64) {
    let from = weeks * HOURS_OF_WEEK;
    let fitted = F::fit(settings, &history(0..from, noisy)).unwrap();
    let (mut p50, mut p95, mut below, mut sum) = (0.0, 0.0, 0.0, 0.0);
    for hour in from..from + HOURS_OF_WEEK {
        let (forecast, value) = (fitted.forecast(at(hour)), noisy(hour));
        let pinball = |quantile: f64, q: f64| (q * (value - quantile)).max((q - 1.0) * (value - quantile));
        p50 += pinball(forecast.p50, 0.5);
        p95 += pinball(forecast.p95, 0.95);
        below += f64::from(value <= forecast.p95);
        sum += value;
    }
    (p50 / sum, p95 / sum, below / HOURS_OF_WEEK as f64)
}

#[test]
fn harmonics_beat_the_naive_forecast_and_hold_their_quantile() {
    let naive = tested::<SeasonalNaive>(&Season::WEEK, 6);
    let harmonic = tested::<HarmonicForecaster>(&HarmonicSettings::default(), 6);
    assert!(harmonic.0 < 0.8 * naive.0 && harmonic.1 < 0.8 * naive.1, "{harmonic:?} {naive:?}");
    assert!((0.90..=0.99).contains(&harmonic.2), "{harmonic:?}");
    assert!((0.90..=1.0).contains(&naive.2), "{naive:?}");
}

#[test]
fn the_naive_forecast_says_the_latest_season_again() {
    let ramp = |hour: i64| (hour / HOURS_OF_WEEK * 10 + hour % 24) as f64;
    let fitted = SeasonalNaive::fit(&Season::WEEK, &history(0..3 * HOURS_OF_WEEK, ramp)).unwrap();
    let forecast = fitted.forecast(at(4 * HOURS_OF_WEEK + 5));
    assert_eq!((forecast.p50, forecast.p95), (25.0, 35.0));
}

#[test]
fn missing_hours_are_no_zeros() {
    let holed = |hour: &i64| uniform(1_000_000 + hour) < 0.7;
    let points = history((0..4 * HOURS_OF_WEEK).filter(holed), noisy);
    let fitted = HarmonicForecaster::fit(&HarmonicSettings::default(), &points).unwrap();
    for hour in 4 * HOURS_OF_WEEK..5 * HOURS_OF_WEEK {
        let error = fitted.forecast(at(hour)).p50 / usual(hour) - 1.0;
        assert!(error.abs() < 0.1, "hour {hour}: {error}");
    }
}

#[test]
fn a_few_days_make_no_trend() {
    let points = history(0..4 * 24, |hour| noisy(hour) * (0.1 * hour as f64 / 24.0).exp());
    let fitted = HarmonicForecaster::fit(&HarmonicSettings::default(), &points).unwrap();
    let (soon, late) = (fitted.forecast(at(5 * 24)).p50, fitted.forecast(at(65 * 24)).p50);
    assert!((soon / late - 1.0).abs() < 1e-9, "{soon} {late}");
}

#[test]
fn zeros_short_and_negative_histories() {
    let fit = |points: &[Point]| HarmonicForecaster::fit(&HarmonicSettings::default(), points);
    let forecast = fit(&history(0..72, |_| 0.0)).unwrap().forecast(at(100));
    assert_eq!((forecast.p50, forecast.p95), (0.0, 0.0));
    assert!(matches!(fit(&history(0..47, noisy)), Err(FitError::TooShort { have: 1, need: 2 })));
    assert!(matches!(fit(&[]), Err(FitError::TooShort { have: 0, need: 2 })));
    assert!(matches!(fit(&history(0..72, |hour| 5.0 - hour as f64)), Err(FitError::Negative { value: -1.0 })));
}

#[test]
fn the_order_of_the_history_has_no_part_in_it() {
    let mut points = history(0..3 * HOURS_OF_WEEK, noisy);
    let fit = |points: &[Point]| HarmonicForecaster::fit(&HarmonicSettings::default(), points).unwrap();
    let in_order = fit(&points);
    points.sort_by_key(|point| uniform(point.at.secs()).to_bits());
    let shuffled = fit(&points);
    for hour in 0..1_000 {
        let (a, b) = (in_order.forecast(at(hour)), shuffled.forecast(at(hour)));
        assert_eq!((a.p50.to_bits(), a.p95.to_bits()), (b.p50.to_bits(), b.p95.to_bits()));
    }
}

#[test]
fn an_outlook_is_of_every_series_that_can_be_learnt_from() {
    let labels = |site: &str| Labels::new([("site", site)]);
    let histories = [
        (labels("fra"), history(0..4 * HOURS_OF_WEEK, noisy)),
        (labels("new"), history(0..5, noisy)),
        (labels("two"), history(0..4 * HOURS_OF_WEEK, |hour| 2.0 * noisy(hour))),
    ];
    let hours = |hours: u64| Duration::from_secs(hours * 3_600);
    let seen = outlook(&histories.into(), &[hours(1), hours(24)], at(4 * HOURS_OF_WEEK));
    let expected = [("fra", 1, 1.0), ("fra", 24, 1.0), ("two", 1, 2.0), ("two", 24, 2.0)];
    assert_eq!(seen.ahead.len(), expected.len());
    for (ahead, (site, span, times)) in seen.ahead.iter().zip(expected) {
        assert_eq!((ahead.labels.get("site"), ahead.span), (site, hours(span)));
        let error = ahead.demand.p50 / (times * usual(4 * HOURS_OF_WEEK + span as i64)) - 1.0;
        assert!(error.abs() < 0.1, "{ahead:?}");
        assert!(ahead.demand.p95 > ahead.demand.p50);
    }
    assert_eq!(seen.unlearnt.iter().map(|(labels, _)| labels.get("site")).collect::<Vec<_>>(), ["new"]);
}
