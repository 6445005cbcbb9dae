//! Evaluating alert rules on schedule: SQL in, states in `weir-rules`, alerts out as rows and to an
//! Alertmanager.

use std::{sync::Arc, time::Duration};

use arrow::{
    array::{Array, AsArray},
    compute::cast,
    datatypes::{DataType, Float64Type},
    record_batch::RecordBatch,
};
use tokio::time::{MissedTickBehavior, interval};
use weir_analyzer::SqlError;
use weir_collector::clock;
use weir_model::time::UnixNanos;
use weir_rules::alert::{AlertRule, AlertStates, Cell, ResultRow, RuleGroup, alertmanager, rows};

use crate::{records::Records, store::Store};

/// How long an Alertmanager may take: it is asked again at the next evaluation.
const SEND_MAX: Duration = Duration::from_secs(5);

/// What evaluation needs.
#[derive(Clone, Debug)]
pub(crate) struct Alerting {
    /// Where rules ask.
    pub(crate) store: Store,
    /// Where alerts are recorded.
    pub(crate) records: Records,
    /// Where they are sent, when anywhere: the URL of an Alertmanager.
    pub(crate) alertmanager: Option<String>,
    /// Where a person sees what a rule asked: the URL of this daemon.
    pub(crate) external_url: String,
}

/// Evaluates `group` on its schedule.
pub(crate) async fn follow(alerting: Alerting, group: RuleGroup) {
    let mut states = AlertStates::default();
    let mut ticks = interval(group.interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let client = reqwest::Client::builder().timeout(SEND_MAX).build().unwrap_or_default();
    loop {
        ticks.tick().await;
        for rule in &group.rules {
            alerting.evaluate(&mut states, rule).await;
            alerting.send(&client, &mut states, rule, group.interval).await;
        }
    }
}

impl Alerting {
    /// One rule, once. A query that fails says nothing of its alerts: they stay as they are.
    async fn evaluate(&self, states: &mut AlertStates, rule: &AlertRule) {
        let now = clock::wall();
        match self.ask(rule, now).await {
            Ok(results) => {
                let evaluation = states.evaluate(rule, &results, now);
                if evaluation.left_out > 0 {
                    tracing::warn!(alert = &*rule.alert, evaluation.left_out, "too many instances of one alert");
                }
                self.records.push(rows::of(&evaluation.events));
            }
            Err(error) => tracing::warn!(alert = &*rule.alert, error = &*error, "a rule could not be evaluated"),
        }
    }

    async fn ask(&self, rule: &AlertRule, now: UnixNanos) -> anyhow::Result<Vec<ResultRow>> {
        match self.store.query(&rule.query.at(now)).await {
            Ok(batches) => Ok(batches.iter().flat_map(result_rows).collect()),
            // A table exists from its first row on: before, nothing of it is wrong.
            Err(SqlError::UnknownTable { .. }) => Ok(Vec::new()),
            Err(error) => Err(error.into()),
        }
    }

    async fn send(&self, client: &reqwest::Client, states: &mut AlertStates, rule: &AlertRule, every: Duration) {
        let Some(alertmanager) = &self.alertmanager else { return };
        let due = states.take_due(&rule.id, every, clock::wall());
        let origin = alertmanager::generator_url(&self.external_url, &rule.query);
        for body in alertmanager::bodies(&due, &origin) {
            let url = format!("{}/api/v2/alerts", alertmanager.trim_end_matches('/'));
            let sent = client.post(url).header("content-type", "application/json").body(body).send().await;
            if let Err(error) = sent.and_then(reqwest::Response::error_for_status) {
                tracing::warn!(%error, "alerts were not taken; they are sent again");
            }
        }
    }
}

/// The rows of a batch, as rules read them.
pub(crate) fn result_rows(batch: &RecordBatch) -> Vec<ResultRow> {
    let schema = batch.schema();
    let columns: Vec<(&str, Read)> = schema
        .fields()
        .iter()
        .zip(batch.columns())
        .map(|(field, column)| (field.name().as_str(), Read::of(column)))
        .collect();
    (0..batch.num_rows())
        .map(|row| ResultRow::of(columns.iter().map(|(name, column)| (*name, column.cell(row)))))
        .collect()
}

/// A column as text or numbers.
enum Read {
    Text(Arc<dyn Array>),
    Number(Arc<dyn Array>),
    Other,
}

impl Read {
    fn of(column: &Arc<dyn Array>) -> Self {
        let is_text = |kind: &DataType| matches!(kind, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
        let (text, number) = match column.data_type() {
            DataType::Dictionary(_, values) => (is_text(values), values.is_numeric()),
            kind => (is_text(kind), kind.is_numeric()),
        };
        let to = |kind| cast(column, &kind).ok();
        match (text, number) {
            (true, _) => to(DataType::Utf8).map_or(Self::Other, Self::Text),
            (_, true) => to(DataType::Float64).map_or(Self::Other, Self::Number),
            _ => Self::Other,
        }
    }

    fn cell(&self, row: usize) -> Cell<'_> {
        match self {
            Self::Number(column) if column.is_null(row) => Cell::NoNumber,
            Self::Number(column) => Cell::Number(column.as_primitive::<Float64Type>().value(row)),
            Self::Text(column) if !column.is_null(row) => Cell::Text(column.as_string::<i32>().value(row)),
            Self::Text(_) | Self::Other => Cell::Other,
        }
    }
}
