//! Authoritative DNS: answers from the plan in force, over UDP and TCP, v4 and v6.

mod answer;
mod client_subnet;
mod server;
mod zones;

pub use answer::{Transport, respond};
pub use server::{DnsCounters, DnsServer};
pub use zones::{NameServer, Zone, ZoneError, Zones};
