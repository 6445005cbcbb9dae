//! From `ExportMetricsServiceRequest` to rows.

use std::sync::Arc;

use bytes::Bytes;
use prost::Message;
use weir_model::{observation::TableName, time::UnixNanos};

use self::temporality::Temporality;
use super::{
    DecodeError, Limits, Problem, Unread, fields,
    gathered::{Decoded, Gathered},
    labels::Precedence,
    limits::NAME_BYTES_MAX,
    series::Naming,
    wire::{
        attributes::{InstrumentationScope, Resource},
        metrics::{
            DATA_POINTS, DataHead, EXPONENTIAL_HISTOGRAM, GAUGE, HEAD, HISTOGRAM, ITEMS, MetricHead, REQUEST_ITEMS,
            SUM, SUMMARY,
        },
    },
};
use crate::series_cache::{Dialect, SeriesCache};

mod exponential;
pub(super) mod histogram;
mod number;
mod summary;
mod temporality;

/// Decodes a request. What is wrong with single data points is in [`Decoded::rejected`].
///
/// # Errors
/// When the message is malformed or over a limit; nothing of it is to be written then.
pub(super) fn decode(
    message: &Bytes,
    now: UnixNanos,
    cache: &SeriesCache,
    limits: &Limits,
) -> Result<Decoded, DecodeError> {
    let mut gathered = Gathered::new(now, *limits);
    for resource_metrics in fields::of(message, REQUEST_ITEMS) {
        let resource_metrics = resource_metrics?;
        let resource = fields::only::<Resource>(&resource_metrics, HEAD, limits.part_bytes)?;
        let resource_key = key_of(cache, 0, &resource);
        let resource = resource.and_then(Precedence::of_resource);
        for scope_metrics in fields::of(&resource_metrics, ITEMS) {
            let scope_metrics = scope_metrics?;
            let scope = fields::only::<InstrumentationScope>(&scope_metrics, HEAD, limits.part_bytes)?;
            let outer_key = key_of(cache, resource_key, &scope);
            let outer = resource.clone().and_then(|resource| resource.and_scope(scope?));
            for metric in fields::of(&scope_metrics, ITEMS) {
                read_metric(&mut gathered, cache, (outer_key, &outer), &metric?)?;
            }
        }
    }
    Ok(gathered.finish())
}

/// A key of `part` in what `outer` is the key of. Nothing is looked up by that of a part that is malformed.
fn key_of(cache: &SeriesCache, outer: u128, part: &Result<impl Message, Problem>) -> u128 {
    let mut key = cache.key(Dialect::Otlp);
    key.write(&outer.to_le_bytes());
    key.write(&part.as_ref().map(Message::encode_to_vec).unwrap_or_default());
    key.finish()
}

/// What data points of a metric share.
struct Metric<'a> {
    cache: &'a SeriesCache,
    naming: Naming<'a>,
    temporality: Temporality,
}

/// How a data point is read: into samples or rows, or why it is left out.
type ReadPoint = fn(&mut Gathered, &Metric<'_>, Bytes) -> Result<(), Unread>;

/// Every kind of metric: its field in `Metric`, and how its data points are read.
const KINDS: [(u32, ReadPoint); 5] = [
    (GAUGE, number::read_gauge),
    (SUM, number::read_sum),
    (HISTOGRAM, histogram::read),
    (EXPONENTIAL_HISTOGRAM, exponential::read),
    (SUMMARY, summary::read),
];

fn read_metric(
    gathered: &mut Gathered,
    cache: &SeriesCache,
    (outer_key, outer): (u128, &Result<Precedence, Problem>),
    metric: &Bytes,
) -> Result<(), DecodeError> {
    let name: Result<Arc<str>, Problem> = match MetricHead::decode(metric.clone()) {
        Err(malformed) => Err(malformed.into()),
        Ok(head) if head.name.is_empty() => Err(Problem::NoName),
        Ok(head) if head.name.len() > NAME_BYTES_MAX => Err(Problem::NameTooLong),
        Ok(head) => Ok(head.name.into()),
    };
    let (name, outer) = match name {
        Ok(name) => (name, outer.as_ref().map_err(Clone::clone)),
        Err(problem) => ("".into(), Err(problem)),
    };
    let naming = Naming::new(cache, outer_key, TableName::metric(name), outer);
    let mut shared = Metric { cache, naming, temporality: Temporality::None };
    for (kind, read) in KINDS {
        for data in fields::of(metric, kind) {
            let data = data?;
            shared.temporality = Temporality::of(DataHead::decode(data.clone())?.aggregation_temporality);
            for point in fields::of(&data, DATA_POINTS) {
                let point = point?;
                gathered.count_item()?;
                let checked = gathered.check_size(&point).map_err(Unread::Item);
                match checked.and_then(|()| read(gathered, &shared, point)) {
                    Ok(()) => {}
                    Err(Unread::Item(problem)) => gathered.reject(shared.naming.name(), problem),
                    Err(Unread::Request(error)) => return Err(error),
                }
            }
        }
    }
    Ok(())
}
