//! `opentelemetry.proto.logs.v1`.

use bytes::Bytes;
use serde::Deserialize;

use super::{
    attributes::{AnyValue, InstrumentationScope, KeyValue, Resource},
    json::{hex, nullable, number},
};

/// A request, whole: JSON is read into it.
#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct LogsRequest {
    #[prost(message, repeated, tag = "1")]
    #[serde(deserialize_with = "nullable")]
    pub(crate) resource_logs: Vec<ResourceLogs>,
}

#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct ResourceLogs {
    #[prost(message, optional, tag = "1")]
    pub(crate) resource: Option<Resource>,
    #[prost(message, repeated, tag = "2")]
    #[serde(deserialize_with = "nullable")]
    pub(crate) scope_logs: Vec<ScopeLogs>,
}

#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct ScopeLogs {
    #[prost(message, optional, tag = "1")]
    pub(crate) scope: Option<InstrumentationScope>,
    #[prost(message, repeated, tag = "2")]
    #[serde(deserialize_with = "nullable")]
    pub(crate) log_records: Vec<LogRecord>,
}

#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct LogRecord {
    #[prost(fixed64, tag = "1")]
    #[serde(deserialize_with = "number")]
    pub(crate) time_unix_nano: u64,
    #[prost(fixed64, tag = "11")]
    #[serde(deserialize_with = "number")]
    pub(crate) observed_time_unix_nano: u64,
    #[prost(int32, tag = "2")]
    #[serde(deserialize_with = "number")]
    pub(crate) severity_number: i32,
    #[prost(string, tag = "3")]
    #[serde(deserialize_with = "nullable")]
    pub(crate) severity_text: String,
    #[prost(message, optional, tag = "5")]
    pub(crate) body: Option<AnyValue>,
    #[prost(message, repeated, tag = "6")]
    #[serde(deserialize_with = "nullable")]
    pub(crate) attributes: Vec<KeyValue>,
    #[prost(bytes = "bytes", tag = "9")]
    #[serde(deserialize_with = "hex")]
    pub(crate) trace_id: Bytes,
    #[prost(bytes = "bytes", tag = "10")]
    #[serde(deserialize_with = "hex")]
    pub(crate) span_id: Bytes,
    #[prost(string, tag = "12")]
    #[serde(deserialize_with = "nullable")]
    pub(crate) event_name: String,
}
