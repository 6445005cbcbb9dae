//! Targets asked of the DNS (`dns_sd`): the records of some names, each keeping its last good list.

use std::{net::SocketAddr, str::FromStr, time::Duration};

use futures::future::join_all;
use hickory_proto::rr::{Name, RData, RecordType};
use weir_model::keywords;

use super::{Publisher, ticks};
use crate::{counters::DISCOVERY_FAILED, scrape::relabel::LabelSet};

mod message;
mod resolv_conf;
mod resolver;

use self::resolver::{LookupError, Resolver};

/// Names whose records are targets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsSd {
    /// Which.
    pub names: Vec<String>,
    /// Which of their records.
    pub kind: RecordKind,
    /// The port of what records name; those of `SRV` have their own.
    pub port: u16,
    /// How often they are asked for.
    pub refresh_interval: Duration,
}

impl DnsSd {
    /// Whether `text` can be asked for.
    pub fn is_name(text: &str) -> bool {
        !text.is_empty() && Name::from_str(text).is_ok()
    }
}

/// Records that name targets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordKind {
    /// Names and ports.
    Srv,
    /// IPv4 addresses.
    A,
    /// IPv6 addresses.
    Aaaa,
    /// Mail servers.
    Mx,
    /// Name servers.
    Ns,
}

keywords!(RecordKind { "SRV" => Srv, "A" => A, "AAAA" => Aaaa, "MX" => Mx, "NS" => Ns });

impl RecordKind {
    fn record_type(self) -> RecordType {
        match self {
            Self::Srv => RecordType::SRV,
            Self::A => RecordType::A,
            Self::Aaaa => RecordType::AAAA,
            Self::Mx => RecordType::MX,
            Self::Ns => RecordType::NS,
        }
    }
}

pub(super) async fn run(sd: DnsSd, publisher: Publisher) {
    let mut ticks = ticks(sd.refresh_interval);
    let mut last: Vec<Vec<LabelSet>> = vec![Vec::new(); sd.names.len()];
    let mut is_first = true;
    loop {
        ticks.tick().await;
        let resolver = Resolver::of_host().await;
        let asked = sd.names.iter().map(|name| look_up(&resolver, &sd, name));
        let found = join_all(asked).await;
        let before = last.clone();
        for ((name, found), last) in sd.names.iter().zip(found).zip(&mut last) {
            match found {
                Ok(targets) => *last = targets,
                Err(error) => {
                    DISCOVERY_FAILED.add(1);
                    tracing::warn!(job = &*publisher.name, name, %error, "targets in the DNS: the last good list stays");
                }
            }
        }
        if is_first || before != last {
            publisher.publish(last.concat()).await;
            is_first = false;
        }
    }
}

async fn look_up(resolver: &Resolver, sd: &DnsSd, name: &str) -> Result<Vec<LabelSet>, LookupError> {
    let mut targets: Vec<LabelSet> = resolver
        .look_up(name, sd.kind.record_type())
        .await?
        .iter()
        .filter_map(|record| target(record, name, sd.port))
        .collect();
    // Servers rotate what they answer, which changes nothing.
    targets.sort_by(|a, b| a.iter().cmp(b.iter()));
    Ok(targets)
}

/// The target that a record names, with Prometheus's labels; `None` for a record beside the point, as a CNAME is.
fn target(record: &RData, name: &str, port: u16) -> Option<LabelSet> {
    let mut labels = LabelSet::default();
    let without_root = |name: &str| name.trim_end_matches('.').to_owned();
    let address = match record {
        RData::A(address) => SocketAddr::new(address.0.into(), port).to_string(),
        RData::AAAA(address) => SocketAddr::new(address.0.into(), port).to_string(),
        RData::SRV(srv) => {
            let target = srv.target.to_ascii();
            labels.set("__meta_dns_srv_record_target", target.as_str());
            labels.set("__meta_dns_srv_record_port", srv.port.to_string());
            format!("{}:{}", without_root(&target), srv.port)
        }
        RData::MX(mx) => {
            let target = mx.exchange.to_ascii();
            labels.set("__meta_dns_mx_record_target", target.as_str());
            format!("{}:{port}", without_root(&target))
        }
        RData::NS(ns) => {
            let target = ns.0.to_ascii();
            labels.set("__meta_dns_ns_record_target", target.as_str());
            format!("{}:{port}", without_root(&target))
        }
        _ => return None,
    };
    labels.set("__address__", address);
    labels.set("__meta_dns_name", name);
    Some(labels)
}

#[cfg(test)]
mod tests;
