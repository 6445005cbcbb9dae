//! Native histograms, as both versions of remote write have them
//! (prometheus.io/docs/specs/native_histograms).
//!
//! They are stored as wide rows of the metric's own table ([`FIELDS`]), from which
//! [`NativeHistogram::of_row`] makes the same histogram again, bit for bit.

mod check;
mod columns;
mod decode;
mod list;

pub(super) use self::columns::HistogramRows;
pub use self::{check::HistogramProblem, columns::FIELDS};

/// A count of observations: whole in integer histograms, any float in float histograms.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Count {
    /// Of an integer histogram.
    Int(u64),
    /// Of a float histogram.
    Float(f64),
}

/// Neighbouring buckets that are not empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// From the end of the span before; of the first from bucket 0.
    pub offset: i32,
    /// How many buckets.
    pub length: u32,
}

/// The buckets on one side of zero.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Buckets {
    /// Which buckets.
    pub spans: Vec<Span>,
    /// Of an integer histogram: what each bucket has more than the one before.
    pub deltas: Vec<i64>,
    /// Of a float histogram: what each bucket has.
    pub counts: Vec<f64>,
}

/// A native histogram at one instant.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NativeHistogram {
    /// Milliseconds since the epoch.
    pub timestamp_ms: i64,
    /// Since when it counts, in milliseconds since the epoch; 0 when not known.
    pub start_time_ms: i64,
    /// How many observations.
    pub count: Option<Count>,
    /// Their sum; [`weir_model::observation::STALE_NAN_BITS`] where the series ends.
    pub sum: f64,
    /// How wide buckets are: each ends at 2^(2^-schema) times where the one before does; -53 when
    /// `custom_values` says.
    pub schema: i32,
    /// Observations no further from zero than this are in the zero bucket.
    pub zero_threshold: f64,
    /// How many these are.
    pub zero_count: Option<Count>,
    /// Buckets below zero.
    pub negative: Buckets,
    /// Buckets above zero, or all of them where `custom_values` says which.
    pub positive: Buckets,
    /// 0 not known, 1 the first after a reset, 2 no reset, 3 a gauge.
    pub reset_hint: i32,
    /// Upper bounds of buckets in schema -53.
    pub custom_values: Vec<f64>,
}
