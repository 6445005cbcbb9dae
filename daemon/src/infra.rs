//! Schema `infra` of SQL: the inventory as tables.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, BooleanArray, Decimal128Array, Float64Array, Int64Array, StringArray},
    record_batch::RecordBatch,
};
use datafusion::{catalog::TableProvider, datasource::MemTable, error::DataFusionError};
use rust_decimal::prelude::ToPrimitive;
use weir_model::{amount::Amount, estate::Estate};

/// A table and its name.
type Named = (&'static str, Arc<dyn TableProvider>);

/// Every table of the schema, with its name.
pub(crate) fn tables(estate: &Estate) -> Result<Vec<Named>, DataFusionError> {
    let batches = [
        ("providers", providers(estate)?),
        ("sites", sites(estate)?),
        ("nodes", nodes(estate)?),
        ("links", links(estate)?),
        ("contracts", contracts(estate)?),
        ("customers", table([("id", text(estate.customers.iter().map(|row| row.id.as_str())))])?),
        ("domains", domains(estate)?),
        ("client_groups", client_groups(estate)?),
    ];
    batches.into_iter().map(|(name, batch)| Ok((name, memory(batch)?))).collect()
}

/// A batch as a table.
pub(crate) fn memory(batch: RecordBatch) -> Result<Arc<dyn TableProvider>, DataFusionError> {
    Ok(Arc::new(MemTable::try_new(batch.schema(), vec![vec![batch]])?))
}

/// Columns as a batch.
pub(crate) fn table<const N: usize>(columns: [(&str, ArrayRef); N]) -> Result<RecordBatch, DataFusionError> {
    Ok(RecordBatch::try_from_iter(columns)?)
}

/// A column of text.
pub(crate) fn text<T: AsRef<str>>(values: impl Iterator<Item = T>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values))
}

/// A column of floats.
pub(crate) fn floats(values: impl Iterator<Item = Option<f64>>) -> ArrayRef {
    Arc::new(values.collect::<Float64Array>())
}

/// A column of amounts of money.
pub(crate) fn amounts(values: impl Iterator<Item = Option<Amount>>) -> Result<ArrayRef, DataFusionError> {
    let billionths: Decimal128Array = values.map(|amount| amount.map(Amount::billionths)).collect();
    Ok(Arc::new(billionths.with_precision_and_scale(Amount::DIGITS, Amount::PLACES as i8)?))
}

fn providers(estate: &Estate) -> Result<RecordBatch, DataFusionError> {
    let rows = || estate.providers.iter();
    table([
        ("id", text(rows().map(|row| row.id.as_str()))),
        ("tier", text(rows().map(|row| row.tier.as_str()))),
        ("restricted", Arc::new(rows().map(|row| Some(row.restricted)).collect::<BooleanArray>())),
    ])
}

fn sites(estate: &Estate) -> Result<RecordBatch, DataFusionError> {
    let rows = || estate.sites.iter();
    let contract =
        |row: &weir_model::estate::Site| row.contract.map_or("", |ord| estate.contracts[ord.index()].id.as_str());
    table([
        ("id", text(rows().map(|row| row.id.as_str()))),
        ("kind", text(rows().map(|row| row.kind.as_str()))),
        ("ownership", text(rows().map(|row| row.ownership.as_str()))),
        ("region", text(rows().map(|row| row.region.as_str()))),
        ("provider", text(rows().map(|row| estate.providers[row.provider.index()].id.as_str()))),
        ("contract", text(rows().map(contract))),
        ("residency", text(rows().map(|row| row.residency.as_deref().unwrap_or("")))),
        ("pue", floats(rows().map(|row| Some(row.pue)))),
        ("power_price", amounts(rows().map(|row| row.power_price.and_then(Amount::of)))?),
    ])
}

fn nodes(estate: &Estate) -> Result<RecordBatch, DataFusionError> {
    let rows = || estate.nodes.iter();
    let addresses =
        |row: &weir_model::estate::Node| row.addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    table([
        ("id", text(rows().map(|row| row.id.as_str()))),
        ("site", text(rows().map(|row| estate.sites[row.site.index()].id.as_str()))),
        ("role", text(rows().map(|row| row.role.as_str()))),
        ("addresses", text(rows().map(addresses))),
        ("port", Arc::new(rows().map(|row| Some(i64::from(row.port))).collect::<Int64Array>())),
        ("capacity_bps", floats(rows().map(|row| Some(row.capacity.0)))),
    ])
}

fn links(estate: &Estate) -> Result<RecordBatch, DataFusionError> {
    let rows = || estate.links.iter();
    let contract =
        |row: &weir_model::estate::Link| row.contract.map_or("", |ord| estate.contracts[ord.index()].id.as_str());
    table([
        ("id", text(rows().map(|row| row.id.as_str()))),
        ("kind", text(rows().map(|row| row.kind.as_str()))),
        ("from_node", text(rows().map(|row| estate.nodes[row.from.index()].id.as_str()))),
        ("to_node", text(rows().map(|row| estate.nodes[row.to.index()].id.as_str()))),
        ("provider", text(rows().map(|row| estate.providers[row.provider.index()].id.as_str()))),
        ("contract", text(rows().map(contract))),
        ("capacity_bps", floats(rows().map(|row| Some(row.capacity.0)))),
        ("latency_ms", floats(rows().map(|row| Some(row.latency.0)))),
    ])
}

fn contracts(estate: &Estate) -> Result<RecordBatch, DataFusionError> {
    let rows = || estate.contracts.iter();
    let commit = |row: &weir_model::contract::Contract| row.billing.rates()?.commit.to_f64();
    table([
        ("id", text(rows().map(|row| row.id.as_str()))),
        ("kind", text(rows().map(|row| row.billing.kind()))),
        ("currency", text(rows().map(|row| row.currency.to_string()))),
        ("time_zone", text(rows().map(|row| row.time_zone.as_str()))),
        ("commit", floats(rows().map(commit))),
        ("notice_days", Arc::new(rows().map(|row| Some(i64::from(row.notice_days))).collect::<Int64Array>())),
    ])
}

fn domains(estate: &Estate) -> Result<RecordBatch, DataFusionError> {
    let rows = || estate.domains.iter();
    table([
        ("id", text(rows().map(|row| row.id.as_str()))),
        ("customer", text(rows().map(|row| estate.customers[row.customer.index()].id.as_str()))),
        ("residency", text(rows().map(|row| row.residency.join(" ")))),
        ("latency_max_ms", floats(rows().map(|row| Some(row.latency_max.0)))),
        ("ttl_s", floats(rows().map(|row| Some(row.ttl.as_secs_f64())))),
        ("slo", floats(rows().map(|row| Some(row.slo)))),
        ("site_share_max", floats(rows().map(|row| Some(row.site_share_max)))),
        ("priority", Arc::new(rows().map(|row| Some(i64::from(row.priority))).collect::<Int64Array>())),
    ])
}

fn client_groups(estate: &Estate) -> Result<RecordBatch, DataFusionError> {
    let rows = || estate.groups.iter();
    table([
        ("id", text(rows().map(|row| row.id.as_str()))),
        ("region", text(rows().map(|row| row.region.as_str()))),
        ("isp", text(rows().map(|row| row.isp.as_str()))),
        ("prefixes", Arc::new(rows().map(|row| Some(row.prefixes.len() as i64)).collect::<Int64Array>())),
    ])
}
