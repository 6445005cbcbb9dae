//! What a plan's ordinals mean: ids, addresses and prefixes, without anything an executor does
//! not need.

use std::{
    net::IpAddr,
    sync::{Arc, OnceLock},
    time::Duration,
};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::{
    estate::{Estate, Protocol, Role},
    id::*,
    prefix::PrefixTable,
};

/// A site as executors see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DirectorySite {
    /// Its name.
    pub id: SiteId,
    /// Its nodes of role edge.
    pub edges: Vec<NodeOrd>,
}

/// A node as executors see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DirectoryNode {
    /// Its name.
    pub id: NodeId,
    /// Whether it answers users.
    pub edge: bool,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
    /// Its HTTP port.
    pub port: u16,
}

/// A domain as executors see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DirectoryDomain {
    /// The DNS name, lower case, without the final dot.
    pub id: DomainId,
    /// How long an answer may be kept.
    pub ttl: Duration,
    /// How answers may be given. Plans of before this was carried were answered by all.
    #[serde(default = "every_protocol")]
    pub protocols: Vec<Protocol>,
}

fn every_protocol() -> Vec<Protocol> {
    vec![Protocol::Dns, Protocol::Httpdns, Protocol::Http302]
}

/// A client group as executors see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DirectoryGroup {
    /// Its name.
    pub id: GroupId,
    /// Its prefixes.
    pub prefixes: Vec<IpNet>,
}

/// Ids, addresses and prefixes of a plan. Equal ordinals in the estate it was made from.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Directory {
    /// Sites.
    pub sites: Vec<DirectorySite>,
    /// Nodes.
    pub nodes: Vec<DirectoryNode>,
    /// Domains.
    pub domains: Vec<DirectoryDomain>,
    /// Client groups.
    pub groups: Vec<DirectoryGroup>,
    /// Built from `groups` on first use.
    #[serde(skip)]
    prefixes: OnceLock<PrefixTable>,
}

impl PartialEq for Directory {
    fn eq(&self, other: &Self) -> bool {
        (&self.sites, &self.nodes, &self.domains, &self.groups)
            == (&other.sites, &other.nodes, &other.domains, &other.groups)
    }
}

impl Directory {
    /// The directory of `estate`.
    pub fn of(estate: &Estate) -> Arc<Self> {
        let sites = (0..estate.sites.len())
            .map(|index| DirectorySite {
                id: estate.sites[index].id.clone(),
                edges: estate.nodes_at(SiteOrd::of(index), Role::Edge).collect(),
            })
            .collect();
        let nodes = estate
            .nodes
            .iter()
            .map(|node| DirectoryNode {
                id: node.id.clone(),
                edge: node.role == Role::Edge,
                addresses: node.addresses.clone(),
                port: node.port,
            })
            .collect();
        let domains = estate
            .domains
            .iter()
            .map(|domain| DirectoryDomain {
                id: domain.id.clone(),
                ttl: domain.ttl,
                protocols: domain.protocols.clone(),
            })
            .collect();
        let groups = estate
            .groups
            .iter()
            .map(|group| DirectoryGroup { id: group.id.clone(), prefixes: group.prefixes.clone() })
            .collect();
        Arc::new(Self { sites, nodes, domains, groups, prefixes: OnceLock::from(estate.prefixes.clone()) })
    }

    /// Which address belongs to which group.
    pub fn prefixes(&self) -> &PrefixTable {
        self.prefixes.get_or_init(|| {
            PrefixTable::new(
                self.groups
                    .iter()
                    .enumerate()
                    .flat_map(|(index, group)| group.prefixes.iter().map(move |prefix| (*prefix, GroupOrd::of(index)))),
            )
        })
    }

    /// Whether [`Directory::prefixes`] only has to be read.
    #[cfg(test)]
    pub(crate) fn has_prefixes(&self) -> bool {
        self.prefixes.get().is_some()
    }

    /// The row of an edge node in a plan's routes: how many edge nodes come before it.
    pub fn edge_row(&self, node: NodeOrd) -> Option<usize> {
        let (before, at) = self.nodes.split_at_checked(node.index())?;
        at.first().filter(|node| node.edge)?;
        Some(before.iter().filter(|node| node.edge).count())
    }

    /// How many edge nodes there are.
    pub fn edge_count(&self) -> usize {
        self.nodes.iter().filter(|node| node.edge).count()
    }
}
