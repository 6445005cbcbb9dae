//! The servers' programs.

use std::{collections::BTreeMap, path::PathBuf};

use anyhow::Context;

use crate::{
    peers,
    server::{self, Kind},
};

/// Weir, just built, and its peers.
#[derive(Debug)]
pub(crate) struct Programs {
    weir: PathBuf,
    peers: BTreeMap<String, PathBuf>,
}

impl Programs {
    /// Builds ours and brings the peers.
    pub(crate) fn with_stores() -> anyhow::Result<Self> {
        Ok(Self { weir: server::build()?, peers: peers::programs("stores")? })
    }

    /// The program of a server.
    pub(crate) fn of(&self, kind: Kind) -> anyhow::Result<PathBuf> {
        let name = match kind {
            Kind::Weir => return Ok(self.weir.clone()),
            Kind::VictoriaMetrics => "victoria-metrics",
            Kind::Prometheus => "prometheus",
        };
        self.peers.get(name).cloned().with_context(|| format!("bench/scripts/peers brings no {name}"))
    }
}
