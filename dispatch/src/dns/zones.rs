//! The zones this server is authoritative for. Names outside them are refused.

use std::{collections::HashMap, str::FromStr};

use hickory_proto::rr::{Name, RData, Record, rdata};

/// Seconds that a name's absence, and SOA and NS records, may be kept: an hour, short enough for a
/// domain that is being set up.
const APEX_TTL: u32 = 3_600;
/// Seconds that negative answers may be kept (RFC 2308): as long as a short-lived answer, because
/// "no address of this family" changes with a failover.
const NEGATIVE_TTL: u32 = 5;

/// A name in the configuration that is no DNS name.
#[derive(Debug, thiserror::Error)]
#[error("`{name}` is no DNS name")]
pub struct ZoneError {
    /// As written.
    pub name: String,
    /// Why not.
    #[source]
    pub source: hickory_proto::ProtoError,
}

/// A zone's apex and what is answered there.
#[derive(Clone, Debug)]
pub struct Zone {
    /// Its apex.
    pub apex: Name,
    /// Its name servers.
    pub name_servers: Vec<Name>,
}

impl Zone {
    /// The zone `apex`, served by `name_servers` (`ns1.<apex>` when none are given).
    ///
    /// # Errors
    /// When one of the names is none.
    pub fn new(apex: &str, name_servers: &[String]) -> Result<Self, ZoneError> {
        let default = [format!("ns1.{apex}")];
        let servers = if name_servers.is_empty() { &default[..] } else { name_servers };
        let name_servers = servers.iter().map(|name| parse(name)).collect::<Result<_, _>>()?;
        Ok(Self { apex: parse(apex)?, name_servers })
    }

    /// The SOA record; `serial` is the plan's generation.
    pub fn soa(&self, serial: u64) -> Record {
        let primary = self.name_servers[0].clone();
        let mailbox = Name::from_ascii("hostmaster").and_then(|host| host.append_domain(&self.apex));
        let mailbox = mailbox.unwrap_or_else(|_| self.apex.clone());
        // Serial arithmetic is modulo 2^32 (RFC 1982); nobody transfers this zone.
        let soa = rdata::SOA::new(primary, mailbox, serial as u32, 3_600, 600, 86_400, NEGATIVE_TTL);
        Record::from_rdata(self.apex.clone(), NEGATIVE_TTL, RData::SOA(soa))
    }

    /// The NS records.
    pub fn ns(&self) -> impl Iterator<Item = Record> + '_ {
        let record = |name: &Name| Record::from_rdata(self.apex.clone(), APEX_TTL, RData::NS(rdata::NS(name.clone())));
        self.name_servers.iter().map(record)
    }
}

/// Reads a name as fully qualified.
fn parse(name: &str) -> Result<Name, ZoneError> {
    let mut parsed = Name::from_str(name).map_err(|source| ZoneError { name: name.to_owned(), source })?;
    parsed.set_fqdn(true);
    Ok(parsed)
}

/// All zones of a server.
#[derive(Clone, Debug, Default)]
pub struct Zones {
    by_apex: HashMap<Name, Zone>,
    /// Labels of the longest apex: a longer name is looked up from there.
    labels_max: usize,
}

impl Zones {
    /// These zones.
    pub fn new(zones: Vec<Zone>) -> Self {
        let labels_max = zones.iter().map(|zone| labels(&zone.apex)).max().unwrap_or(0);
        Self { by_apex: zones.into_iter().map(|zone| (zone.apex.clone(), zone)).collect(), labels_max }
    }

    /// The most specific zone that holds `name`.
    pub fn find(&self, name: &Name) -> Option<&Zone> {
        let longest = labels(name).min(self.labels_max);
        (0..=longest).rev().find_map(|labels| self.by_apex.get(&name.trim_to(labels)))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.by_apex.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.by_apex.is_empty()
    }
}

/// How many labels `name` has; unlike [`Name::num_labels`] it counts `*`.
fn labels(name: &Name) -> usize {
    name.iter().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_specific_zone_is_found_in_any_case() {
        let zone = |apex| Zone::new(apex, &[]).unwrap();
        let zones = Zones::new(vec![zone("acme.test"), zone("EU.acme.test."), zone("other.test")]);
        let found = |name: &str| {
            let zone = zones.find(&parse(name).unwrap());
            zone.map(|zone| zone.apex.to_string().to_ascii_lowercase())
        };
        for (name, apex) in [
            ("acme.test", Some("acme.test.")),
            ("a.b.c.d.ACME.test", Some("acme.test.")),
            ("*.eu.acme.test", Some("eu.acme.test.")),
            ("eu.Acme.Test", Some("eu.acme.test.")),
            ("xeu.acme.test", Some("acme.test.")),
            ("test", None),
            (".", None),
        ] {
            assert_eq!(found(name).as_deref(), apex, "{name}");
        }
        assert!(Zones::default().find(&Name::root()).is_none());
    }
}
