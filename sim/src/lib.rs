//! The simulator: a virtual world that drives the real scheduler, detection and billing.
//!
//! [`scenario::Scenario::read`] reads what is to happen, [`run::run`] lets it happen, and the
//! [`outcome::Outcome`] says what it cost and what broke. Real are the controller with its solver
//! and checker, the health machines, the quorum, the picker that turns plans into answers, and the
//! ledgers. Virtual are the clock, the traffic, the resolver caches, the nodes and the probes.
//!
//! Traffic is a fluid: rates hold for a step (5 minutes), and what happens inside a step, a fault,
//! an answer that changes, a cache that has turned over, splits it where it happens
//! (`traffic.rs`). Health is probed probe by probe, but only while something about a node may
//! change (`probing.rs`): a month of steady answers says nothing that one answer does not.
//!
//! Equal scenarios and seeds give equal results, byte for byte, in debug and in release: no clock,
//! no thread, no hash order, `libm` for what the standard library leaves to the platform, and
//! randomness as a tree of names (`seed.rs`).
//!
//! Absent on purpose: the capacity of links, mids and origins; probes of links; executors and
//! vantages that fail; what power contracts and servers by the hour measure.
#![forbid(unsafe_code)]

mod accounts;
mod backhaul;
mod caches;
mod control;
pub mod demand;
pub mod estates;
mod fault_log;
pub mod outcome;
mod probing;
pub mod run;
pub mod scenario;
mod seed;
mod tally;
mod traffic;

/// The inventory of the demo's estate, which the daemon's demo and the shipped scenarios share.
pub const DEMO_ESTATE: &str = include_str!("../estates/demo.yaml");
