//! The Simple Two-Way Active Measurement Protocol, unauthenticated mode (RFC 8762).
//!
//! The packets and the sender's bookkeeping are pure; `sender` and [`StampReflector`] own the
//! sockets.

pub(super) mod ntp;
pub(super) mod packet;
mod reflector;
pub(super) mod sender;
mod session;

pub use self::reflector::{Mode, StampReflector};
