//! `/metrics`: what this process counts about itself, in Prometheus's text format. The rooms count,
//! here it is only written down.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use weir_analyzer::Metrics;
use weir_collector::counters;
use weir_dispatch::{answers::Answers, dns::DnsCounters};

use crate::{alerts, control::Known, https, link_state, records::Records};

/// Content type of the text format, version 0.0.4.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Followers of events refused for being too many.
pub(crate) static FOLLOWERS_REFUSED: AtomicU64 = AtomicU64::new(0);

/// The exposition, growing.
#[derive(Debug, Default)]
pub(crate) struct Exposition(String);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Counter,
    Gauge,
}

impl Exposition {
    fn line(&mut self, line: fmt::Arguments<'_>) {
        self.0.push_str(&line.to_string());
        self.0.push('\n');
    }

    fn head(&mut self, name: &str, kind: Kind, help: &str) {
        let kind = if kind == Kind::Counter { "counter" } else { "gauge" };
        self.line(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}"));
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.head(name, Kind::Counter, help);
        self.line(format_args!("{name} {value}"));
    }

    fn gauge(&mut self, name: &str, help: &str, value: u64) {
        self.head(name, Kind::Gauge, help);
        self.line(format_args!("{name} {value}"));
    }

    /// What every role has: its version, and how it is with plans.
    pub(crate) fn process(&mut self, answers: &Answers) {
        self.head("weir_build_info", Kind::Gauge, "The version that runs.");
        self.line(format_args!("weir_build_info{{version=\"{}\"}} 1", env!("CARGO_PKG_VERSION")));
        let plan = answers.number().unwrap_or_default();
        self.gauge("weir_plan_epoch", "Epoch of the plan that executors here answer from.", plan.epoch);
        self.gauge("weir_plan_generation", "Generation of that plan.", plan.generation);
        let connections = https::CONNECTIONS.load(Relaxed);
        self.gauge("weir_http_connections", "HTTP connections, of the API and of HTTP 302.", connections);
        let refused = https::REFUSED.load(Relaxed);
        self.counter("weir_http_connections_refused_total", "HTTP connections closed for being too many.", refused);
        for counter in counters::ALL {
            self.counter(counter.name, counter.help, counter.get());
        }
    }

    /// The DNS server.
    pub(crate) fn dns(&mut self, dns: &DnsCounters) {
        self.counter("weir_dns_answered_total", "DNS messages answered.", dns.answered.load(Relaxed));
        self.counter("weir_dns_dropped_total", "DNS messages dropped unanswered.", dns.dropped.load(Relaxed));
        let refused = dns.refused_connections.load(Relaxed);
        self.counter("weir_dns_connections_refused_total", "DNS connections closed for being too many.", refused);
    }

    /// The controller and its records.
    pub(crate) fn controller(&mut self, known: &Known, records: &Records) {
        self.counter(
            "weir_records_dropped_total",
            "Batches of rows that the store was too slow for.",
            records.dropped(),
        );
        self.counter("weir_controller_overflowed_total", "Commands and events the controller dropped.", known.dropped);
        let followers = FOLLOWERS_REFUSED.load(Relaxed);
        self.counter(
            "weir_event_followers_refused_total",
            "Followers of events refused for being too many.",
            followers,
        );
        let silent = alerts::WITHOUT_TABLE.load(Relaxed);
        self.gauge("weir_rules_without_table", "Alert rules that ask for a table which does not exist.", silent);
        let stale = link_state::STALE.load(Relaxed);
        self.counter("weir_link_probes_stale_total", "Probes of links too old to say how the link is now.", stale);
        let out = known.plan.as_ref().map_or(0, |plan| plan.out_of_service.len());
        self.gauge("weir_nodes_out_of_service", "Nodes that the plan in force leaves out.", out as u64);
    }

    /// The engine.
    pub(crate) fn engine(&mut self, engine: &Metrics) {
        self.head("weir_rows_rejected_total", Kind::Counter, "Rows left out of batches that were written, by reason.");
        for (reason, rows) in &engine.rows_rejected {
            self.line(format_args!("weir_rows_rejected_total{{reason=\"{reason}\"}} {rows}"));
        }
        self.engine_counters(engine);
        self.engine_gauges(engine);
    }

    fn engine_counters(&mut self, engine: &Metrics) {
        for (name, help, value) in [
            ("weir_rows_written_total", "Rows acknowledged.", engine.rows_written),
            (
                "weir_samples_out_of_order_total",
                "Rows older than another row of their series before them.",
                engine.rows_out_of_order,
            ),
            (
                "weir_samples_duplicate_total",
                "Rows with the time of the latest row of their series.",
                engine.rows_duplicate,
            ),
            (
                "weir_rows_replaced_total",
                "Rows that a newer one with their series and time replaced or completed.",
                engine.rows_replaced,
            ),
            ("weir_writes_refused_total", "Batches refused whole: overload, full disk.", engine.writes_refused),
            ("weir_wal_syncs_total", "Syncs of the log.", engine.wal_syncs),
            ("weir_wal_bytes_total", "Bytes written to the log.", engine.wal_bytes),
            ("weir_wal_errors_total", "Groups of batches that could not be logged.", engine.wal_errors),
            ("weir_compactions_total", "Times that data files were joined.", engine.compactions),
            ("weir_compaction_errors_total", "Times that data files could not be joined.", engine.compaction_errors),
            ("weir_flushes_total", "Flushes to Parquet.", engine.flushes),
            ("weir_flush_errors_total", "Flushes that failed and are tried again.", engine.flush_errors),
            ("weir_files_expired_total", "Data files dropped by retention.", engine.files_expired),
            ("weir_series_forgotten_total", "Series without rows that left the catalog.", engine.series_forgotten),
            ("weir_rows_purged_total", "Rows deleted, or past retention, that left the disk.", engine.rows_purged),
            ("weir_deletions_total", "Deletions acknowledged.", engine.deletions),
            ("weir_history_rows_total", "Rows sent to ClickHouse, those sent again included.", engine.history_rows),
            ("weir_history_files_total", "Data files exported to ClickHouse.", engine.history_files),
            (
                "weir_history_files_lost_total",
                "Data files dropped before they were exported: too much was held.",
                engine.history_files_lost,
            ),
            ("weir_history_errors_total", "Exports that failed and are tried again.", engine.history_errors),
            ("weir_queries_total", "Queries begun.", engine.queries),
            ("weir_queries_refused_total", "Queries refused: no query, or too many at once.", engine.queries_refused),
            (
                "weir_queries_failed_total",
                "Queries that failed: unknown names, memory, time, rows.",
                engine.queries_failed,
            ),
            ("weir_queries_slow_total", "Queries over the limit for slow ones.", engine.queries_slow),
        ] {
            self.counter(name, help, value);
        }
    }

    fn engine_gauges(&mut self, engine: &Metrics) {
        for (name, help, value) in [
            (
                "weir_wal_relaxed",
                "1 where acknowledgements do not wait for fsync of the log, else 0.",
                engine.wal_relaxed,
            ),
            (
                "weir_damage_at_start",
                "Places in the log and in data files that the start could not read; the files are kept as *.corrupt.",
                engine.damage_at_start,
            ),
            (
                "weir_files_unreadable",
                "Data files that could not be read since the start; see the log.",
                engine.files_unreadable,
            ),
            ("weir_files", "Data files.", engine.files),
            ("weir_file_bytes", "Bytes in data files.", engine.file_bytes),
            ("weir_deletions_open", "Deletions of which rows are still on disk.", engine.deletions_open),
            ("weir_tables", "Tables.", engine.tables),
            ("weir_series", "Series of all tables.", engine.series),
            ("weir_live_rows", "Rows in memory.", engine.live_rows),
            ("weir_live_bytes", "Bytes of rows in memory.", engine.live_bytes),
            ("weir_queued_rows", "Rows waiting for the log.", engine.queued_rows),
            ("weir_history_files_waiting", "Data files not exported yet.", engine.history_files_waiting),
            ("weir_queries_running", "Queries running.", engine.queries_running),
        ] {
            self.gauge(name, help, value);
        }
    }

    /// The text.
    pub(crate) fn into_text(self) -> String {
        self.0
    }
}

/// What `/metrics` of a process reads.
#[derive(Clone, Debug)]
pub(crate) struct Sources {
    /// Plans that executors here answer from.
    pub(crate) answers: Answers,
    /// The DNS server, where there is one.
    pub(crate) dns: Option<Arc<DnsCounters>>,
}

impl Sources {
    /// What every role shows.
    pub(crate) fn expose(&self) -> Exposition {
        let mut text = Exposition::default();
        text.process(&self.answers);
        if let Some(dns) = &self.dns {
            text.dns(dns);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sample_follows_its_head_and_names_are_unique() {
        let mut text = Sources { answers: Answers::default(), dns: Some(Arc::default()) }.expose();
        text.engine(&Metrics { rows_rejected: vec![("label_limit", 3)], ..Metrics::default() });
        let text = text.into_text();
        assert!(text.contains("weir_rows_rejected_total{reason=\"label_limit\"} 3\n"), "{text}");
        let mut seen = std::collections::BTreeSet::new();
        let mut current = "";
        for line in text.lines() {
            match line.strip_prefix("# TYPE ").and_then(|rest| rest.split(' ').next()) {
                Some(name) => {
                    assert!(seen.insert(name), "{name} twice");
                    current = name;
                }
                None if line.starts_with('#') => {}
                None => assert_eq!(line.split([' ', '{']).next(), Some(current), "{line}"),
            }
        }
    }
}
