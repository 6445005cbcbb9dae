//! `opentelemetry.proto.metrics.v1`. Attributes of data points stay encoded: they are looked at only
//! where their series is not known.

use bytes::Bytes;
use serde::Deserialize;

use super::{
    attributes::{InstrumentationScope, Resource, encoded},
    json::{counted, nullable, number, numbers, optional_number},
};

/// Field of `ExportMetricsServiceRequest` and of `ResourceMetrics` and `ScopeMetrics` below it:
/// what they are of is field 1, and what they hold field 2, but for the request.
pub(crate) const REQUEST_ITEMS: u32 = 1;
/// The resource, or the scope.
pub(crate) const HEAD: u32 = 1;
/// What it has.
pub(crate) const ITEMS: u32 = 2;
/// Data points of every kind of metric.
pub(crate) const DATA_POINTS: u32 = 1;

/// The fields of `Metric.data`.
pub(crate) const GAUGE: u32 = 5;
pub(crate) const SUM: u32 = 7;
pub(crate) const HISTOGRAM: u32 = 9;
pub(crate) const EXPONENTIAL_HISTOGRAM: u32 = 10;
pub(crate) const SUMMARY: u32 = 11;

/// Bit of a data point's flags: it has no value, on purpose.
pub(crate) const NO_RECORDED_VALUE: u32 = 1;

/// Of a metric what is not data.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct MetricHead {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
}

/// Of a metric's data what is not data points.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(crate) struct DataHead {
    /// 1 is delta, 2 cumulative.
    #[prost(int32, tag = "2")]
    pub(crate) aggregation_temporality: i32,
}

/// A request, whole: JSON is read into it.
#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct MetricsRequest {
    #[prost(message, repeated, tag = "1")]
    #[serde(deserialize_with = "nullable")]
    pub(crate) resource_metrics: Vec<ResourceMetrics>,
}

#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct ResourceMetrics {
    #[prost(message, optional, tag = "1")]
    pub(crate) resource: Option<Resource>,
    #[prost(message, repeated, tag = "2")]
    #[serde(deserialize_with = "nullable")]
    pub(crate) scope_metrics: Vec<ScopeMetrics>,
}

#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct ScopeMetrics {
    #[prost(message, optional, tag = "1")]
    pub(crate) scope: Option<InstrumentationScope>,
    #[prost(message, repeated, tag = "2")]
    #[serde(deserialize_with = "nullable")]
    pub(crate) metrics: Vec<Metric>,
}

#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Metric {
    #[prost(string, tag = "1")]
    #[serde(deserialize_with = "nullable")]
    pub(crate) name: String,
    #[prost(message, optional, tag = "5")]
    pub(crate) gauge: Option<Numbers>,
    #[prost(message, optional, tag = "7")]
    pub(crate) sum: Option<Numbers>,
    #[prost(message, optional, tag = "9")]
    pub(crate) histogram: Option<Histogram>,
    #[prost(message, optional, tag = "10")]
    pub(crate) exponential_histogram: Option<ExponentialHistogram>,
    #[prost(message, optional, tag = "11")]
    pub(crate) summary: Option<Summary>,
}

/// A gauge, which has no temporality, or a sum.
#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Numbers {
    #[prost(message, repeated, tag = "1")]
    #[serde(deserialize_with = "nullable")]
    pub(crate) data_points: Vec<NumberDataPoint>,
    #[prost(int32, tag = "2")]
    #[serde(deserialize_with = "number")]
    pub(crate) aggregation_temporality: i32,
    #[prost(bool, tag = "3")]
    #[serde(deserialize_with = "nullable")]
    pub(crate) is_monotonic: bool,
}

#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Histogram {
    #[prost(message, repeated, tag = "1")]
    #[serde(deserialize_with = "nullable")]
    pub(crate) data_points: Vec<HistogramDataPoint>,
    #[prost(int32, tag = "2")]
    #[serde(deserialize_with = "number")]
    pub(crate) aggregation_temporality: i32,
}

#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct ExponentialHistogram {
    #[prost(message, repeated, tag = "1")]
    #[serde(deserialize_with = "nullable")]
    pub(crate) data_points: Vec<ExponentialDataPoint>,
    #[prost(int32, tag = "2")]
    #[serde(deserialize_with = "number")]
    pub(crate) aggregation_temporality: i32,
}

#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Summary {
    #[prost(message, repeated, tag = "1")]
    #[serde(deserialize_with = "nullable")]
    pub(crate) data_points: Vec<SummaryDataPoint>,
}

#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct NumberDataPoint {
    #[prost(bytes = "bytes", repeated, tag = "7")]
    #[serde(deserialize_with = "encoded")]
    pub(crate) attributes: Vec<Bytes>,
    #[prost(fixed64, tag = "2")]
    #[serde(deserialize_with = "number")]
    pub(crate) start_time_unix_nano: u64,
    #[prost(fixed64, tag = "3")]
    #[serde(deserialize_with = "number")]
    pub(crate) time_unix_nano: u64,
    #[prost(double, optional, tag = "4")]
    #[serde(deserialize_with = "optional_number")]
    pub(crate) as_double: Option<f64>,
    #[prost(sfixed64, optional, tag = "6")]
    #[serde(deserialize_with = "optional_number")]
    pub(crate) as_int: Option<i64>,
    #[prost(bytes = "bytes", repeated, tag = "5")]
    #[serde(deserialize_with = "counted")]
    pub(crate) exemplars: Vec<Bytes>,
    #[prost(uint32, tag = "8")]
    #[serde(deserialize_with = "number")]
    pub(crate) flags: u32,
}

#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct HistogramDataPoint {
    #[prost(bytes = "bytes", repeated, tag = "9")]
    #[serde(deserialize_with = "encoded")]
    pub(crate) attributes: Vec<Bytes>,
    #[prost(fixed64, tag = "2")]
    #[serde(deserialize_with = "number")]
    pub(crate) start_time_unix_nano: u64,
    #[prost(fixed64, tag = "3")]
    #[serde(deserialize_with = "number")]
    pub(crate) time_unix_nano: u64,
    #[prost(fixed64, tag = "4")]
    #[serde(deserialize_with = "number")]
    pub(crate) count: u64,
    #[prost(double, optional, tag = "5")]
    #[serde(deserialize_with = "optional_number")]
    pub(crate) sum: Option<f64>,
    #[prost(fixed64, repeated, tag = "6")]
    #[serde(deserialize_with = "numbers")]
    pub(crate) bucket_counts: Vec<u64>,
    #[prost(double, repeated, tag = "7")]
    #[serde(deserialize_with = "numbers")]
    pub(crate) explicit_bounds: Vec<f64>,
    #[prost(bytes = "bytes", repeated, tag = "8")]
    #[serde(deserialize_with = "counted")]
    pub(crate) exemplars: Vec<Bytes>,
    #[prost(uint32, tag = "10")]
    #[serde(deserialize_with = "number")]
    pub(crate) flags: u32,
}

#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct ExponentialDataPoint {
    #[prost(bytes = "bytes", repeated, tag = "1")]
    #[serde(deserialize_with = "encoded")]
    pub(crate) attributes: Vec<Bytes>,
    #[prost(fixed64, tag = "2")]
    #[serde(deserialize_with = "number")]
    pub(crate) start_time_unix_nano: u64,
    #[prost(fixed64, tag = "3")]
    #[serde(deserialize_with = "number")]
    pub(crate) time_unix_nano: u64,
    #[prost(fixed64, tag = "4")]
    #[serde(deserialize_with = "number")]
    pub(crate) count: u64,
    #[prost(double, optional, tag = "5")]
    #[serde(deserialize_with = "optional_number")]
    pub(crate) sum: Option<f64>,
    #[prost(sint32, tag = "6")]
    #[serde(deserialize_with = "number")]
    pub(crate) scale: i32,
    #[prost(fixed64, tag = "7")]
    #[serde(deserialize_with = "number")]
    pub(crate) zero_count: u64,
    #[prost(message, optional, tag = "8")]
    pub(crate) positive: Option<Buckets>,
    #[prost(message, optional, tag = "9")]
    pub(crate) negative: Option<Buckets>,
    #[prost(uint32, tag = "10")]
    #[serde(deserialize_with = "number")]
    pub(crate) flags: u32,
    #[prost(bytes = "bytes", repeated, tag = "11")]
    #[serde(deserialize_with = "counted")]
    pub(crate) exemplars: Vec<Bytes>,
    #[prost(double, optional, tag = "12")]
    #[serde(deserialize_with = "optional_number")]
    pub(crate) min: Option<f64>,
    #[prost(double, optional, tag = "13")]
    #[serde(deserialize_with = "optional_number")]
    pub(crate) max: Option<f64>,
    #[prost(double, tag = "14")]
    #[serde(deserialize_with = "number")]
    pub(crate) zero_threshold: f64,
}

/// Adjacent buckets from `offset` on: bucket `i` holds values in (b^(offset+i), b^(offset+i+1)].
#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Buckets {
    #[prost(sint32, tag = "1")]
    #[serde(deserialize_with = "number")]
    pub(crate) offset: i32,
    #[prost(uint64, repeated, tag = "2")]
    #[serde(deserialize_with = "numbers")]
    pub(crate) bucket_counts: Vec<u64>,
}

#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct SummaryDataPoint {
    #[prost(bytes = "bytes", repeated, tag = "7")]
    #[serde(deserialize_with = "encoded")]
    pub(crate) attributes: Vec<Bytes>,
    #[prost(fixed64, tag = "3")]
    #[serde(deserialize_with = "number")]
    pub(crate) time_unix_nano: u64,
    #[prost(fixed64, tag = "4")]
    #[serde(deserialize_with = "number")]
    pub(crate) count: u64,
    #[prost(double, tag = "5")]
    #[serde(deserialize_with = "number")]
    pub(crate) sum: f64,
    #[prost(message, repeated, tag = "6")]
    #[serde(deserialize_with = "nullable")]
    pub(crate) quantile_values: Vec<ValueAtQuantile>,
    #[prost(uint32, tag = "8")]
    #[serde(deserialize_with = "number")]
    pub(crate) flags: u32,
}

#[derive(Clone, Copy, PartialEq, prost::Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct ValueAtQuantile {
    #[prost(double, tag = "1")]
    #[serde(deserialize_with = "number")]
    pub(crate) quantile: f64,
    #[prost(double, tag = "2")]
    #[serde(deserialize_with = "number")]
    pub(crate) value: f64,
}
