//! How much a server takes in for a CPU second: remote write against VictoriaMetrics and Prometheus, line protocol
//! against VictoriaMetrics. The same bodies, in the same order, to one server at a time; what a server puts off until
//! later counts until it rests.

mod line_protocol;
mod measure;
mod remote_write;

use std::{collections::BTreeMap, path::PathBuf};

use anyhow::Context;

use crate::{
    outcome::Outcome,
    peers,
    scale::Scale,
    server::{self, Kind},
};

/// Connections that send at the same time.
const SENDERS: usize = 8;

/// The programs that are compared.
#[derive(Debug)]
struct Programs {
    weir: PathBuf,
    peers: BTreeMap<String, PathBuf>,
}

impl Programs {
    fn of(&self, kind: Kind) -> anyhow::Result<PathBuf> {
        let name = match kind {
            Kind::Weir => return Ok(self.weir.clone()),
            Kind::VictoriaMetrics => "victoria-metrics",
            Kind::Prometheus => "prometheus",
        };
        self.peers.get(name).cloned().with_context(|| format!("bench/scripts/peers brings no {name}"))
    }
}

/// Runs the bench.
pub(crate) fn run(scale: Scale) -> anyhow::Result<Outcome> {
    let programs = Programs { weir: server::build()?, peers: peers::programs("stores")? };
    let mut targets = remote_write::run(&programs, scale)?;
    targets.extend(line_protocol::run(&programs, scale)?);
    Ok(Outcome::new("ingest", targets))
}
