//! Forecasts on schedule: SQL in, histories into `weir-detect`, rows of `metrics.forecast` out.

use tokio::{
    task::block_in_place,
    time::{MissedTickBehavior, interval},
};
use weir_collector::clock;
use weir_detect::forecast::{Ahead, outlook};
use weir_model::{
    observation::{Labels, Row, Rows, TableName, merge},
    time::{UnixNanos, Written},
};

use crate::{config::ForecastSearch, records::Records, result_rows, store::Store};

/// Forecasts on the schedule of `search`.
pub(crate) async fn follow(store: Store, records: Records, search: ForecastSearch) {
    let mut ticks = interval(search.series.interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        match look_ahead(&store, &search, clock::wall()).await {
            Ok(rows) => records.push(rows),
            Err(error) => tracing::warn!(search.series.name, error = &*error, "a forecast failed"),
        }
    }
}

async fn look_ahead(store: &Store, search: &ForecastSearch, now: UnixNanos) -> anyhow::Result<Vec<Rows>> {
    let batches = store.query(&search.series.query.at(now)).await?;
    // Learning takes milliseconds a series.
    let outlook = block_in_place(|| anyhow::Ok(outlook(&result_rows::histories(&batches)?, &search.ahead, now)))?;
    let name = &search.series.name;
    if let Some((labels, error)) = outlook.unlearnt.first() {
        let error = error as &dyn std::error::Error;
        tracing::info!(name, ?labels, error, series_in_all = outlook.unlearnt.len(), "nothing is learnt yet");
    }
    if outlook.left_out > 0 {
        tracing::warn!(name, outlook.left_out, "too many series in one forecast: split it");
    }
    Ok(merge(outlook.ahead.iter().map(|ahead| row(name, ahead, now))))
}

/// A row of `metrics.forecast`: made at `time`, of the instant `of_time` (nanoseconds since the epoch),
/// which is `ahead` of it; what is as likely exceeded as not, and what once in twenty.
fn row(name: &str, ahead: &Ahead, now: UnixNanos) -> Rows {
    let of_series = ahead.labels.iter().map(|(name, value)| (name.to_string(), value.to_string()));
    let ours = [("forecast".to_owned(), name.to_owned()), ("ahead".to_owned(), Written(ahead.span).to_string())];
    Row::new(TableName::metric("forecast"), now.0, Labels::new(of_series.chain(ours)))
        .i64("of_time", ahead.demand.at.0)
        .f64("p50", ahead.demand.p50)
        .f64("p95", ahead.demand.p95)
        .into_rows()
}
