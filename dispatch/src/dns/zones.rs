//! The zones this server is authoritative for. Names outside them are refused.

use std::{
    collections::HashMap,
    net::{AddrParseError, IpAddr},
    str::FromStr,
};

use hickory_proto::rr::{Name, RData, Record, rdata};

/// Seconds that a name's absence, and SOA and NS records, may be kept: an hour, short enough for a
/// domain that is being set up.
const APEX_TTL: u32 = 3_600;
/// Seconds that negative answers may be kept (RFC 2308): as long as a short-lived answer, because
/// "no address of this family" changes with a failover.
const NEGATIVE_TTL: u32 = 5;

/// What is wrong with a zone of the configuration.
#[derive(Debug, thiserror::Error)]
pub enum ZoneError {
    /// A name that is none.
    #[error("`{name}` is no DNS name")]
    Name {
        /// As written.
        name: String,
        /// Why not.
        #[source]
        source: hickory_proto::ProtoError,
    },
    /// What follows a name server's name is no address.
    #[error("name server `{server}`: `{address}` is no IP address: write `ns1.example.com 192.0.2.53 2001:db8::53`")]
    Address {
        /// The name server.
        server: String,
        /// As written.
        address: String,
        /// Why not.
        #[source]
        source: AddrParseError,
    },
}

/// A name server of a zone.
#[derive(Clone, Debug)]
pub struct NameServer {
    /// Its name.
    pub name: Name,
    /// Its addresses: for a name inside the zone nobody else can say them.
    pub addresses: Vec<IpAddr>,
}

impl NameServer {
    /// Reads a name, and addresses after it: `ns1.example.com 192.0.2.53 2001:db8::53`.
    fn parse(text: &str) -> Result<Self, ZoneError> {
        let mut words = text.split_whitespace();
        let name = parse(words.next().unwrap_or_default())?;
        let address = |word: &str| {
            let error = |source| ZoneError::Address { server: name.to_string(), address: word.to_owned(), source };
            word.parse().map_err(error)
        };
        let addresses = words.map(address).collect::<Result<_, _>>()?;
        Ok(Self { name, addresses })
    }

    /// Its addresses as records of `name`, which is its own in the case that was asked for.
    pub fn records(&self, name: &Name) -> impl Iterator<Item = Record> + '_ {
        let name = name.clone();
        self.addresses.iter().map(move |address| {
            let data = match *address {
                IpAddr::V4(v4) => RData::A(v4.into()),
                IpAddr::V6(v6) => RData::AAAA(v6.into()),
            };
            Record::from_rdata(name.clone(), APEX_TTL, data)
        })
    }
}

/// A zone's apex and what is answered there.
#[derive(Clone, Debug)]
pub struct Zone {
    /// Its apex.
    pub apex: Name,
    /// Its name servers.
    pub name_servers: Vec<NameServer>,
}

impl Zone {
    /// The zone `apex`, served by `name_servers` (`ns1.<apex>` when none are given), each a name or,
    /// for one inside the zone, a name and its addresses: `ns1.example.com 192.0.2.53 2001:db8::53`.
    ///
    /// # Errors
    /// When one of the names or addresses is none.
    pub fn new(apex: &str, name_servers: &[String]) -> Result<Self, ZoneError> {
        let default = [format!("ns1.{apex}")];
        let servers = if name_servers.is_empty() { &default[..] } else { name_servers };
        let name_servers = servers.iter().map(|server| NameServer::parse(server)).collect::<Result<_, _>>()?;
        Ok(Self { apex: parse(apex)?, name_servers })
    }

    /// The SOA record; `serial` is the plan's generation.
    pub fn soa(&self, serial: u64) -> Record {
        let primary = self.name_servers[0].name.clone();
        let mailbox = Name::from_ascii("hostmaster").and_then(|host| host.append_domain(&self.apex));
        let mailbox = mailbox.unwrap_or_else(|_| self.apex.clone());
        // Serial arithmetic is modulo 2^32 (RFC 1982); nobody transfers this zone.
        let soa = rdata::SOA::new(primary, mailbox, serial as u32, 3_600, 600, 86_400, NEGATIVE_TTL);
        Record::from_rdata(self.apex.clone(), NEGATIVE_TTL, RData::SOA(soa))
    }

    /// The NS records.
    pub fn ns(&self) -> impl Iterator<Item = Record> + '_ {
        let data = |server: &NameServer| RData::NS(rdata::NS(server.name.clone()));
        self.name_servers.iter().map(move |server| Record::from_rdata(self.apex.clone(), APEX_TTL, data(server)))
    }

    /// The addresses of its name servers inside it, for beside the NS records (RFC 1034, section 4.3.2).
    pub fn glue(&self) -> impl Iterator<Item = Record> + '_ {
        self.inside().flat_map(|server| server.records(&server.name))
    }

    /// Its name server called `name`, when that is inside it.
    pub fn name_server(&self, name: &Name) -> Option<&NameServer> {
        self.inside().find(|server| server.name == *name)
    }

    /// Whether one of its name servers lies below `name`.
    pub fn is_above_a_server(&self, name: &Name) -> bool {
        self.inside().any(|server| name.zone_of(&server.name) && server.name != *name)
    }

    fn inside(&self) -> impl Iterator<Item = &NameServer> {
        self.name_servers.iter().filter(|server| self.apex.zone_of(&server.name))
    }
}

/// Reads a name as fully qualified.
fn parse(name: &str) -> Result<Name, ZoneError> {
    let mut parsed = Name::from_str(name).map_err(|source| ZoneError::Name { name: name.to_owned(), source })?;
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

    #[test]
    fn name_servers_may_have_addresses() {
        let zone = |server: &str| Zone::new("acme.test", &[server.to_owned()]);
        let addresses = zone("ns1.acme.test  192.0.2.53 2001:db8::53").unwrap().name_servers.remove(0).addresses;
        assert_eq!(addresses, ["192.0.2.53", "2001:db8::53"].map(|address| address.parse::<IpAddr>().unwrap()));
        assert!(zone("ns1.acme.test").unwrap().name_servers[0].addresses.is_empty());
        let error = zone("ns1.acme.test 192.0.2.533").unwrap_err().to_string();
        assert!(
            error.starts_with("name server `ns1.acme.test.`: `192.0.2.533` is no IP address: write `ns1"),
            "{error}"
        );
        let elsewhere = zone("ns1.other.test 192.0.2.53").unwrap();
        assert_eq!(elsewhere.glue().count(), 0, "the zone of another's names is not ours to answer");
    }
}
