//! Watching named series: from histories, looked at again and again, to findings.

use std::collections::BTreeMap;

use weir_model::{
    finding::{Finding, FindingKind, Subject},
    observation::Labels,
    time::UnixNanos,
};

use super::{Detector, Score, SeasonalDetector, SeasonalSettings};
use crate::series::{FitError, Point, SERIES_MAX, in_order};

/// An anomaly is over when a value is within this part of the band: on its border a series would
/// come and go with every value.
const OVER_WITHIN: f64 = 0.5;

/// What one look came to.
#[derive(Debug, Default)]
#[must_use = "findings are to be recorded"]
pub struct Look {
    /// Anomalies that began or ended, by series and time. They have no number.
    pub findings: Vec<Finding>,
    /// Series from which nothing could be learnt, with why; nothing is said of them.
    pub unlearnt: Vec<(String, FitError)>,
    /// Series that had no room ([`SERIES_MAX`]), the last ones by labels.
    pub left_out: usize,
}

/// Series that are looked at together. What was judged once is not judged again; at its first look
/// only the newest value of a series is.
#[derive(Debug)]
pub struct Watch {
    name: String,
    settings: SeasonalSettings,
    series: BTreeMap<Labels, Judged>,
}

/// What is known of a series.
#[derive(Clone, Copy, Debug)]
struct Judged {
    /// The newest point judged.
    last: UnixNanos,
    /// Whether an anomaly is under way.
    is_anomalous: bool,
}

impl Watch {
    /// Series called `name` in findings, with their labels behind it.
    pub fn new(name: impl Into<String>, settings: SeasonalSettings) -> Self {
        Self { name: name.into(), settings, series: BTreeMap::new() }
    }

    /// Judges what is new in each history, by what was before it. A series that is not among them
    /// any more is forgotten; its anomaly is over.
    pub fn handle_histories(&mut self, histories: &BTreeMap<Labels, Vec<Point>>, now: UnixNanos) -> Look {
        let mut look = Look { left_out: histories.len().saturating_sub(SERIES_MAX), ..Look::default() };
        look.findings = self.forget(histories, now);
        for (labels, history) in histories.iter().take(SERIES_MAX) {
            let id = self.id(labels);
            match self.judge(labels, &id, history) {
                Ok(findings) => look.findings.extend(findings),
                Err(error) => look.unlearnt.push((id, error)),
            }
        }
        look
    }

    fn forget(&mut self, histories: &BTreeMap<Labels, Vec<Point>>, now: UnixNanos) -> Vec<Finding> {
        let (kept, gone): (BTreeMap<_, _>, BTreeMap<_, _>) =
            std::mem::take(&mut self.series).into_iter().partition(|(labels, _)| histories.contains_key(labels));
        self.series = kept;
        let gone = gone.iter().filter(|(_, judged)| judged.is_anomalous);
        gone.map(|(labels, _)| finding(self.id(labels), FindingKind::Cleared, now, "has no values any more")).collect()
    }

    fn judge(&mut self, labels: &Labels, id: &str, history: &[Point]) -> Result<Vec<Finding>, FitError> {
        let points = in_order(history)?;
        let Some(newest) = points.last() else { return Ok(Vec::new()) };
        let judged = self.series.get(labels).copied();
        let fresh = judged.map_or(points.len() - 1, |judged| points.partition_point(|point| point.at <= judged.last));
        if fresh == points.len() {
            return Ok(Vec::new());
        }
        let detector = SeasonalDetector::fit(&self.settings, &points[..fresh])?;
        let mut is_anomalous = judged.is_some_and(|judged| judged.is_anomalous);
        let mut findings = Vec::new();
        for point in &points[fresh..] {
            let score = detector.score(*point);
            let kind = match is_anomalous {
                false if score.is_anomaly => FindingKind::Anomaly,
                true if score.deviations.abs() <= OVER_WITHIN * self.settings.width => FindingKind::Cleared,
                _ => continue,
            };
            is_anomalous = kind == FindingKind::Anomaly;
            findings.push(finding(id.to_owned(), kind, point.at, &evidence(point.value, &score)));
        }
        self.series.insert(labels.clone(), Judged { last: newest.at, is_anomalous });
        Ok(findings)
    }

    /// `traffic{site="fra"}`
    fn id(&self, labels: &Labels) -> String {
        let pairs: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
        if pairs.is_empty() { self.name.clone() } else { format!("{}{{{}}}", self.name, pairs.join(",")) }
    }
}

fn finding(id: String, kind: FindingKind, at: UnixNanos, evidence: &str) -> Finding {
    let text = format!("{id} {evidence}");
    Finding { number: Finding::UNNUMBERED, at, subject: Subject::Series, id, kind, text }
}

fn evidence(value: f64, score: &Score) -> String {
    let (side, band) = (if score.deviations < 0.0 { "below" } else { "above" }, &score.band);
    format!(
        "is {}, expected {} to {}: {:.1} deviations {side} {}",
        short(value),
        short(band.low),
        short(band.high),
        score.deviations.abs(),
        short(band.mid)
    )
}

/// Four digits, for people.
fn short(value: f64) -> String {
    let size = value.abs();
    if size != 0.0 && !(1e-2..1e6).contains(&size) { format!("{value:.3e}") } else { format!("{value:.2}") }
}

#[cfg(test)]
mod tests;
