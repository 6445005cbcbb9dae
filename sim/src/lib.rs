//! The simulator.
#![forbid(unsafe_code)]
/// The demo's estate.
pub const DEMO_ESTATE: &str = include_str!("../estates/demo.yaml");
