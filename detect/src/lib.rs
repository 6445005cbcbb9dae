//! Detection: what observations say about the estate's health, now and soon.
//!
//! | module | question | runs in |
//! |---|---|---|
//! | [`health`] | does this target answer this vantage? | `weir agent`, per (vantage, target) |
//! | [`quorum`] | what do the vantages together say of a target? | the controller |
//! | [`root_cause`] | which few faults explain all that is down? | the controller, beside a finding |
//! | [`anomaly`] | does this value leave its usual band? | the slow loop |
//! | [`forecast`] | how much demand is coming? | the slow loop |
//!
//! Nothing here reads a clock, does I/O or draws a random number: time is an argument, and equal
//! inputs give equal outputs, bit for bit.
#![forbid(unsafe_code)]

pub mod anomaly;
pub mod forecast;
pub mod health;
pub mod quorum;
pub mod root_cause;
pub mod season;
pub mod series;

mod linear_fit;
mod order_statistics;
