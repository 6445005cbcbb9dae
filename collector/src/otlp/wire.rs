//! The messages of OTLP 1.x, as protobuf and as JSON.
//!
//! Written down from the specification, and only what is read here. A `oneof` of messages is a row
//! of optional fields: the same bytes, and JSON without flattening.

pub(super) mod attributes;
pub(super) mod json;
pub(super) mod logs;
pub(super) mod metrics;
pub(super) mod response;
