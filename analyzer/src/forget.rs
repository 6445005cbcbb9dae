//! Series of which no row is shown any more leave the catalog: else every pod that ever was would count against the
//! limits, and be offered by every list of labels. So do those of which all rows were deleted, which is how one makes
//! room after a runaway label.

use std::{ops::Bound, time::Duration};

use roaring::RoaringBitmap;

use crate::{
    catalog::{Catalog, table::Table},
    retention,
    settings::Settings,
    state::State,
    store::Shared,
};

/// Series are looked through each time that such a part of the shortest retention has gone by: a month's every
/// eleven hours, as a million series take some 20 ms in which nobody writes.
const PARTS: u32 = 64;

/// How often series are looked through.
pub(crate) fn interval(settings: &Settings) -> Duration {
    let shortest = settings.table_retention.values().chain([&settings.retention]).min();
    *shortest.unwrap_or(&settings.retention) / PARTS
}

/// Forgets the series whose rows are too old to be shown, or were deleted. To be called where nobody else writes, and
/// while no flush runs: neither memory nor the log has rows of them after that.
pub(crate) fn forget(shared: &Shared) {
    let (mut catalog, mut state) = (shared.catalog_mut(), shared.state());
    let mut old = old(&shared.settings, &catalog, &state) | state.last_times.emptied();
    if let Some(history) = &shared.history {
        let waiting = history.waiting(state.files());
        for file in waiting.iter().filter(|file| !shared.cache.is_unreadable(&file.name)) {
            let mut held = old.clone();
            held.remove_range(..file.series.0);
            held.remove_range((Bound::Excluded(file.series.1), Bound::Unbounded));
            held -= state.last_times.surely_before(&held, file.time.min);
            old -= held;
        }
    }
    if old.is_empty() {
        return;
    }
    state.last_times.forget(&old);
    catalog.forget(&old);
    shared.counters.series_forgotten.add(old.len());
    shared.counters.series.set(catalog.series_count() as u64);
    tracing::info!(series = old.len(), "series without rows are forgotten");
}

/// Series without rows that are shown, or in memory.
fn old(settings: &Settings, catalog: &Catalog, state: &State) -> RoaringBitmap {
    let in_memory = state.live_from().unwrap_or(i64::MAX);
    let of_table = |table: &Table| {
        let from = retention::shown(settings, &table.name).min.min(in_memory);
        state.last_times.surely_before(table.all(), from)
    };
    catalog.tables().map(of_table).fold(RoaringBitmap::new(), |old, more| old | more)
}
