//! The rule language: alerts, guards and (later) playbooks as data: parse, check, and evaluate on
//! results that somebody else computed. No I/O, no clock, no SQL engine.
#![forbid(unsafe_code)]

pub mod guard;
