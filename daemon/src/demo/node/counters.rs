//! What an edge served to whom, as counters in the Prometheus text format.

use std::sync::atomic::{AtomicU64, Ordering};

use weir_model::{
    estate::Estate,
    id::{DomainOrd, GroupOrd},
};

#[derive(Debug, Default)]
struct Served {
    requests: AtomicU64,
    bytes: AtomicU64,
    misses: AtomicU64,
}

/// A metric's name, its help, and where its counter is.
type Family = (&'static str, &'static str, fn(&Served) -> &AtomicU64);

/// Per (group, domain).
#[derive(Debug)]
pub(super) struct Counters {
    domains: usize,
    served: Vec<Served>,
}

impl Counters {
    pub(super) fn new(estate: &Estate) -> Self {
        let domains = estate.domains.len();
        let served = (0..estate.groups.len() * domains).map(|_| Served::default()).collect();
        Self { domains, served }
    }

    pub(super) fn count(&self, group: GroupOrd, domain: DomainOrd, bytes: usize, missed: bool) {
        let served = &self.served[group.index() * self.domains + domain.index()];
        served.requests.fetch_add(1, Ordering::Relaxed);
        served.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        served.misses.fetch_add(u64::from(missed), Ordering::Relaxed);
    }

    /// All counters, as `/metrics` shows them.
    pub(super) fn exposition(&self, estate: &Estate) -> String {
        let mut text = String::new();
        let families: [Family; 3] = [
            ("edge_requests_total", "Requests answered.", |served| &served.requests),
            ("edge_bytes_total", "Bytes of bodies sent.", |served| &served.bytes),
            ("edge_misses_total", "Requests that needed a mid.", |served| &served.misses),
        ];
        for (name, help, counter) in families {
            text.push_str(&format!("# HELP {name} {help}\n# TYPE {name} counter\n"));
            for (slot, served) in self.served.iter().enumerate() {
                let group = &estate.groups[slot / self.domains].id;
                let domain = &estate.domains[slot % self.domains].id;
                let value = counter(served).load(Ordering::Relaxed);
                text.push_str(&format!("{name}{{client_group=\"{group}\",domain=\"{domain}\"}} {value}\n"));
            }
        }
        text
    }
}
