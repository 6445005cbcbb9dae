//! Prometheus remote write 1.0 and 2.0, the receiving side
//! (prometheus.io/docs/specs/prw/remote_write_spec, .../remote_write_spec_2_0): what Prometheus, Grafana Alloy, vmagent,
//! the OpenTelemetry collector, Vector and others push.
//!
//! [`Decoder`] is without I/O; [`router`] serves it. Where things go:
//!
//! - samples: `metrics.<name>`;
//! - native histograms: wide rows of the same table ([`histogram::FIELDS`]);
//! - exemplars: `metrics.exemplars` (fields `value`, `trace_id`, `labels`);
//! - type, help and unit of a metric: `metrics.metadata`, when they are first seen;
//! - start times of counters: `metrics.start_times`, when they are first seen.

mod decoder;
mod error;
mod exemplar;
mod gathered;
pub mod histogram;
mod labels;
mod limits;
mod metadata;
mod news;
mod rejections;
mod server;
mod start_time;
mod version1;
mod version2;
mod wide;
mod wire;

pub use self::{
    decoder::{Counts, Decoded, Decoder, FUTURE_MAX, Version},
    error::{DecodeError, SeriesProblem},
    limits::Limits,
    rejections::{Reason, Rejections},
    server::router,
};

#[cfg(test)]
mod tests;
