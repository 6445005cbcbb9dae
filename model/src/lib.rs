//! The vocabulary of Weir: ids, units, the checked estate, observations, findings and plans,
//! and how a plan is read.
//!
//! Nothing here does I/O, reads a clock or draws a random number; every other room depends on
//! this one. Words mean what `DESIGN.md`'s vocabulary says they mean.
#![forbid(unsafe_code)]

pub mod amount;
pub mod contract;
pub mod date;
pub mod estate;
pub mod finding;
pub mod graph;
pub mod health;
pub mod id;
pub mod inventory;
pub mod money;
pub mod observation;
pub mod picker;
pub mod plan;
pub mod prefix;
pub mod time;
pub mod unit;
pub mod yaml;
