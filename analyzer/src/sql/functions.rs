//! The functions that are asked for where time series are read, beside DataFusion's own.
//!
//! Samples are rows with a `value` and a `time`. Functions of samples are aggregates over the samples of
//! *one* series: `GROUP BY` all its labels, and for a curve `time_bucket('5m', time)`. Rows whose value or
//! time is null are no samples.

use std::sync::Arc;

use datafusion::prelude::SessionContext;

mod buckets;
mod by_time;
mod counter;
mod date_bin;
mod delta;
mod deriv;
mod first;
mod histogram_quantile;
mod increase;
mod interpolate;
mod irate;
mod last;
mod locf;
mod percentile_bill;
mod rate;
mod sample;
mod sample_aggregate;
#[cfg(test)]
mod tests;
mod time_argument;
mod time_bucket;
mod width;

use sample_aggregate::of_samples;

/// Adds all functions to a session.
pub(super) fn register(context: &SessionContext) {
    // Before `time_bucket`, which becomes a call of it.
    context.register_udf(date_bin::date_bin());
    context.register_udf(time_bucket::time_bucket());
    context.register_udtf(buckets::NAME, Arc::new(buckets::Buckets));

    // Of counters.
    context.register_udaf(of_samples(increase::Increase));
    context.register_udaf(of_samples(rate::Rate));
    context.register_udaf(of_samples(irate::Irate));
    // Of gauges.
    context.register_udaf(of_samples(delta::Delta));
    context.register_udaf(of_samples(deriv::Deriv));
    context.register_udaf(last::last());
    context.register_udaf(first::first());

    context.register_udaf(histogram_quantile::histogram_quantile());
    context.register_udaf(percentile_bill::percentile_bill());

    context.register_udwf(locf::locf());
    context.register_udwf(interpolate::interpolate());
}
