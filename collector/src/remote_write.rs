//! Prometheus remote write 1.0, the receiving side
//! (prometheus.io/docs/specs/prw/remote_write_spec): what Prometheus, Grafana Alloy, the
//! OpenTelemetry collector, Vector and others push.
//!
//! [`decode()`] is pure; [`router`] serves it.

mod decode;
mod limits;
mod server;
mod wire;

pub use self::{
    decode::{DecodeError, Decoded, FUTURE_MAX, SeriesProblem, decode},
    limits::Limits,
    server::router,
};

#[cfg(test)]
mod tests;
