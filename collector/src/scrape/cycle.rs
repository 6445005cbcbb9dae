//! From one scrape to the next: rows, report series and what went stale. No clock, no socket.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use indexmap::IndexMap;
use weir_model::{
    observation::{Labels, Rows, STALE_NAN_BITS, TableName},
    time::UnixNanos,
};

use super::relabel;
use crate::exposition::Sample;

/// The series that a scrape writes about itself, as Prometheus names them.
const UP: &str = "up";
const DURATION: &str = "scrape_duration_seconds";
const SAMPLES: &str = "scrape_samples_scraped";

/// A metric and its labels.
type Series = (Arc<str>, Labels);

/// What the last scrape of a target left.
#[derive(Debug)]
pub(super) struct Cycle {
    target: Labels,
    /// Series of the last scrape that had no timestamp of their own. One that has is never
    /// marked stale: its exposer decides how old is too old.
    live: BTreeSet<Series>,
    has_reported: bool,
}

/// Rows by metric.
type Tables = IndexMap<Arc<str>, Rows>;

impl Cycle {
    pub(super) fn new(target: Labels) -> Self {
        Self { target, live: BTreeSet::new(), has_reported: false }
    }

    /// A scrape begun `at` brought these samples. Of a series given twice the first counts.
    pub(super) fn handle_scraped(&mut self, samples: Vec<Sample>, at: UnixNanos, took: Duration) -> Vec<Rows> {
        let mut tables = Tables::new();
        let mut live = BTreeSet::new();
        let count = samples.len();
        for Sample { name, labels, value, time } in samples {
            let labels = relabel::attach(&labels, &self.target);
            if time.is_some() || live.insert((Arc::clone(&name), labels.clone())) {
                push(&mut tables, &name, &labels, time.unwrap_or(at), value);
            }
        }
        for (name, labels) in self.live.difference(&live) {
            push(&mut tables, name, labels, at, f64::from_bits(STALE_NAN_BITS));
        }
        self.live = live;
        self.report(&mut tables, at, [1.0, took.as_secs_f64(), count as f64]);
        tables.into_values().collect()
    }

    /// A scrape begun `at` failed: everything of the last is stale.
    pub(super) fn handle_failed(&mut self, at: UnixNanos, took: Duration) -> Vec<Rows> {
        let mut tables = self.all_stale(at);
        self.report(&mut tables, at, [0.0, took.as_secs_f64(), 0.0]);
        tables.into_values().collect()
    }

    /// The target is not scraped any more: its report series end as well.
    pub(super) fn handle_stop(&mut self, at: UnixNanos) -> Vec<Rows> {
        let mut tables = self.all_stale(at);
        if self.has_reported {
            self.report(&mut tables, at, [f64::from_bits(STALE_NAN_BITS); 3]);
            self.has_reported = false;
        }
        tables.into_values().collect()
    }

    fn all_stale(&mut self, at: UnixNanos) -> Tables {
        let mut tables = Tables::new();
        for (name, labels) in std::mem::take(&mut self.live) {
            push(&mut tables, &name, &labels, at, f64::from_bits(STALE_NAN_BITS));
        }
        tables
    }

    fn report(&mut self, tables: &mut Tables, at: UnixNanos, values: [f64; 3]) {
        for (name, value) in [UP, DURATION, SAMPLES].into_iter().zip(values) {
            push(tables, &name.into(), &self.target, at, value);
        }
        self.has_reported = true;
    }
}

fn push(tables: &mut Tables, name: &Arc<str>, labels: &Labels, at: UnixNanos, value: f64) {
    let rows = tables.entry(Arc::clone(name)).or_insert_with(|| Rows::empty(TableName::metric(Arc::clone(name))));
    rows.push_sample(labels, at.0, value);
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use weir_model::observation::Column;

    use super::*;
    use crate::{
        exposition::{Format, Limits, parse},
        sink::recorder::render,
    };

    const TOOK: Duration = Duration::from_millis(500);

    fn cycle() -> Cycle {
        Cycle::new(Labels::new([("job", "j")]))
    }

    fn scraped(cycle: &mut Cycle, text: &str, secs: i64) -> Vec<Rows> {
        let samples = parse(text, Format::Prometheus004, Limits::default()).unwrap().samples;
        cycle.handle_scraped(samples, UnixNanos::from_secs(secs), TOOK)
    }

    fn check(rows: Vec<Rows>, expect: Expect) {
        let is_stale = |value: &Option<f64>| value.is_some_and(|value| value.to_bits() == STALE_NAN_BITS);
        let stale = rows.iter().flat_map(|rows| &rows.fields).map(|(_, column)| match column {
            Column::F64(values) => values.iter().filter(|value| is_stale(value)).count(),
            _ => 0,
        });
        let stale: usize = stale.sum();
        let text = render(rows).replace("metrics.", "").replace("value=", "");
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
            "#]],
        );
        let third = render(scraped(&mut cycle, "a{x=\"2\"} 4\n", 30));
        assert!(!third.contains("NaN"), "{third}");
    }

    #[test]
    fn a_failure_makes_everything_stale_and_the_target_down() {
        let mut cycle = cycle();
        scraped(&mut cycle, "a 1\nb 2\n", 10);
        let down = expect![[r#"
            a{job="j"} stale @20
            b{job="j"} stale @20
            up{job="j"} 0 @20
            scrape_duration_seconds{job="j"} 0.5 @20
            scrape_samples_scraped{job="j"} 0 @20
        "#]];
        check(cycle.handle_failed(UnixNanos::from_secs(20), TOOK), down);
        assert_eq!(cycle.handle_failed(UnixNanos::from_secs(30), TOOK).len(), 3);
    }

    #[test]
    fn samples_with_their_own_time_keep_it_and_never_go_stale() {
        let mut cycle = cycle();
        let first = render(scraped(&mut cycle, "a 1 5000\na 2 6000\n", 10));
        assert!(first.starts_with("metrics.a{job=\"j\"} value=1 @5\nmetrics.a{job=\"j\"} value=2 @6\n"), "{first}");
        assert_eq!(cycle.handle_failed(UnixNanos::from_secs(20), TOOK).len(), 3);
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
            "#]],
        );
    }
}
