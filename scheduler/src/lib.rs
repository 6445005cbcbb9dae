//! The scheduler: what should serve whom, over which path, at what cost, and what to do at once
//! when something dies.
//!
//! Plan, check and execute are three things. [`planner`] makes plans from solved [`problem`]s,
//! [`failover`] derives plans from plans when something dies, [`check`] validates every plan
//! independently of how it was made, and [`controller`] decides when. None reads a clock, draws a
//! random number or waits.
#![forbid(unsafe_code)]

pub mod candidates;
pub mod check;
pub mod controller;
pub mod cost;
pub mod failover;
pub mod planner;
pub mod policy;
pub mod problem;
pub mod ramp;
pub mod routes;
pub mod rows;
pub mod solve;

#[cfg(test)]
mod fixture;
