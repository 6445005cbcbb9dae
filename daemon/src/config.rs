//! The daemon's configuration: as written (YAML, every error at once) and as used (validated).

mod agent;
mod clickhouse;
mod listen;
mod retention;
mod scrape;
mod series;
mod store;
mod traffic;

pub(crate) use agent::AgentConfig;
pub(crate) use clickhouse::ClickHouse;
pub(crate) use listen::{ClientTls, Listen, Tls};
pub(crate) use retention::Retention;
pub(crate) use series::{AnomalySearch, ForecastSearch, SeriesQuery};
pub(crate) use store::StoreConfig;
pub(crate) use traffic::Traffic;

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context;
use weir_collector::scrape::ScrapeJob;
use weir_detect::quorum::QuorumPolicy;
use weir_dispatch::dns::Zone;
use weir_model::yaml::{Diagnostics, Fields, Reader};
use weir_rules::{
    PACKS,
    alert::{self, RuleGroup},
};
use weir_scheduler::policy::Policy;

use crate::alerts::SHIPPED;

/// What `weir run` is told.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Config {
    /// The file it was read from, for messages.
    pub(crate) file: String,
    /// The inventory's file.
    pub(crate) inventory: PathBuf,
    /// Where data is kept.
    pub(crate) data: PathBuf,
    /// How long observations are kept.
    pub(crate) retention: Retention,
    /// How they are kept.
    pub(crate) store: StoreConfig,
    /// Where history goes besides.
    pub(crate) clickhouse: Option<ClickHouse>,
    /// Addresses, certificates and tokens.
    pub(crate) listen: Listen,
    /// Zones that DNS is authoritative for, with their name servers.
    pub(crate) zones: Vec<(String, Vec<String>)>,
    /// Where a DNS-only process follows plans.
    pub(crate) controller: Option<String>,
    /// How that controller is trusted, and this process by it.
    pub(crate) controller_tls: Option<ClientTls>,
    /// The scheduler's settings.
    pub(crate) policy: Policy,
    /// How vantages form a verdict.
    pub(crate) quorum: QuorumPolicy,
    /// What is scraped.
    pub(crate) scrapes: Vec<ScrapeJob>,
    /// Files of alert rules.
    pub(crate) rules: Vec<PathBuf>,
    /// Shipped alert rules: name and text.
    pub(crate) packs: Vec<(&'static str, &'static str)>,
    /// Where alerts are sent: the address of an Alertmanager.
    pub(crate) alertmanager: Option<String>,
    /// What counters of the estate mean.
    pub(crate) traffic: Option<Traffic>,
    /// What is watched for anomalies.
    pub(crate) anomalies: Vec<AnomalySearch>,
    /// What is forecast.
    pub(crate) forecasts: Vec<ForecastSearch>,
    /// The file of HTTPDNS's secret key.
    pub(crate) httpdns_key: PathBuf,
    /// How often this host's own metrics are read.
    pub(crate) host_every: Duration,
}

impl Config {
    /// Reads the configuration in `text`. Paths in it are relative to the folder of `file`.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub(crate) fn parse(file: &Path, text: &str) -> Result<Self, Diagnostics> {
        let folder = file.parent().unwrap_or(Path::new(".")).to_owned();
        let name = file.display().to_string();
        Reader::read(&name, text, |_, mut fields| {
            let config = read(&name, &mut fields, &folder);
            fields.finish();
            config
        })
    }

    /// Reads the configuration in `file`.
    ///
    /// # Errors
    /// When it cannot be read, or is wrong.
    pub(crate) fn load(file: &Path) -> anyhow::Result<Self> {
        Ok(Self::parse(file, &read_file(file)?)?)
    }

    /// The inventory and the files of rules that the configuration in `text` names, whatever else is
    /// wrong with it.
    pub(crate) fn named_files(file: &Path, text: &str) -> (Option<PathBuf>, Vec<PathBuf>) {
        let folder = file.parent().unwrap_or(Path::new("."));
        let read = Reader::read(&file.display().to_string(), text, |_, mut fields| {
            let inventory = fields.optional::<String>("inventory").map(|name| folder.join(name));
            let rules = fields.scalars::<String>("rules").into_iter().map(|name| folder.join(name.value));
            Some((inventory, rules.collect()))
        });
        read.unwrap_or_default()
    }
}

impl Config {
    /// The keys that differ from those of `running`, a configuration that is in force, and take
    /// effect only at a start.
    pub(crate) fn needs_restart_after(&self, running: &Self) -> Vec<&'static str> {
        let changed = [
            ("data", self.data != running.data),
            ("retention", self.retention != running.retention),
            ("store", self.store != running.store),
            ("clickhouse", self.clickhouse != running.clickhouse),
            ("listen, tls or tokens", self.listen != running.listen),
            ("zones", self.zones != running.zones),
            ("controller", self.controller != running.controller),
            ("controller_tls", self.controller_tls != running.controller_tls),
            ("quorum", self.quorum != running.quorum),
            ("httpdns_key", self.httpdns_key != running.httpdns_key),
            ("host_every", self.host_every != running.host_every),
        ];
        changed.into_iter().filter_map(|(key, changed)| changed.then_some(key)).collect()
    }

    /// This configuration, with what takes effect only at a start as in `running`.
    pub(crate) fn with_what_runs(self, running: &Self) -> Self {
        Self {
            inventory: self.inventory,
            policy: self.policy,
            scrapes: self.scrapes,
            rules: self.rules,
            packs: self.packs,
            alertmanager: self.alertmanager,
            traffic: self.traffic,
            anomalies: self.anomalies,
            forecasts: self.forecasts,
            ..running.clone()
        }
    }

    /// The alert rules of the packs and files it names.
    ///
    /// # Errors
    /// When a file cannot be read, or everything that is wrong in it.
    pub(crate) fn rule_groups(&self) -> anyhow::Result<Vec<RuleGroup>> {
        let mut groups = Vec::new();
        for (name, text) in &self.packs {
            groups.extend(alert::parse(&format!("{SHIPPED}{name}"), text)?);
        }
        for file in &self.rules {
            groups.extend(alert::parse(&file.display().to_string(), &read_file(file)?)?);
        }
        Ok(groups)
    }
}

/// The text of a file that a person named.
pub(crate) fn read_file(file: &Path) -> anyhow::Result<String> {
    fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))
}

/// The keys of the configuration.
fn read(file: &str, fields: &mut Fields<'_>, folder: &Path) -> Option<Config> {
    /// As node-exporter is scraped.
    const HOST_EVERY: Duration = Duration::from_secs(15);
    let path = |text: String| folder.join(text);
    let inventory = fields.required::<String>("inventory").map(path);
    let data = path(fields.or("data", "data".to_owned()));
    let retention = retention::AsWritten::read(fields);
    let store = section(fields, "store", StoreConfig::read).unwrap_or_default();
    let clickhouse = section(fields, "clickhouse", |fields| ClickHouse::read(fields, folder)).flatten();
    let listen = Listen::read(fields, folder);
    let zones = zones(fields);
    let controller = fields.optional("controller");
    let controller_tls = ClientTls::read(fields, "controller_tls", folder);
    let policy = section(fields, "scheduler", Policy::read).unwrap_or_default();
    let quorum = section(fields, "quorum", quorum).unwrap_or_default();
    let scrapes = scrape::read_all(fields, folder);
    let rules = fields.scalars::<String>("rules").into_iter().map(|rule| folder.join(rule.value)).collect();
    let packs = packs(fields);
    let alertmanager = fields.optional("alertmanager");
    let anomalies = AnomalySearch::read_all(fields);
    let forecasts = ForecastSearch::read_all(fields);
    let traffic = section(fields, "traffic", |fields| Traffic::read(file, fields));
    let retention = retention.check(fields, traffic.is_some());
    let httpdns_key = fields.optional("httpdns_key").map_or_else(|| data.join("httpdns.key"), path);
    let host_every = fields.or("host_every", HOST_EVERY);
    Some(Config {
        file: file.to_owned(),
        inventory: inventory?,
        data,
        retention,
        store,
        clickhouse,
        listen,
        zones,
        controller,
        controller_tls,
        policy,
        quorum,
        scrapes,
        rules,
        packs,
        alertmanager,
        anomalies,
        forecasts,
        traffic,
        httpdns_key,
        host_every,
    })
}

/// What a section under `key` says.
fn section<T>(fields: &mut Fields<'_>, key: &'static str, read: impl FnOnce(&mut Fields<'_>) -> T) -> Option<T> {
    let mut inner = fields.map(key)?;
    let value = read(&mut inner);
    inner.finish();
    Some(value)
}

fn quorum(fields: &mut Fields<'_>) -> QuorumPolicy {
    let defaults = QuorumPolicy::default();
    let policy = QuorumPolicy {
        min_vantages: fields.or("min_vantages", defaults.min_vantages),
        silence: fields.or("silence", defaults.silence),
        ..defaults
    };
    if let Err(error) = policy.check() {
        fields.reader().error(fields.mark(), error.to_string());
    }
    policy
}

fn zones(fields: &mut Fields<'_>) -> Vec<(String, Vec<String>)> {
    let mut zones = Vec::new();
    for item in fields.list("zones") {
        let Some(mut zone) = item.fields() else { continue };
        let apex = zone.required::<String>("apex");
        let servers: Vec<String> = zone.scalars("name_servers").into_iter().map(|name| name.value).collect();
        if let Some(Err(error)) = apex.as_ref().map(|apex| Zone::new(apex, &servers)) {
            zone.reader().error(zone.mark(), error.to_string());
        }
        zone.finish();
        zones.extend(apex.map(|apex| (apex, servers)));
    }
    zones
}

/// Shipped rule files, named without `.yaml`.
fn packs(fields: &mut Fields<'_>) -> Vec<(&'static str, &'static str)> {
    let mut packs = Vec::new();
    for written in fields.scalars::<String>("packs") {
        match PACKS.iter().find(|(name, _)| name.strip_suffix(".yaml") == Some(&written.value)) {
            Some(pack) => packs.push(*pack),
            None => {
                let names: Vec<&str> = PACKS.iter().filter_map(|(name, _)| name.strip_suffix(".yaml")).collect();
                let message = format!("no rules called `{}` ship", written.value);
                fields.reader().error_with_hint(written.mark, message, format!("there are {}", names.join(", ")));
            }
        }
    }
    packs
}

#[cfg(test)]
mod tests;
