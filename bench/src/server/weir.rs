//! Weir itself.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use anyhow::Context;

use super::{DATA, free_address};
use crate::binary;

/// Where a binary is that is not to be built: while a bench is developed.
const BINARY: &str = "WEIR_BIN";

/// The smallest estate: what is measured is the engine.
const ESTATE: &str = "\
providers: [{id: own, tier: S}]
sites: [{id: core, kind: idc, region: middle, provider: own}]
nodes:
  - {id: origin, site: core, role: origin, addresses: [192.0.2.1], port: 80, capacity: 1Gbps}
  - {id: edge, site: core, role: edge, addresses: [192.0.2.2], port: 80, capacity: 1Gbps}
links: [{id: inside, kind: backbone, from: edge, to: origin, provider: own, capacity: 1Gbps, latency: 1ms}]
customers: [{id: acme}]
domains: [{id: www.acme.test, customer: acme, latency_max: 80ms, ttl: 5s, origins: [origin], protocols: [dns]}]
client_groups: [{id: users, region: middle, isp: telco, prefixes: [10.1.0.0/16], latency: {core: 5ms}}]
";

/// The release: built, as `make release` does.
pub(crate) fn build() -> anyhow::Result<PathBuf> {
    match std::env::var_os(BINARY) {
        Some(named) => std::path::absolute(PathBuf::from(named)).context(BINARY),
        None => binary::build("release", "release"),
    }
}

/// What it is started with: defaults but for `more`, fsync before every acknowledgement among them. Its own host is not read, so that
/// rows counted are rows sent.
pub(super) fn arguments(folder: &Path, http: SocketAddr, more: &str) -> anyhow::Result<Vec<String>> {
    let (grpc, dns, redirect) = (free_address()?, free_address()?, free_address()?);
    let config = format!(
        "inventory: estate.yaml\ndata: {DATA}\nhost_every: 1h\nzones: [{{apex: acme.test}}]\n\
         listen: {{http: '{http}', grpc: '{grpc}', dns: '{dns}', redirect: '{redirect}'}}\n{more}"
    );
    std::fs::write(folder.join("estate.yaml"), ESTATE).context("writing an estate")?;
    std::fs::write(folder.join("weir.yaml"), config).context("writing a configuration")?;
    Ok(["run", "--config", "weir.yaml"].map(str::to_owned).to_vec())
}
