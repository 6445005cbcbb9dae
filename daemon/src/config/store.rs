//! How the engine keeps what it is sent.

use std::time::Duration;

use weir_analyzer::{Durability, HistorySettings, Settings};
use weir_model::yaml::Fields;

use super::Retention;

/// `store: {durability, flush_bytes, flush_age, rollup_retention}`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StoreConfig {
    /// `fsync`: what is acknowledged survives a power cut; `relaxed`: only the daemon's own death.
    durability: Durability,
    /// Bytes that rows take in memory at which they are written to Parquet; a restart replays about so many.
    flush_bytes: usize,
    /// Age of the oldest row in memory at which all are written to Parquet.
    flush_age: Duration,
    /// How long rollups (count, minimum, maximum, sum and last value per series and five minutes) are kept; no longer
    /// than `retention`: as long as the rows.
    rollup_retention: Duration,
}

impl Default for StoreConfig {
    fn default() -> Self {
        let Settings { durability, flush_bytes, flush_age, rollup_retention, .. } = Settings::default();
        Self { durability, flush_bytes, flush_age, rollup_retention }
    }
}

impl StoreConfig {
    /// Reads the section.
    pub(super) fn read(fields: &mut Fields<'_>) -> Self {
        /// A flush is five syncs and a file per table: more often than ten a second is all that a disk does.
        const FLUSH_AGE_MIN: Duration = Duration::from_millis(100);
        let defaults = Self::default();
        let durability = fields.or("durability", defaults.durability);
        let bytes = fields.optional_spanned::<usize>("flush_bytes");
        let age = fields.optional_spanned::<Duration>("flush_age");
        let bytes_max = Settings::default().limits.live_bytes / 2;
        if let Some(bytes) = bytes.as_ref().filter(|bytes| !(1..=bytes_max).contains(&bytes.value)) {
            let message = format!("`flush_bytes` is {}, which is not between 1 and {bytes_max}", bytes.value);
            fields.reader().error_with_hint(bytes.mark, message, "the default of 67108864 suits most");
        }
        if let Some(age) = age.as_ref().filter(|age| age.value < FLUSH_AGE_MIN) {
            fields.reader().error_with_hint(age.mark, "`flush_age` is below 100ms", "the default of 15m suits most");
        }
        Self {
            durability,
            flush_bytes: bytes.map_or(defaults.flush_bytes, |bytes| bytes.value),
            flush_age: age.map_or(defaults.flush_age, |age| age.value),
            rollup_retention: fields.or("rollup_retention", defaults.rollup_retention),
        }
    }

    /// As the engine is told, with what other keys say.
    pub(crate) fn settings(self, retention: Retention, history: Option<HistorySettings>) -> Settings {
        let Self { durability, flush_bytes, flush_age, rollup_retention } = self;
        Settings {
            durability,
            flush_bytes,
            flush_age,
            retention: retention.default,
            table_retention: retention.tables,
            rollup_retention,
            history,
            ..Settings::default()
        }
    }
}
