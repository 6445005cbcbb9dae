//! What a reload replaces while the rest of the daemon goes on: scrapes, alert rules, what is watched and
//! forecast, the meaning of counters.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{Mutex, OwnedMutexGuard, mpsc, watch},
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};
use weir_billing::usage::SLOT_SECONDS;
use weir_collector::{
    clock,
    mapping::{CounterMap, Slots},
    scrape::{ConnectedJob, ScrapeJob, ScrapeJobs},
    sink::Sink,
    tls::TlsClient,
};
use weir_model::{estate::Estate, observation::Rows};
use weir_rules::alert::{AlertStates, RuleGroup};

use crate::{
    accounts::Accounts,
    alerts::{self, Alerting},
    anomalies,
    api::Extra,
    config::{AnomalySearch, ForecastSearch, Traffic},
    control::{Control, Input},
    diagnosis, forecasts,
    mapped::{DERIVED_MAX, Mapped},
    records::Records,
    store::Store,
    traffic::Demand,
};

/// How often ended months are looked for: as slots end.
const SETTLE_EVERY: Duration = Duration::from_secs(SLOT_SECONDS.unsigned_abs());
/// How often slots are looked at for counters that are late.
const COMPLETE_EVERY: Duration = Duration::from_secs(10);

/// Tasks that end when it is dropped.
type Running = JoinSet<()>;

/// What is wanted.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    /// What there is.
    pub(crate) estate: Arc<Estate>,
    /// The text it was read from.
    pub(crate) inventory: Arc<str>,
    /// What is scraped.
    pub(crate) scrapes: Vec<ScrapeJob>,
    /// Alert rules.
    pub(crate) rules: Vec<RuleGroup>,
    /// Where alerts are sent.
    pub(crate) alertmanager: Option<String>,
    /// What counters mean; `None`: no accounts are kept.
    pub(crate) traffic: Option<Traffic>,
    /// What is watched for anomalies.
    pub(crate) anomalies: Vec<AnomalySearch>,
    /// What is forecast.
    pub(crate) forecasts: Vec<ForecastSearch>,
}

/// What the work needs of the daemon.
#[derive(Clone, Debug)]
pub(crate) struct Tools {
    /// The engine.
    pub(crate) store: Store,
    /// Rows into it, without waiting.
    pub(crate) records: Records,
    /// The controller.
    pub(crate) control: Control,
    /// Where what contracts stand at is shown.
    pub(crate) shown: watch::Sender<Extra>,
    /// This daemon's URL, for who reads alerts.
    pub(crate) external_url: String,
}

/// The work, under way.
#[derive(Debug)]
pub(crate) struct Work {
    tools: Tools,
    mapped: Arc<Mapped>,
    traffic: Option<(Traffic, Arc<str>)>,
    accounts: Arc<Mutex<Option<Accounts>>>,
    scrapes: ScrapeJobs,
    groups: Vec<((RuleGroup, Option<String>), Running)>,
    alerts: Arc<std::sync::Mutex<AlertStates>>,
    anomalies: Vec<(AnomalySearch, Running)>,
    forecasts: Vec<(ForecastSearch, Running)>,
}

/// What was checked and can no longer fail.
#[derive(Debug)]
pub(crate) struct Prepared {
    wanted: Wanted,
    /// Where traffic is other than before.
    counted: Option<Counted>,
    scrapes: Vec<ConnectedJob>,
}

/// What counters mean from now on.
#[derive(Debug)]
struct Counted {
    map: CounterMap,
    accounts: Option<Accounts>,
    /// Usage waits from before the new accounts are read until they are in use, so that none is missed.
    held: OwnedMutexGuard<Option<Accounts>>,
}

impl Work {
    /// No work yet; what follows counters, and what looks for causes, runs in `tasks`.
    pub(crate) fn new(tools: Tools, tasks: &mut JoinSet<()>) -> anyhow::Result<Self> {
        let (derived, followed) = mpsc::channel(DERIVED_MAX);
        let nothing = CounterMap::new([], Slots::default())?;
        let mapped = Arc::new(Mapped::new(tools.store.sink(), nothing, derived));
        let accounts = Arc::<Mutex<Option<Accounts>>>::default();
        tasks.spawn(follow(tools.control.clone(), Arc::clone(&accounts), followed));
        tasks.spawn(complete(Arc::clone(&mapped)));
        tasks.spawn(diagnosis::run(tools.control.clone()));
        let scrapes = ScrapeJobs::new(Arc::clone(&mapped) as _);
        tools.store.show_scrapes(scrapes.board())?;
        Ok(Self {
            tools,
            mapped,
            traffic: None,
            accounts,
            scrapes,
            groups: Vec::new(),
            alerts: Arc::default(),
            anomalies: Vec::new(),
            forecasts: Vec::new(),
        })
    }

    /// The sink that reads counters on their way into the store.
    pub(crate) fn sink(&self) -> Arc<dyn Sink> {
        Arc::clone(&self.mapped) as _
    }

    /// Rows into the store, without waiting.
    pub(crate) fn records(&self) -> &Records {
        &self.tools.records
    }

    /// Checks everything that can fail, and changes nothing.
    pub(crate) async fn prepare(&self, wanted: Wanted) -> anyhow::Result<Prepared> {
        let host = TlsClient::host_roots()?;
        let connected = wanted.scrapes.iter().map(|job| ConnectedJob::new(job.clone(), &host));
        let scrapes = connected.collect::<Result<_, _>>()?;
        let traffic = wanted.traffic.as_ref().map(|traffic| (traffic, &wanted.inventory));
        let is_as_before = self.traffic.as_ref().map(|(traffic, inventory)| (traffic, inventory)) == traffic;
        let counted = if is_as_before { None } else { Some(self.count(&wanted).await?) };
        Ok(Prepared { wanted, counted, scrapes })
    }

    async fn count(&self, wanted: &Wanted) -> anyhow::Result<Counted> {
        let map = match &wanted.traffic {
            Some(traffic) => traffic.map(&wanted.estate)?,
            None => CounterMap::new([], Slots::default())?,
        };
        let held = Arc::clone(&self.accounts).lock_owned().await;
        let Tools { store, records, shown, .. } = &self.tools;
        let accounts = match &wanted.traffic {
            Some(_) => Some(Accounts::open(&wanted.estate, store, records.clone(), shown.clone()).await?),
            None => None,
        };
        Ok(Counted { map, accounts, held })
    }

    /// Goes over to what was prepared. What is as before goes on undisturbed.
    pub(crate) fn apply(&mut self, prepared: Prepared) {
        let Prepared { wanted, counted, scrapes } = prepared;
        if let Some(Counted { map, accounts, mut held }) = counted {
            self.mapped.replace(map);
            self.traffic = wanted.traffic.map(|traffic| (traffic, wanted.inventory));
            *held = accounts;
            if let Some(accounts) = &mut *held {
                accounts.publish();
            }
        }
        self.scrapes.apply(scrapes);
        self.evaluate(&wanted.rules, wanted.alertmanager);
        let Tools { store, control, records, .. } = &self.tools;
        keep_or_start(&mut self.anomalies, wanted.anomalies.into_iter().map(|one| (one, ())).collect(), |one, ()| {
            running(anomalies::follow(store.clone(), control.clone(), one.clone()))
        });
        keep_or_start(&mut self.forecasts, wanted.forecasts.into_iter().map(|one| (one, ())).collect(), |one, ()| {
            running(forecasts::follow(store.clone(), records.clone(), one.clone()))
        });
    }

    /// Goes over to these alert rules. Alerts of rules that stay go on, also where their group changed.
    fn evaluate(&mut self, rules: &[RuleGroup], alertmanager: Option<String>) {
        let alerting = Alerting {
            store: self.tools.store.clone(),
            records: self.tools.records.clone(),
            alertmanager: alertmanager.clone(),
            states: Arc::clone(&self.alerts),
            external_url: self.tools.external_url.clone(),
        };
        let groups = rules.iter().map(|group| ((group.clone(), alertmanager.clone()), ()));
        keep_or_start(&mut self.groups, groups.collect(), |(group, _), ()| {
            running(alerts::follow(alerting.clone(), group.clone()))
        });
        alerting.retain(rules);
    }
}

fn running(task: impl Future<Output = ()> + Send + 'static) -> Running {
    let mut running = Running::new();
    running.spawn(task);
    running
}

/// Keeps what runs and is still wanted, starts what is new, drops the rest.
fn keep_or_start<K: PartialEq, P, R>(
    running: &mut Vec<(K, R)>,
    wanted: Vec<(K, P)>,
    mut start: impl FnMut(&K, P) -> R,
) {
    let mut before = std::mem::take(running);
    for (key, prepared) in wanted {
        let place = before.iter().position(|(known, _)| *known == key);
        let run = match place {
            Some(place) => before.swap_remove(place).1,
            None => start(&key, prepared),
        };
        running.push((key, run));
    }
}

/// Hands on what counters say: usage to the accounts, demand to the controller.
async fn follow(control: Control, accounts: Arc<Mutex<Option<Accounts>>>, mut derived: mpsc::Receiver<Rows>) {
    let mut demand = Demand::default();
    let mut ticks = interval(SETTLE_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let rows = tokio::select! {
            rows = derived.recv() => rows,
            _ = ticks.tick() => {
                if let Some(accounts) = accounts.lock().await.as_mut() {
                    accounts.settle(clock::wall());
                }
                continue;
            }
        };
        let Some(rows) = rows else { return };
        let is_usage = accounts.lock().await.as_mut().is_some_and(|accounts| accounts.take(&rows));
        if is_usage {
            continue;
        }
        let estate = Arc::clone(&control.known().borrow().estate);
        for measured in demand.take(&estate, &rows) {
            control.tell(Input::Demand(measured.demanded())).await;
        }
    }
}

async fn complete(mapped: Arc<Mapped>) {
    let mut ticks = interval(COMPLETE_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = mapped.complete(clock::wall()).await {
            tracing::warn!(%error, "slots of traffic wait for the store");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_still_wanted_is_not_started_again() {
        let mut running = vec![("a", 1), ("b", 2)];
        let mut started = Vec::new();
        keep_or_start(&mut running, vec![("b", ()), ("c", ()), ("b", ())], |key, ()| {
            started.push(*key);
            9
        });
        assert_eq!(started, ["c", "b"]);
        assert_eq!(running, [("b", 2), ("c", 9), ("b", 9)]);
    }
}
