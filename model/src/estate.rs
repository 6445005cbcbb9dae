//! The checked estate: everything there is, cross-referenced by dense ordinals.
//!
//! Built by [`crate::inventory`] only, so a value of this type is consistent: every ordinal
//! points at a row, every id is unique within its kind.

use std::{collections::BTreeMap, net::IpAddr, time::Duration};

use ipnet::IpNet;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::{
    contract::Contract,
    id::*,
    keywords,
    prefix::PrefixTable,
    time::UnixNanos,
    unit::{Bps, Millis},
};

/// How much a provider is trusted, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// Strategic.
    S,
    /// Preferred.
    A,
    /// Usable.
    B,
    /// Last resort.
    C,
}

keywords!(Tier { "S" => S, "A" => A, "B" => B, "C" => C });

/// What a site is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SiteKind {
    /// A data centre.
    Idc,
    /// A cloud region.
    Cloud,
    /// A CDN or edge location.
    Edge,
}

keywords!(SiteKind { "idc" => Idc, "cloud" => Cloud, "edge" => Edge });

/// Whose a site is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ownership {
    /// Ours.
    Owned,
    /// Somebody else's.
    Leased,
}

keywords!(Ownership { "owned" => Owned, "leased" => Leased });

/// What a node does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Holds the content.
    Origin,
    /// Stands between edges and origins.
    Mid,
    /// Answers users.
    Edge,
}

keywords!(Role { "origin" => Origin, "mid" => Mid, "edge" => Edge });

/// What a link is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkKind {
    /// Bought access to everywhere.
    Transit,
    /// Exchange between networks.
    Peering,
    /// A leased line.
    Dedicated,
    /// A tunnel over the Internet.
    Vpn,
    /// Our own.
    Backbone,
}

keywords!(LinkKind {
    "transit" => Transit, "peering" => Peering, "dedicated" => Dedicated, "vpn" => Vpn, "backbone" => Backbone,
});

/// How an answer may reach the users of a domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// Authoritative DNS.
    Dns,
    /// Signed answers over HTTP.
    Httpdns,
    /// HTTP 302.
    Http302,
}

keywords!(Protocol { "dns" => Dns, "httpdns" => Httpdns, "http302" => Http302 });

/// Who sells us something.
#[derive(Clone, Debug)]
pub struct Provider {
    /// Its name.
    pub id: ProviderId,
    /// How much it is trusted.
    pub tier: Tier,
    /// Not to be given new traffic.
    pub restricted: bool,
}

/// A carbon factor with the day it begins to apply.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CarbonFactor {
    /// First day.
    pub from: UnixNanos,
    /// Grams of CO2 equivalent per kWh.
    pub g_per_kwh: f64,
}

/// A place with its own power and network, so a failure domain.
#[derive(Clone, Debug)]
pub struct Site {
    /// Its name.
    pub id: SiteId,
    /// What it is.
    pub kind: SiteKind,
    /// Whose it is.
    pub ownership: Ownership,
    /// Where it is, in the operator's own words.
    pub region: String,
    /// Who sells it.
    pub provider: ProviderOrd,
    /// How its egress to users is billed; `None`: not at all.
    pub contract: Option<ContractOrd>,
    /// Power usage effectiveness: power at the meter per power at the machines, at least 1.
    pub pue: f64,
    /// Per kWh, in the contract's currency.
    pub power_price: Option<Decimal>,
    /// Ascending by date.
    pub carbon: Vec<CarbonFactor>,
    /// Where its data is, legally.
    pub residency: Option<String>,
    /// Its nodes.
    pub nodes: Vec<NodeOrd>,
}

/// Something that answers or forwards at a site.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its name.
    pub id: NodeId,
    /// Where it stands.
    pub site: SiteOrd,
    /// What it does.
    pub role: Role,
    /// Its addresses, v4 and v6.
    pub addresses: Vec<IpAddr>,
    /// The port it serves HTTP on.
    pub port: u16,
    /// What it can serve.
    pub capacity: Bps,
}

/// A directed connection between two nodes.
#[derive(Clone, Debug)]
pub struct Link {
    /// Its name.
    pub id: LinkId,
    /// What it is.
    pub kind: LinkKind,
    /// Where traffic enters it.
    pub from: NodeOrd,
    /// Where traffic leaves it.
    pub to: NodeOrd,
    /// Who sells it.
    pub provider: ProviderOrd,
    /// What it can carry.
    pub capacity: Bps,
    /// Its latency one way when nothing is measured.
    pub latency: Millis,
    /// How it is billed; `None`: not at all.
    pub contract: Option<ContractOrd>,
}

/// Users that behave alike.
#[derive(Clone, Debug)]
pub struct ClientGroup {
    /// Its name.
    pub id: GroupId,
    /// Where they are.
    pub region: String,
    /// Their ISP or AS.
    pub isp: String,
    /// Their addresses.
    pub prefixes: Vec<IpNet>,
    /// Round-trip time to sites when nothing is measured; a site that is absent is out of reach.
    pub latency: BTreeMap<SiteOrd, Millis>,
}

/// Who pays us.
#[derive(Clone, Debug)]
pub struct Customer {
    /// Its name.
    pub id: CustomerId,
}

/// A service name of a customer.
#[derive(Clone, Debug)]
pub struct Domain {
    /// The DNS name, lower case, without the final dot.
    pub id: DomainId,
    /// Whose it is.
    pub customer: CustomerOrd,
    /// Sites that may serve it, ascending.
    pub sites: Vec<SiteOrd>,
    /// Sites beyond this round-trip time serve it only when no nearer one can.
    pub latency_max: Millis,
    /// Zones its data may be served from; empty: any.
    pub residency: Vec<String>,
    /// How long an answer may be kept.
    pub ttl: Duration,
    /// How answers may be given.
    pub protocols: Vec<Protocol>,
    /// Promised availability, 0 to 1.
    pub slo: f64,
    /// Nodes of role `origin` that hold its content, in order of preference.
    pub origins: Vec<NodeOrd>,
    /// Largest share of one demand on one site, 0 to 1.
    pub site_share_max: f64,
    /// Who is shed first when capacity is short: larger numbers keep theirs longer.
    pub priority: u32,
    /// Share of bytes that edges answer without asking a mid, 0 to 1, when nothing is measured.
    pub hit_ratio: f64,
}

/// Everything there is.
#[derive(Clone, Debug, Default)]
pub struct Estate {
    /// Who sells us something.
    pub providers: Vec<Provider>,
    /// How it is billed.
    pub contracts: Vec<Contract>,
    /// Places.
    pub sites: Vec<Site>,
    /// What answers or forwards there.
    pub nodes: Vec<Node>,
    /// What connects them.
    pub links: Vec<Link>,
    /// Who pays us.
    pub customers: Vec<Customer>,
    /// For what.
    pub domains: Vec<Domain>,
    /// Whose traffic.
    pub groups: Vec<ClientGroup>,
    /// Which address belongs to which group.
    pub prefixes: PrefixTable,
}

macro_rules! lookups {
    ($($name:ident: $table:ident, $ord:ident, $row:ident;)*) => {$(
        #[doc = concat!("The ordinal of the row of `", stringify!($table), "` called `id`.")]
        pub fn $name(&self, id: &str) -> Option<$ord> {
            self.$table.iter().position(|row| row.id.as_str() == id).map($ord::of)
        }

        )*
    };
}

impl Estate {
    lookups! {
        provider_ord: providers, ProviderOrd, Provider;
        contract_ord: contracts, ContractOrd, Contract;
        site_ord: sites, SiteOrd, Site;
        node_ord: nodes, NodeOrd, Node;
        link_ord: links, LinkOrd, Link;
        customer_ord: customers, CustomerOrd, Customer;
        domain_ord: domains, DomainOrd, Domain;
        group_ord: groups, GroupOrd, ClientGroup;
    }

    /// The site that `node` stands at.
    pub fn site_of(&self, node: NodeOrd) -> &Site {
        &self.sites[self.nodes[node.index()].site.index()]
    }

    /// The nodes of `role` at `site`.
    pub fn nodes_at(&self, site: SiteOrd, role: Role) -> impl Iterator<Item = NodeOrd> + '_ {
        self.sites[site.index()].nodes.iter().copied().filter(move |node| self.nodes[node.index()].role == role)
    }

    /// The sites that have at least one node of role `edge`.
    pub fn edge_sites(&self) -> impl Iterator<Item = SiteOrd> + '_ {
        (0..self.sites.len()).map(SiteOrd::of).filter(|site| self.nodes_at(*site, Role::Edge).next().is_some())
    }

    /// What the edge nodes of `site` can serve together.
    pub fn edge_capacity(&self, site: SiteOrd) -> Bps {
        self.nodes_at(site, Role::Edge).map(|node| self.nodes[node.index()].capacity).sum()
    }
}
