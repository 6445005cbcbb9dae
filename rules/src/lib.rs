//! The rule language: alerts, guards and (later) playbooks as data: parse, check, and evaluate on
//! results that somebody else computed. No I/O, no clock, no SQL engine.
#![forbid(unsafe_code)]

pub mod alert;
pub mod guard;
mod pack;
mod rfc3339;
pub mod testing;

pub use pack::{PACK_TESTS, PACKS};
