//! OTLP 1.x (opentelemetry.io/docs/specs/otlp), the receiving side: metrics and logs of
//! OpenTelemetry's SDKs and collectors, over gRPC and over HTTP, in protobuf and in JSON.
//!
//! ## What becomes of metrics
//!
//! Names are kept exactly, without the suffixes for units and `_total` that Prometheus's own OTLP
//! receiver adds: the counter `http.server.requests` is the table `metrics."http.server.requests"`.
//!
//! | metric | tables |
//! |---|---|
//! | gauge, sum | `<name>`, one sample a data point; integers beyond 2^53 are rounded |
//! | histogram | `<name>_bucket` with the label `le`, `<name>_sum`, `<name>_count`, as Prometheus has them; minimum and maximum are left out |
//! | exponential histogram | `<name>`, one row a data point, its buckets as text: lossless, see `metrics/exponential.rs` |
//! | summary | `<name>` with the label `quantile`, `<name>_sum`, `<name>_count` |
//!
//! Sums and histograms of delta temporality are added up, so that what is stored is cumulative and
//! `rate` and `increase` work on it; what came before a restart of this process is a counter that
//! was reset. Whoever has the choice sends cumulative ones. Exponential histograms are kept as sent,
//! with a `reset_hint` that says which they are. A data point with the flag "no recorded value" ends its
//! series with Prometheus's staleness marker. Units, descriptions, start times of cumulative series
//! and exemplars are left out, exemplars are counted.
//!
//! Labels are the attributes of resource, scope and data point under their own names, and
//! `otel_scope_name` and `otel_scope_version`; where a name is there twice, the data point's counts
//! before the scope's, and the scope's before the resource's. Values that are no text are written as
//! JSON, bytes in base64. `time` and `value` become `label_time` and `label_value`.
//!
//! ## What becomes of logs
//!
//! Records are rows of `metrics.logs`: attributes of resource and scope, and `severity_text`, are
//! labels; `body`, `severity_number`, `trace_id`, `span_id`, `attributes` and `event_name` are fields.
//! A record whose labels and nanosecond another one has already is moved to the next free nanosecond,
//! so that both are kept and in order; a request that is sent again replaces itself.

mod accumulate;
mod body;
mod fields;
mod gathered;
mod grpc;
mod http;
mod labels;
mod limits;
mod log_times;
mod logs;
mod metrics;
mod problem;
mod receiver;
mod refusal;
mod series;
mod wire;

pub use self::{
    grpc::{LogsService, MetricsService},
    http::router,
    receiver::Receiver,
};
use self::{
    limits::Limits,
    problem::{DecodeError, Problem, Unread},
};

#[cfg(test)]
mod tests;
