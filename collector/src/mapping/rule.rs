//! What a counter means, as configured.

use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

use weir_model::{
    id::{ContractId, GroupId, LinkId, SiteId},
    observation::Labels,
    prefix::PrefixTable,
    unit::Bps,
};

use super::{
    counter::{Kind, Width},
    key::{Key, MeteredAt},
    meter::{Field, MemberId},
};

/// The meaning of one metric.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its name: the table in schema `metrics`.
    pub metric: Arc<str>,
    /// What it counts.
    pub feed: Feed,
}

impl Rule {
    /// What IF-MIB (RFC 2863) counts, under the names that the SNMP exporter gives. A port that
    /// has the 64-bit counters is measured by those alone.
    pub fn if_mib(ports: &Arc<Ports>) -> [Self; 4] {
        [
            ("ifHCInOctets", Way::In, Width::Bits64),
            ("ifHCOutOctets", Way::Out, Width::Bits64),
            ("ifInOctets", Way::In, Width::Bits32),
            ("ifOutOctets", Way::Out, Width::Bits32),
        ]
        .map(|(metric, way, width)| Self {
            metric: metric.into(),
            feed: Feed::Interface(InterfaceFeed { way, width, ports: Arc::clone(ports) }),
        })
    }
}

/// What a metric counts.
#[derive(Clone, Debug)]
pub enum Feed {
    /// Bytes through ports.
    Interface(InterfaceFeed),
    /// What an edge served to whom.
    Edge(EdgeFeed),
}

/// Which way bytes went, as the port sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Received.
    In,
    /// Sent.
    Out,
}

/// Bytes through ports, one way.
#[derive(Clone, Debug)]
pub struct InterfaceFeed {
    /// Which way.
    pub way: Way,
    /// How wide the counter is.
    pub width: Width,
    /// Whose.
    pub ports: Arc<Ports>,
}

/// Ports by the values of the labels that tell them apart.
#[derive(Clone, Debug, Default)]
pub struct Ports {
    labels: Vec<Arc<str>>,
    ports: BTreeMap<Labels, Port>,
}

/// A port of a link. Only one end's ports are to be listed, or its bytes count twice.
#[derive(Clone, Debug)]
pub struct Port {
    /// The link that it is part of; of several ports the sum is the link's.
    pub link: LinkId,
    /// What it can carry: tells a wrapped counter from one that started again.
    pub capacity: Bps,
    /// Who bills it.
    pub billed: Option<Billed>,
}

/// How a port is billed.
#[derive(Clone, Debug)]
pub struct Billed {
    /// By which contract.
    pub contract: ContractId,
    /// With which other ports together.
    pub with: Meters,
}

/// What a contract's usage is reported by.
#[derive(Clone, Debug)]
pub enum Meters {
    /// By link: the ports of each together.
    Link,
    /// By site: all ports of it together.
    Site(SiteId),
}

impl Ports {
    /// Ports told apart by these labels (`instance` and `ifName`, say), each with its values of them.
    pub fn new<'a>(labels: &[&'a str], ports: impl IntoIterator<Item = (Vec<&'a str>, Port)>) -> Self {
        let key = |values: Vec<&'a str>| Labels::new(labels.iter().copied().zip(values));
        Self {
            labels: labels.iter().map(|label| Arc::from(*label)).collect(),
            ports: ports.into_iter().map(|(values, port)| (key(values), port)).collect(),
        }
    }

    /// The port that a series is of.
    fn find(&self, series: &Labels) -> Option<(&Labels, &Port)> {
        let key = Labels::new(self.labels.iter().map(|label| (Arc::clone(label), series.get(label))));
        self.ports.get_key_value(&key)
    }
}

/// What an edge served.
#[derive(Clone, Debug)]
pub struct EdgeFeed {
    /// Of what.
    pub quantity: Quantity,
    /// To whom.
    pub group: GroupBy,
    /// The label that names the domain.
    pub domain: Arc<str>,
    /// The label that names the site.
    pub site: Arc<str>,
}

/// What an edge counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// Bytes sent.
    Bytes,
    /// Requests answered.
    Requests,
}

/// How the client group is found.
#[derive(Clone, Debug)]
pub enum GroupBy {
    /// A label names it.
    Label(Arc<str>),
    /// A label holds a prefix or an address of it.
    Prefix {
        /// The label.
        label: Arc<str>,
        /// Which group that is.
        prefixes: Arc<Prefixes>,
    },
}

/// Client groups by prefix.
#[derive(Clone, Debug)]
pub struct Prefixes {
    /// Prefixes to groups.
    pub table: PrefixTable,
    /// The groups' names, by ordinal.
    pub groups: Vec<GroupId>,
}

impl Prefixes {
    /// The group of `203.0.113.0/24` or `203.0.113.7`: of a prefix, that of its first address.
    fn group(&self, text: &str) -> Option<GroupId> {
        let address: IpAddr = text.split('/').next()?.parse().ok()?;
        let (_, group) = self.table.longest_match(address)?;
        self.groups.get(group.index()).cloned()
    }
}

/// Where a series counts, and how.
#[derive(Clone, Debug)]
pub(super) struct Route {
    pub(super) key: Key,
    pub(super) member: MemberId,
    pub(super) kind: Kind,
}

impl Feed {
    /// The rows that a series counts for. Empty for a port that is no link's; `None` when the
    /// series should say whose it is and does not.
    pub(super) fn routes(&self, metric: &Arc<str>, series: &Labels) -> Option<Vec<Route>> {
        match self {
            Self::Interface(feed) => Some(feed.routes(series)),
            Self::Edge(feed) => Some(vec![feed.route(metric, series)?]),
        }
    }
}

impl InterfaceFeed {
    fn routes(&self, series: &Labels) -> Vec<Route> {
        let Some((key, port)) = self.ports.find(series) else { return Vec::new() };
        let member = MemberId { field: self.way as Field, metric: "".into(), series: key.clone() };
        let kind = Kind { width: self.width, per_second_max: Some(port.capacity.0 / 8.0) };
        port.keys().map(|key| Route { key, member: member.clone(), kind }).collect()
    }
}

impl EdgeFeed {
    fn route(&self, metric: &Arc<str>, series: &Labels) -> Option<Route> {
        let named = |label: &str| Some(series.get(label)).filter(|value| !value.is_empty());
        let group = match &self.group {
            GroupBy::Label(label) => named(label)?.into(),
            GroupBy::Prefix { label, prefixes } => prefixes.group(named(label)?)?,
        };
        let key = Key::Demand { group, domain: named(&self.domain)?.into(), site: named(&self.site)?.into() };
        let member = MemberId { field: self.quantity as Field, metric: Arc::clone(metric), series: series.clone() };
        Some(Route { key, member, kind: Kind { width: Width::Bits64, per_second_max: None } })
    }
}

impl Port {
    fn keys(&self) -> impl Iterator<Item = Key> {
        let usage = self.billed.as_ref().map(|billed| Key::Usage {
            contract: billed.contract.clone(),
            meter: match &billed.with {
                Meters::Link => MeteredAt::Link(self.link.clone()),
                Meters::Site(site) => MeteredAt::Site(site.clone()),
            },
        });
        [Key::Link(self.link.clone())].into_iter().chain(usage)
    }
}
