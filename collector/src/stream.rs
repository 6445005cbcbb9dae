//! The telemetry stream between agents and the daemon: `weir.v1.Telemetry`.
//!
//! Rows travel as Arrow IPC in numbered batches that are acknowledged once they are durable.
//! What is not acknowledged is kept by the agent, in memory and then on disk, and sent again;
//! the store keeps one row per series and time, so a batch that comes twice changes nothing.
//! Changes of health do not wait for any of that.

mod ipc;
mod server;
mod spool;
mod uplink;

pub use ipc::{IpcError, decode, encode};
pub use server::{Heard, Telemetry, service};
pub use spool::{Spool, SpoolError};
pub use uplink::{Uplink, UplinkConfig, UplinkCounters, uplink};

/// The generated messages and services.
#[allow(missing_docs, unreachable_pub, clippy::all, clippy::clone_on_ref_ptr, reason = "generated")]
pub mod proto {
    tonic::include_proto!("weir.v1");
}

/// Longest message: a batch of 100,000 rows at 100 bytes, six times over.
pub const MESSAGE_BYTES_MAX: usize = 64 << 20;

#[cfg(test)]
mod tests;
