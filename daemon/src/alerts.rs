//! Evaluating alert rules on schedule: SQL in, states in `weir-rules`, alerts out as rows and to an
//! Alertmanager.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::time::{MissedTickBehavior, interval};
use weir_analyzer::SqlError;
use weir_collector::clock;
use weir_rules::alert::{AlertRule, AlertStates, ResultRow, RuleGroup, alertmanager, rows};

use crate::{records::Records, result_rows, store::Store};

/// How long an Alertmanager may take: it is asked again at the next evaluation.
const SEND_MAX: Duration = Duration::from_secs(5);

/// Rules whose table did not exist when they were evaluated last.
pub(crate) static WITHOUT_TABLE: AtomicU64 = AtomicU64::new(0);

/// Rules of one group whose table does not exist, in [`WITHOUT_TABLE`] as long as this lives.
#[derive(Debug, Default)]
struct WithoutTable(BTreeSet<Arc<str>>);

impl WithoutTable {
    /// Notes how it is with a rule; whether that is news.
    fn note(&mut self, alert: &Arc<str>, is_missing: bool) -> bool {
        match is_missing {
            true if self.0.insert(Arc::clone(alert)) => {
                WITHOUT_TABLE.fetch_add(1, Relaxed);
                true
            }
            false if self.0.remove(alert) => {
                WITHOUT_TABLE.fetch_sub(1, Relaxed);
                true
            }
            _ => false,
        }
    }
}

impl Drop for WithoutTable {
    fn drop(&mut self) {
        WITHOUT_TABLE.fetch_sub(self.0.len() as u64, Relaxed);
    }
}

/// What evaluation needs.
#[derive(Clone, Debug)]
pub(crate) struct Alerting {
    /// Where rules ask.
    pub(crate) store: Store,
    /// Where alerts are recorded.
    pub(crate) records: Records,
    /// Where they are sent, when anywhere: the URL of an Alertmanager.
    pub(crate) alertmanager: Option<String>,
    /// Every instance of every rule, whichever group it is in.
    pub(crate) states: Arc<Mutex<AlertStates>>,
    /// Where a person sees what a rule asked: the URL of this daemon.
    pub(crate) external_url: String,
}

/// Begins the file names of rules that ship with the daemon.
pub(crate) const SHIPPED: &str = "packs/";

/// Evaluates `group` on its schedule.
pub(crate) async fn follow(alerting: Alerting, group: RuleGroup) {
    let mut ticks = interval(group.interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let client = reqwest::Client::builder().timeout(SEND_MAX).build().unwrap_or_default();
    let (mut is_away, mut without_table) = (false, WithoutTable::default());
    loop {
        ticks.tick().await;
        for rule in &group.rules {
            alerting.evaluate(rule, &mut without_table).await;
        }
        let sent = alerting.send(&client, &group).await;
        // Said when it changes: a day of silence would be thousands of lines.
        match &sent {
            Err(error) if !is_away => tracing::warn!(%error, "alerts wait: the Alertmanager does not take them"),
            Ok(()) if is_away => tracing::info!("the Alertmanager takes alerts again"),
            _ => {}
        }
        is_away = sent.is_err();
    }
}

impl Alerting {
    /// Forgets what is no rule in `groups` any more.
    pub(crate) fn retain(&self, groups: &[RuleGroup]) {
        let events = self.states().retain(groups, clock::wall());
        self.records.push(rows::of(&events));
    }

    /// Never held while waiting. Every method leaves states whole, also one that panics.
    fn states(&self) -> MutexGuard<'_, AlertStates> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One rule, once. A query that fails says nothing of its alerts: they stay as they are.
    async fn evaluate(&self, rule: &AlertRule, without_table: &mut WithoutTable) {
        let now = clock::wall();
        match query(&self.store, &rule.query.at(now)).await {
            Ok(answer) => {
                let missing = answer.as_ref().err();
                let is_new = without_table.note(&rule.alert, missing.is_some());
                // Said once: before the first row nothing is wrong, but a misspelt table stays missing. Packs
                // misspell none.
                match (is_new && !rule.file.starts_with(SHIPPED), missing) {
                    (true, Some(missing)) => tracing::warn!(
                        alert = &*rule.alert,
                        "{missing}: the rule is silent until there is one; {}",
                        missing.hint()
                    ),
                    (true, None) => tracing::info!(alert = &*rule.alert, "the rule's table is there now"),
                    _ => {}
                }
                let results = answer.unwrap_or_default();
                let evaluation = self.states().evaluate(rule, &results, now);
                if evaluation.left_out > 0 {
                    tracing::warn!(alert = &*rule.alert, evaluation.left_out, "too many instances of one alert");
                }
                self.records.push(rows::of(&evaluation.events));
            }
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(alert = &*rule.alert, error, "a rule could not be evaluated");
            }
        }
    }

    /// Sends what is due. An Alertmanager that is away is asked again at the next evaluation, for the
    /// rest of the rules too: nothing is lost meanwhile, because alerts stay due until they are taken.
    async fn send(&self, client: &reqwest::Client, group: &RuleGroup) -> Result<(), reqwest::Error> {
        let Some(alertmanager) = &self.alertmanager else { return Ok(()) };
        let url = format!("{}/api/v2/alerts", alertmanager.trim_end_matches('/'));
        for rule in &group.rules {
            let due = self.states().take_due(&rule.id, group.interval, clock::wall());
            let origin = alertmanager::generator_url(&self.external_url, &rule.query);
            for body in alertmanager::bodies(&due, &origin) {
                let sent = client.post(&url).header("content-type", "application/json").body(body).send().await;
                let Err(error) = sent.and_then(reqwest::Response::error_for_status) else { continue };
                if error.status().is_some_and(|status| status.is_client_error()) {
                    tracing::error!(%error, alert = &*rule.alert, "the Alertmanager refuses alerts");
                    continue;
                }
                self.states().handle_unsent(&rule.id, &due);
                return Err(error);
            }
        }
        Ok(())
    }
}

/// What a rule's query returns. A table exists from its first row on: before, there are no results.
///
/// # Errors
/// When it cannot be answered.
pub(crate) async fn ask(store: &Store, sql: &str) -> Result<Vec<ResultRow>, SqlError> {
    Ok(query(store, sql).await?.unwrap_or_default())
}

/// As [`ask`]; the inner error is a table that does not exist.
async fn query(store: &Store, sql: &str) -> Result<Result<Vec<ResultRow>, SqlError>, SqlError> {
    match store.query(sql).await {
        Ok(batches) => Ok(Ok(batches.iter().flat_map(result_rows::of).collect())),
        Err(missing @ SqlError::UnknownTable { .. }) => Ok(Err(missing)),
        Err(error) => Err(error),
    }
}
