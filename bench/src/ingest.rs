//! How much a server takes in for a CPU second: remote write against VictoriaMetrics and Prometheus, line protocol
//! against VictoriaMetrics. The same bodies, in the same order, to one server at a time; what a server puts off until
//! later counts until it rests.

mod line_protocol;
mod remote_write;

use crate::{outcome::Outcome, programs::Programs, scale::Scale};

/// Runs the bench.
pub(crate) fn run(scale: Scale) -> anyhow::Result<Outcome> {
    let programs = Programs::with_stores()?;
    let mut targets = remote_write::run(&programs, scale)?;
    targets.extend(line_protocol::run(&programs, scale)?);
    Ok(Outcome::new("ingest", targets))
}
