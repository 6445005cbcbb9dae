use expect_test::{Expect, expect};
use weir_model::observation::{Batch, Column};

use super::*;
use crate::{
    scrape::relabel::{Action, Rule, RuleText},
    sink::recorder::render,
};

const TOOK: Duration = Duration::from_millis(500);

fn cycle_with(settings: TargetSettings) -> Cycle {
    let every = Duration::from_secs(10);
    let target = ScrapeTarget::at(
        "http://a/metrics".parse().unwrap(),
        Labels::new([("job", "j")]),
        every,
        every,
        Arc::new(settings),
    );
    Cycle::new(&target.unwrap())
}

fn cycle() -> Cycle {
    cycle_with(TargetSettings::default())
}

/// A scrape of `text`, with its report.
fn scraped(cycle: &mut Cycle, text: &str, secs: i64) -> Samples {
    let at = UnixNanos::from_secs(secs);
    let (mut samples, counts, read) = cycle.handle_text(text, Format::Prometheus004, at);
    cycle.report(&mut samples, at, read.is_ok(), TOOK, counts);
    samples
}

/// A scrape that brought nothing, with its report.
fn failed(cycle: &mut Cycle, secs: i64) -> Samples {
    let mut samples = cycle.handle_failed(UnixNanos::from_secs(secs));
    cycle.report(&mut samples, UnixNanos::from_secs(secs), false, TOOK, Counts::default());
    samples
}

fn shown(samples: Samples) -> String {
    render(Batch::from(samples).into_rows()).replace("metrics.", "").replace("value=", "")
}

fn check(samples: Samples, expect: Expect) {
    let rows = Batch::from(samples.clone()).into_rows();
    let is_stale = |value: &Option<f64>| value.is_some_and(|value| value.to_bits() == STALE_NAN_BITS);
    let stale = rows.iter().flat_map(|rows| &rows.fields).map(|(_, column)| match column {
        Column::F64(values) => values.iter().filter(|value| is_stale(value)).count(),
        _ => 0,
    });
    let stale: usize = stale.sum();
    let text = shown(samples);
    assert_eq!(text.matches("NaN").count(), stale, "every NaN here is the marker, bit for bit");
    expect.assert_eq(&text.replace("NaN", "stale"));
}

#[test]
fn a_series_that_vanished_is_stale_once() {
    let mut cycle = cycle();
    check(
        scraped(&mut cycle, "a{x=\"1\"} 1\na{x=\"2\"} 2\na{x=\"2\"} 3\n", 10),
        expect![[r#"
            a{job="j",x="1"} 1 @10
            a{job="j",x="2"} 2 @10
            up{job="j"} 1 @10
            scrape_duration_seconds{job="j"} 0.5 @10
            scrape_samples_scraped{job="j"} 3 @10
            scrape_samples_post_metric_relabeling{job="j"} 3 @10
            scrape_series_added{job="j"} 2 @10
        "#]],
    );
    check(
        scraped(&mut cycle, "a{x=\"2\"} 4\n", 20),
        expect![[r#"
            a{job="j",x="2"} 4 @20
            a{job="j",x="1"} stale @20
            up{job="j"} 1 @20
            scrape_duration_seconds{job="j"} 0.5 @20
            scrape_samples_scraped{job="j"} 1 @20
            scrape_samples_post_metric_relabeling{job="j"} 1 @20
            scrape_series_added{job="j"} 0 @20
        "#]],
    );
    let third = shown(scraped(&mut cycle, "a{x=\"2\"} 4\n", 30));
    assert!(!third.contains("NaN"), "{third}");
}

#[test]
fn a_failure_makes_everything_stale_and_the_target_down() {
    let mut cycle = cycle();
    scraped(&mut cycle, "a 1\nb 2\n", 10);
    check(
        failed(&mut cycle, 20),
        expect![[r#"
            a{job="j"} stale @20
            b{job="j"} stale @20
            up{job="j"} 0 @20
            scrape_duration_seconds{job="j"} 0.5 @20
            scrape_samples_scraped{job="j"} 0 @20
            scrape_samples_post_metric_relabeling{job="j"} 0 @20
            scrape_series_added{job="j"} 0 @20
        "#]],
    );
    assert_eq!(failed(&mut cycle, 30).len(), REPORTS.len());
    let back = shown(scraped(&mut cycle, "a 1\n", 40));
    assert!(back.contains("a{job=\"j\"} 1 @40"), "{back}");
}

/// What it began with was not written, so it needs no marker; what was written before does.
#[test]
fn a_text_that_breaks_off_is_not_taken() {
    let mut cycle = cycle();
    scraped(&mut cycle, "a 1\n", 10);
    check(
        scraped(&mut cycle, "a 1\nb 2\nc{x=} 3\n", 20),
        expect![[r#"
            a{job="j"} stale @20
            up{job="j"} 0 @20
            scrape_duration_seconds{job="j"} 0.5 @20
            scrape_samples_scraped{job="j"} 3 @20
            scrape_samples_post_metric_relabeling{job="j"} 2 @20
            scrape_series_added{job="j"} 1 @20
        "#]],
    );
    assert!(cycle.known.is_empty());
}

#[test]
fn samples_with_their_own_time_keep_it_and_never_go_stale() {
    let mut cycle = cycle();
    let first = shown(scraped(&mut cycle, "a 1 5000\na 2 6000\n", 10));
    assert!(first.starts_with("a{job=\"j\"} 1 @5\na{job=\"j\"} 2 @6\n"), "{first}");
    assert_eq!(failed(&mut cycle, 20).len(), REPORTS.len());

    let mut cycle = cycle_with(TargetSettings { honor_timestamps: false, ..TargetSettings::default() });
    let first = shown(scraped(&mut cycle, "a 1 5000\n", 10));
    assert!(first.starts_with("a{job=\"j\"} 1 @10\n"), "{first}");
    assert_eq!(failed(&mut cycle, 20).len(), REPORTS.len() + 1);
}

#[test]
fn stopping_ends_the_report_series_too() {
    let mut cycle = cycle();
    assert!(cycle.handle_stop(UnixNanos::from_secs(5)).is_empty());
    scraped(&mut cycle, "a 1\n", 10);
    check(
        cycle.handle_stop(UnixNanos::from_secs(20)),
        expect![[r#"
            a{job="j"} stale @20
            up{job="j"} stale @20
            scrape_duration_seconds{job="j"} stale @20
            scrape_samples_scraped{job="j"} stale @20
            scrape_samples_post_metric_relabeling{job="j"} stale @20
            scrape_series_added{job="j"} stale @20
        "#]],
    );
}

#[test]
fn a_known_series_is_the_same_handle_and_what_vanished_is_forgotten() {
    let mut cycle = cycle();
    let text = "a{x=\"1\"} 1\nb{y=\"}\"} 2\n";
    let (first, second) = (scraped(&mut cycle, text, 10), scraped(&mut cycle, text, 20));
    for (before, now) in first.series.iter().zip(&second.series) {
        assert!(std::ptr::eq(before.labels(), now.labels()), "{now:?} was made anew");
    }
    scraped(&mut cycle, "a{x=\"1\"} 1\n", 30);
    assert_eq!((cycle.known.len(), cycle.live.len()), (1, 1));
}

/// Two texts, one series: of each scrape the first counts, and it is stale when both are gone.
#[test]
fn texts_of_one_series_are_one_series() {
    let mut cycle = cycle();
    let both = shown(scraped(&mut cycle, "a{x=\"1\",y=\"2\"} 1\na{y=\"2\",x=\"1\"} 2\n", 10));
    assert!(both.starts_with("a{job=\"j\",x=\"1\",y=\"2\"} 1 @10\nup"), "{both}");
    let other = shown(scraped(&mut cycle, "a{y=\"2\",x=\"1\"} 2\n", 20));
    assert!(other.starts_with("a{job=\"j\",x=\"1\",y=\"2\"} 2 @20\nup"), "{other}");
    let gone = shown(scraped(&mut cycle, "", 30));
    assert!(gone.starts_with("a{job=\"j\",x=\"1\",y=\"2\"} NaN @30\nup"), "{gone}");
}

#[test]
fn the_limit_of_samples_is_of_those_left_after_relabelling() {
    let drop_b = RuleText {
        action: Some(Action::Drop),
        source_labels: vec!["__name__".to_owned()],
        regex: Some("b.*".to_owned()),
        ..RuleText::default()
    };
    let metric_relabel = vec![Rule::new(drop_b).unwrap()];
    let settings = TargetSettings { sample_limit: Some(2), metric_relabel, ..TargetSettings::default() };
    let mut cycle = cycle_with(settings);
    check(
        scraped(&mut cycle, "a1 1\na2 2\nb1 3\nb2 4\n", 10),
        expect![[r#"
            a1{job="j"} 1 @10
            a2{job="j"} 2 @10
            up{job="j"} 1 @10
            scrape_duration_seconds{job="j"} 0.5 @10
            scrape_samples_scraped{job="j"} 4 @10
            scrape_samples_post_metric_relabeling{job="j"} 2 @10
            scrape_series_added{job="j"} 2 @10
        "#]],
    );
    check(
        scraped(&mut cycle, "a1 1\na2 2\na3 3\n", 20),
        expect![[r#"
            a1{job="j"} stale @20
            a2{job="j"} stale @20
            up{job="j"} 0 @20
            scrape_duration_seconds{job="j"} 0.5 @20
            scrape_samples_scraped{job="j"} 3 @20
            scrape_samples_post_metric_relabeling{job="j"} 3 @20
            scrape_series_added{job="j"} 1 @20
        "#]],
    );
}

#[test]
fn a_time_that_cannot_be_costs_its_sample_and_no_other() {
    // The first overflows as milliseconds.
    let text = "a 1 9300000000000000\nb 2\n";
    let mut honoured = cycle();
    let (samples, _, read) = honoured.handle_text(text, Format::Prometheus004, UnixNanos::from_secs(10));
    assert_eq!((shown(samples), read), ("b{job=\"j\"} 2 @10\n".to_owned(), Ok(())));
    // Milliseconds where seconds are due.
    let text = "a 1 1700000000000\nb 2\n# EOF\n";
    let (samples, _, read) = honoured.handle_text(text, Format::OpenMetrics1, UnixNanos::from_secs(20));
    assert_eq!((shown(samples), read), ("b{job=\"j\"} 2 @20\n".to_owned(), Ok(())));
    let mut ignored = cycle_with(TargetSettings { honor_timestamps: false, ..TargetSettings::default() });
    let (samples, _, read) = ignored.handle_text(text, Format::OpenMetrics1, UnixNanos::from_secs(20));
    assert_eq!((shown(samples), read), ("a{job=\"j\"} 1 @20\nb{job=\"j\"} 2 @20\n".to_owned(), Ok(())));
}
