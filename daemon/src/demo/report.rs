//! The report of a demo run.

use std::{path::Path, time::Duration};

use anyhow::Context;
use serde::Serialize;
use weir_model::estate::Estate;

use super::tally::{Failover, Tally};
use crate::ledgers::Standing;

/// What is written as JSON.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    version: &'static str,
    duration_s: f64,
    requests: u64,
    failed_requests: u64,
    dispatch_accuracy: f64,
    share_accuracy: f64,
    /// Of the plan in force before the first fault: a failover may leave a pair with one site.
    split_pairs: usize,
    pairs: usize,
    plans: u64,
    failovers: Vec<FailoverReport>,
    contracts: Vec<ContractReport>,
    sql_p50_ms: Option<f64>,
    sql_p99_ms: Option<f64>,
    /// Seconds of the demo's month in a second of the demo.
    month_acceleration: u64,
}

#[derive(Debug, Serialize)]
struct FailoverReport {
    target: String,
    detect_ms: Option<f64>,
    switch_ms: Option<f64>,
    recover_ms: Option<f64>,
    failed_requests: u64,
}

#[derive(Debug, Serialize)]
struct ContractReport {
    name: String,
    kind: &'static str,
    month_to_date: String,
    forecast: String,
    currency: String,
}

/// What the report is made of besides the tally.
#[derive(Debug)]
pub(super) struct Facts<'a> {
    pub(super) estate: &'a Estate,
    pub(super) duration: Duration,
    pub(super) split_pairs: usize,
    pub(super) plans: u64,
    pub(super) standings: &'a [Standing],
    pub(super) sql_ms: &'a mut Vec<f64>,
    pub(super) month_acceleration: u64,
}

impl Report {
    pub(super) fn new(tally: &Tally, facts: Facts<'_>) -> Self {
        facts.sql_ms.sort_by(f64::total_cmp);
        let quantile = |q: f64| facts.sql_ms.get(((facts.sql_ms.len() as f64 - 1.0) * q).round() as usize).copied();
        Self {
            version: env!("CARGO_PKG_VERSION"),
            duration_s: facts.duration.as_secs_f64(),
            requests: tally.requests,
            failed_requests: tally.failed,
            dispatch_accuracy: tally.dispatch_accuracy(),
            share_accuracy: tally.share_accuracy(),
            split_pairs: facts.split_pairs,
            pairs: facts.estate.groups.len() * facts.estate.domains.len(),
            plans: facts.plans,
            failovers: tally.failovers.iter().map(|failover| failover_report(facts.estate, failover)).collect(),
            contracts: facts.standings.iter().map(contract_report).collect(),
            sql_p50_ms: quantile(0.5),
            sql_p99_ms: quantile(0.99),
            month_acceleration: facts.month_acceleration,
        }
    }

    /// Writes it to `path`.
    pub(super) fn write(&self, path: &Path) -> anyhow::Result<()> {
        let text = serde_json::to_string_pretty(self)? + "\n";
        std::fs::write(path, text).with_context(|| format!("writing the report to {}", path.display()))
    }

    /// A few lines for a person.
    pub(super) fn summary(&self) -> String {
        let mut lines = vec![format!(
            "{} requests, {} failed; dispatch accuracy {:.4}, share accuracy {:.4}; {} of {} pairs split; {} plans",
            self.requests,
            self.failed_requests,
            self.dispatch_accuracy,
            self.share_accuracy,
            self.split_pairs,
            self.pairs,
            self.plans
        )];
        let ms = |value: Option<f64>| value.map_or("never".to_owned(), |ms| format!("{ms:.0} ms"));
        for failover in &self.failovers {
            lines.push(format!(
                "{}: detected after {}, switched after {}, recovered after {}, {} requests lost",
                failover.target,
                ms(failover.detect_ms),
                ms(failover.switch_ms),
                ms(failover.recover_ms),
                failover.failed_requests
            ));
        }
        lines.join("\n")
    }
}

fn failover_report(estate: &Estate, failover: &Failover) -> FailoverReport {
    let ms = |at| failover.after(at).map(|span: Duration| span.as_secs_f64() * 1e3);
    FailoverReport {
        target: estate.nodes[failover.target.index()].id.to_string(),
        detect_ms: ms(failover.detected),
        switch_ms: ms(failover.switched),
        recover_ms: ms(failover.recovered()),
        failed_requests: failover.failed_requests,
    }
}

fn contract_report(standing: &Standing) -> ContractReport {
    ContractReport {
        name: standing.contract.clone(),
        kind: standing.kind,
        month_to_date: format!("{:.2}", standing.month_to_date),
        forecast: format!("{:.2}", standing.forecast),
        currency: standing.currency.clone(),
    }
}
