//! Results as rows of `metrics.link_probe`.

use std::sync::Arc;

use indexmap::IndexSet;
use weir_model::{
    id::VantageId,
    observation::{Column, Labels, Rows, TableName},
};

use super::{Outcome, ProbeResult};

/// Rows of `metrics.link_probe`: labels `vantage`, `target_kind`, `target`, `probe`; fields `ok`,
/// `rtt_ms` (null when failed), `jitter_ms` (null before the second answer) and `reason` (null
/// when not failed). The time is when the probe was sent. Empty for no results.
pub fn rows<'a>(vantage: &VantageId, results: impl IntoIterator<Item = &'a ProbeResult>) -> Vec<Rows> {
    let mut table = Rows::empty(TableName::metric("link_probe"));
    let mut labels = IndexSet::new();
    let (mut ok, mut rtt_ms, mut jitter_ms, mut reason) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for result in results {
        let (series, _) = labels.insert_full(series_of(vantage, result));
        table.series.push(series as u32);
        table.time.push(result.at.0);
        let (rtt, why) = match result.outcome {
            Outcome::Ok { rtt } => (Some(rtt), None),
            Outcome::Fail { reason } => (None, Some(reason)),
        };
        ok.push(Some(why.is_none()));
        rtt_ms.push(rtt.map(|rtt| rtt.as_secs_f64() * 1e3));
        jitter_ms.push(result.jitter.map(|jitter| jitter.as_secs_f64() * 1e3));
        reason.push(why.map(|why| Arc::from(why.to_string())));
    }
    if table.is_empty() {
        return Vec::new();
    }
    table.labels = labels.into_iter().collect();
    table.fields = vec![
        ("ok".into(), Column::Bool(ok)),
        ("rtt_ms".into(), Column::F64(rtt_ms)),
        ("jitter_ms".into(), Column::F64(jitter_ms)),
        ("reason".into(), Column::Text(reason)),
    ];
    vec![table]
}

fn series_of(vantage: &VantageId, result: &ProbeResult) -> Labels {
    Labels::new([
        ("vantage", vantage.as_str()),
        ("target_kind", result.target.kind()),
        ("target", result.target.id()),
        ("probe", result.probe),
    ])
}
