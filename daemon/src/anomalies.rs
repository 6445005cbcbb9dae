//! Looking for anomalies on schedule: SQL in, histories into `weir-detect`, findings out.

use tokio::{
    task::block_in_place,
    time::{MissedTickBehavior, interval},
};
use weir_collector::clock;
use weir_detect::anomaly::{Look, Watch};
use weir_model::time::UnixNanos;

use crate::{
    config::{AnomalySearch, SeriesQuery},
    control::{Control, Input},
    result_rows,
    store::Store,
};

/// Looks for them on the schedule of `search`.
pub(crate) async fn follow(store: Store, control: Control, search: AnomalySearch) {
    let mut watch = Watch::new(&search.series.name, search.settings);
    let mut ticks = interval(search.series.interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        match look(&store, &search.series, &mut watch, clock::wall()).await {
            Ok(look) => {
                report(&search.series.name, &look);
                for finding in look.findings {
                    control.tell(Input::Found(finding)).await;
                }
            }
            Err(error) => tracing::warn!(search.series.name, error = &*error, "a search for anomalies failed"),
        }
    }
}

async fn look(store: &Store, series: &SeriesQuery, watch: &mut Watch, now: UnixNanos) -> anyhow::Result<Look> {
    let batches = store.query(&series.query.at(now)).await?;
    // Learning takes milliseconds a series.
    block_in_place(|| Ok(watch.handle_histories(&result_rows::histories(&batches)?, now)))
}

fn report(name: &str, look: &Look) {
    if let Some((series, error)) = look.unlearnt.first() {
        let error = error as &dyn std::error::Error;
        tracing::info!(name, series, error, series_in_all = look.unlearnt.len(), "nothing is learnt yet");
    }
    if look.left_out > 0 {
        tracing::warn!(name, look.left_out, "too many series in one search for anomalies: split it");
    }
}
