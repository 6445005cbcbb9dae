//! What label pickers ask of both servers.

use std::collections::BTreeSet;

use anyhow::Context;
use arrow::{array::AsArray, compute::cast, datatypes::DataType};

use crate::{
    http::{Connection, escaped},
    node_metrics::{MANY_SERIES, NAMES, ONE_GAUGE, Size, instance_of, name_of},
    server::{Kind, Server},
    weir_sql::WeirSql,
};

/// A list that a dashboard offers to choose from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Picker {
    /// Metrics.
    Metrics,
    /// Every instance of a metric with 13 series each.
    Instances,
    /// The devices of an instance.
    Devices,
    /// The clusters of a region.
    Clusters,
    /// The mount points of the instances whose name begins with a text.
    MountPoints,
}

impl Picker {
    pub(super) const ALL: [Self; 5] =
        [Self::Metrics, Self::Instances, Self::Devices, Self::Clusters, Self::MountPoints];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Metrics => "metrics",
            Self::Instances => "instances",
            Self::Devices => "devices of an instance",
            Self::Clusters => "clusters of a region",
            Self::MountPoints => "mount points, by a prefix",
        }
    }

    /// Without what was not sent: Weir has metrics of its own host.
    pub(super) fn sent(self, mut values: BTreeSet<String>) -> BTreeSet<String> {
        if self == Self::Metrics {
            let sent: BTreeSet<String> = (0..NAMES).map(name_of).collect();
            values.retain(|value| sent.contains(value));
        }
        values
    }

    fn sql(self, target: usize) -> String {
        let (many, gauge) = (name_of(MANY_SERIES), name_of(ONE_GAUGE));
        match self {
            Self::Metrics => "SELECT table_name FROM information_schema.tables \
                              WHERE table_schema = 'metrics' AND table_name LIKE 'node\\_%'"
                .to_owned(),
            Self::Instances => format!("SELECT DISTINCT instance FROM {many}"),
            Self::Devices => {
                format!("SELECT DISTINCT device FROM {many} WHERE instance = '{}'", instance_of(target))
            }
            Self::Clusters => format!("SELECT DISTINCT cluster FROM {gauge} WHERE region = 'eu-central-1'"),
            Self::MountPoints => {
                format!("SELECT DISTINCT mountpoint FROM {many} WHERE instance LIKE '{}%'", network(target))
            }
        }
    }

    /// The label and the series whose values it is to be.
    fn label(self, target: usize) -> (&'static str, String) {
        let (many, gauge) = (name_of(MANY_SERIES), name_of(ONE_GAUGE));
        match self {
            Self::Metrics => ("__name__", "{__name__=~\"node_.*\"}".to_owned()),
            Self::Instances => ("instance", many),
            Self::Devices => ("device", format!("{many}{{instance=\"{}\"}}", instance_of(target))),
            Self::Clusters => ("cluster", format!("{gauge}{{region=\"eu-central-1\"}}")),
            Self::MountPoints => {
                let network = network(target).replace('.', "\\\\.");
                ("mountpoint", format!("{many}{{instance=~\"{network}.*\"}}"))
            }
        }
    }
}

/// What the names of fifty instances begin with: `10.16.`.
fn network(target: usize) -> String {
    let instance = instance_of(target);
    instance.split_inclusive('.').take(2).collect()
}

/// Asks one server.
#[derive(Debug)]
pub(super) struct Asker {
    to: To,
    size: Size,
}

#[derive(Debug)]
enum To {
    Weir(WeirSql),
    VictoriaMetrics(Connection),
}

impl Asker {
    pub(super) fn connect(server: &Server, size: Size) -> anyhow::Result<Self> {
        let to = match server.kind() {
            Kind::Weir => To::Weir(WeirSql::connect(server.address())?),
            _ => To::VictoriaMetrics(server.connect()?),
        };
        Ok(Self { to, size })
    }

    /// What is offered; each `number` asks about another target.
    pub(super) fn ask(&mut self, picker: Picker, number: usize) -> anyhow::Result<BTreeSet<String>> {
        let target = number % self.size.targets;
        match &mut self.to {
            To::Weir(sql) => {
                let mut values = BTreeSet::new();
                for batch in sql.query(&picker.sql(target))? {
                    let column = cast(batch.column(0), &DataType::Utf8)?;
                    values.extend(column.as_string::<i32>().iter().flatten().map(str::to_owned));
                }
                Ok(values)
            }
            To::VictoriaMetrics(connection) => {
                let (label, series) = picker.label(target);
                let end = self.size.end_ms / 1_000 + 1;
                let start = end - self.size.rounds as i64 * 10 - 60;
                let path = format!("/api/v1/label/{label}/values?match[]={}&start={start}&end={end}", escaped(&series));
                let answer: serde_json::Value = serde_json::from_slice(&connection.get(&path)?.ok()?)?;
                let values = answer["data"].as_array().with_context(|| format!("{path} was answered {answer}"))?;
                Ok(values.iter().filter_map(|value| value.as_str().map(str::to_owned)).collect())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn both_servers_are_asked_the_same() {
        let both = Picker::ALL.map(|picker| {
            let (label, series) = picker.label(50);
            format!("{}\n{label} of {series}\n", picker.sql(50))
        });
        expect![[r#"
            SELECT table_name FROM information_schema.tables WHERE table_schema = 'metrics' AND table_name LIKE 'node\_%'
            __name__ of {__name__=~"node_.*"}
            SELECT DISTINCT instance FROM node_schedstat_running_seconds_total
            instance of node_schedstat_running_seconds_total
            SELECT DISTINCT device FROM node_schedstat_running_seconds_total WHERE instance = '10.17.0.11:9100'
            device of node_schedstat_running_seconds_total{instance="10.17.0.11:9100"}
            SELECT DISTINCT cluster FROM node_disk_seconds_total WHERE region = 'eu-central-1'
            cluster of node_disk_seconds_total{region="eu-central-1"}
            SELECT DISTINCT mountpoint FROM node_schedstat_running_seconds_total WHERE instance LIKE '10.17.%'
            mountpoint of node_schedstat_running_seconds_total{instance=~"10\\.17\\..*"}
        "#]]
        .assert_eq(&both.concat());
    }
}
