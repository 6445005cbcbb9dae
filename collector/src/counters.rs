//! What was limited, dropped or refused, and how often: one counter for each limit in this room.
//!
//! They are process-wide statics, because a limit is reached deep inside a task and read by
//! whoever renders `/metrics`; they carry no labels.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A count that only grows.
#[derive(Debug)]
pub struct Counter {
    /// Its Prometheus name.
    pub name: &'static str,
    /// What it counts, for `# HELP`.
    pub help: &'static str,
    count: AtomicU64,
}

impl Counter {
    const fn new(name: &'static str, help: &'static str) -> Self {
        Self { name, help, count: AtomicU64::new(0) }
    }

    /// Counts `more`.
    pub fn add(&self, more: u64) {
        self.count.fetch_add(more, Relaxed);
    }

    /// The count so far.
    pub fn get(&self) -> u64 {
        self.count.load(Relaxed)
    }
}

/// Probes that ended, however they did.
pub static PROBES: Counter = Counter::new("weir_probes_total", "Probes that were answered, failed or lost.");
/// Probe results for which the channel had no room.
pub static PROBE_RESULTS_DROPPED: Counter =
    Counter::new("weir_probe_results_dropped_total", "Probe results dropped because their reader was too slow.");
/// Test packets that the STAMP reflector left unanswered.
pub static STAMP_PACKETS_DROPPED: Counter =
    Counter::new("weir_stamp_packets_dropped_total", "STAMP packets not reflected: malformed, or too many waiting.");
/// Host metrics that the sink did not take.
pub static HOST_ROWS_LOST: Counter = Counter::new("weir_host_rows_lost_total", "Host rows that the store refused.");
/// Scrapes that brought no samples.
pub static SCRAPES_FAILED: Counter = Counter::new("weir_scrapes_failed_total", "Scrapes that failed.");
/// Scraped rows that the sink did not take.
pub static SCRAPE_ROWS_LOST: Counter =
    Counter::new("weir_scrape_rows_lost_total", "Scraped rows that the store refused.");
/// Scraped samples of times that cannot be.
pub static SCRAPE_SAMPLES_OUT_OF_RANGE: Counter = Counter::new(
    "weir_scrape_samples_out_of_range_total",
    "Scraped samples left out: their timestamp does not fit into 64 bits of nanoseconds (milliseconds for seconds?).",
);
/// Targets that were discovered and cannot be scraped.
pub static SCRAPE_TARGETS_REFUSED: Counter = Counter::new(
    "weir_scrape_targets_refused_total",
    "Discovered targets refused: no address, or over the limit of their job. Counted at every change of the list.",
);
/// Discoveries that brought no list.
pub static DISCOVERY_FAILED: Counter =
    Counter::new("weir_discovery_failed_total", "Files, servers and names asked for targets in vain.");
/// Remote-write requests answered with an error.
pub static REMOTE_WRITE_REFUSED: Counter =
    Counter::new("weir_remote_write_requests_refused_total", "Remote-write requests answered with an error.");
/// Remote-write samples received.
pub static REMOTE_WRITE_SAMPLES: Counter =
    Counter::new("weir_remote_write_samples_total", "Remote-write samples written.");
/// Remote-write native histograms received.
pub static REMOTE_WRITE_HISTOGRAMS: Counter =
    Counter::new("weir_remote_write_histograms_total", "Remote-write native histograms written.");
/// Remote-write exemplars received.
pub static REMOTE_WRITE_EXEMPLARS: Counter =
    Counter::new("weir_remote_write_exemplars_total", "Remote-write exemplars written.");
/// Remote-write samples left out of an otherwise good request.
pub static REMOTE_WRITE_SAMPLES_REJECTED: Counter = Counter::new(
    "weir_remote_write_samples_rejected_total",
    "Remote-write samples, histograms and exemplars left out: too far in the future, of series that cannot be, or refused by the store.",
);
/// What remote write says beside samples, and was not kept.
pub static REMOTE_WRITE_LEFT_OUT: Counter = Counter::new(
    "weir_remote_write_left_out_total",
    "Remote-write exemplars, metadata and start times left out though the request was taken: too much for its size, or (metadata and start times) refused by the store.",
);
/// Series that a receiver had to check and build, because the cache did not know them.
pub static SERIES_CACHE_MISSES: Counter =
    Counter::new("weir_series_cache_misses_total", "Series of write requests that were not in the cache.");
/// Series that made room for others.
pub static SERIES_CACHE_FORGOTTEN: Counter = Counter::new(
    "weir_series_cache_forgotten_total",
    "Series that the cache of write requests forgot, not seen for as long as it took to fill it.",
);
/// Line-protocol requests answered with an error, or with some of their lines rejected.
pub static LINE_PROTOCOL_REFUSED: Counter =
    Counter::new("weir_line_protocol_requests_refused_total", "Line-protocol requests answered with an error.");
/// Lines received.
pub static LINE_PROTOCOL_LINES: Counter =
    Counter::new("weir_line_protocol_lines_total", "Line-protocol lines written.");
/// Lines left out of an otherwise good request.
pub static LINE_PROTOCOL_LINES_REJECTED: Counter = Counter::new(
    "weir_line_protocol_lines_rejected_total",
    "Line-protocol lines rejected one by one: malformed, over a limit, or refused by the store.",
);
/// OTLP requests answered with an error.
pub static OTLP_REFUSED: Counter =
    Counter::new("weir_otlp_requests_refused_total", "OTLP requests answered with an error.");
/// What OTLP requests held.
pub static OTLP_ITEMS: Counter = Counter::new("weir_otlp_items_total", "OTLP data points and log records written.");
/// OTLP data points and log records left out of an otherwise good request.
pub static OTLP_ITEMS_REJECTED: Counter = Counter::new(
    "weir_otlp_items_rejected_total",
    "OTLP data points and log records rejected one by one; the answer's partial success said why.",
);
/// Exemplars, which are not stored.
pub static OTLP_EXEMPLARS_DROPPED: Counter =
    Counter::new("weir_otlp_exemplars_dropped_total", "Exemplars in OTLP data points, which are not stored.");
/// Attributes of resources that were too long.
pub static OTLP_ATTRIBUTES_LEFT_OUT: Counter = Counter::new(
    "weir_otlp_attributes_left_out_total",
    "Attributes of OTLP resources left out because they are longer than a label may be.",
);
/// Totals of delta series that made room for others.
pub static OTLP_DELTA_SERIES_FORGOTTEN: Counter = Counter::new(
    "weir_otlp_delta_series_forgotten_total",
    "OTLP delta series whose totals were forgotten because nothing was added for long.",
);
/// Counter samples that no rate could be made of.
pub static MAPPING_SAMPLES_IGNORED: Counter = Counter::new(
    "weir_mapping_samples_ignored_total",
    "Counter samples ignored: late, of the future, not finite, of unknown labels, or over the limit of series.",
);
/// Rows made of counters that were never written.
pub static MAPPING_ROWS_LOST: Counter = Counter::new(
    "weir_mapping_rows_lost_total",
    "Rows of traffic, demand and usage lost because the store took nothing for too long, or rejected them.",
);
/// Rows of demand that nobody read.
pub static MAPPING_DEMAND_UNREAD: Counter = Counter::new(
    "weir_mapping_demand_unread_total",
    "Rows of demand that the store has and the controller was too slow to read.",
);

/// All of them, for whoever renders them.
pub static ALL: [&Counter; 29] = [
    &PROBES,
    &PROBE_RESULTS_DROPPED,
    &STAMP_PACKETS_DROPPED,
    &HOST_ROWS_LOST,
    &SCRAPES_FAILED,
    &SCRAPE_ROWS_LOST,
    &SCRAPE_SAMPLES_OUT_OF_RANGE,
    &SCRAPE_TARGETS_REFUSED,
    &DISCOVERY_FAILED,
    &REMOTE_WRITE_REFUSED,
    &REMOTE_WRITE_SAMPLES,
    &REMOTE_WRITE_HISTOGRAMS,
    &REMOTE_WRITE_EXEMPLARS,
    &REMOTE_WRITE_SAMPLES_REJECTED,
    &REMOTE_WRITE_LEFT_OUT,
    &SERIES_CACHE_MISSES,
    &SERIES_CACHE_FORGOTTEN,
    &LINE_PROTOCOL_REFUSED,
    &LINE_PROTOCOL_LINES,
    &LINE_PROTOCOL_LINES_REJECTED,
    &OTLP_REFUSED,
    &OTLP_ITEMS,
    &OTLP_ITEMS_REJECTED,
    &OTLP_EXEMPLARS_DROPPED,
    &OTLP_ATTRIBUTES_LEFT_OUT,
    &OTLP_DELTA_SERIES_FORGOTTEN,
    &MAPPING_SAMPLES_IGNORED,
    &MAPPING_ROWS_LOST,
    &MAPPING_DEMAND_UNREAD,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_end_as_counters_do() {
        let mut names: Vec<_> = ALL.iter().map(|counter| counter.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL.len());
        assert!(names.iter().all(|name| name.starts_with("weir_") && name.ends_with("_total")));
    }
}
