//! Programs of others that send to Weir, and what they scrape: Debian's node exporter, and a target
//! of our own that numbers its scrapes, so that one that is missing shows.

use std::{
    env,
    path::PathBuf,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
};

use axum::{
    Router,
    http::{
        HeaderMap,
        header::{ACCEPT, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
    routing::get,
};
use prost::Message;

use super::weir::{Place, Process, client, until};

/// Where they listen at a place's address: not where the machine's own do.
const NODE_EXPORTER: u16 = 7100;

/// Between two scrapes. Timeouts are no longer than that, and a busy machine needs some time.
pub(crate) const INTERVAL: &str = "1s";

/// Prometheus's format of old, in which it takes native histograms (prometheus/client_model).
const PROTOBUF: &str = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";

/// Whether the programs are there. Where they can be installed they must be; elsewhere the test says that it
/// is skipped.
pub(crate) fn are_here(programs: &[&str]) -> bool {
    let folders: Vec<PathBuf> = env::var_os("PATH").iter().flat_map(env::split_paths).collect();
    let is_here = |program: &&&str| folders.iter().any(|folder| folder.join(program).exists());
    let missing: Vec<&&str> = programs.iter().filter(|program| !is_here(program)).collect();
    if missing.is_empty() {
        return true;
    }
    assert!(!is_here(&&"apt-get"), "{missing:?} are missing: run scripts/setup --tests");
    eprintln!("skipped: {missing:?} are not here, and there is no apt-get to install them");
    false
}

/// Starts the node exporter; host and port.
pub(crate) async fn node_exporter(place: &Place) -> (Process, String) {
    let address = format!("{}:{NODE_EXPORTER}", place.address);
    let mut command = place.here(Command::new("prometheus-node-exporter"));
    command.arg(format!("--web.listen-address={address}")).arg("--log.level=warn").arg("--no-collector.systemd");
    let process = place.start(command);
    until("the node exporter answers", async || metrics(&address).await).await;
    (process, address)
}

/// What a program counts about itself, or a target exposes.
pub(crate) async fn metrics(address: &str) -> Option<String> {
    let answer = client().get(format!("http://{address}/metrics")).send().await.ok()?;
    answer.error_for_status().ok()?.text().await.ok()
}

/// The sum over all series of the metric `name`; `None` where there is none.
pub(crate) fn sum(metrics: &str, name: &str) -> Option<f64> {
    let of_metric = metrics.lines().filter_map(|line| line.strip_prefix(name));
    let values = of_metric.filter(|rest| rest.starts_with(['{', ' '])).map(|rest| rest.rsplit_once(' ').unwrap().1);
    values.map(|value| value.parse::<f64>().unwrap()).reduce(|a, b| a + b)
}

/// A target that counts how often it was scraped.
pub(crate) struct Numbered {
    /// Host and port.
    pub(crate) address: String,
    scrapes: Arc<AtomicU64>,
}

impl Numbered {
    pub(crate) async fn serve(place: &Place) -> Self {
        let scrapes = Arc::<AtomicU64>::default();
        let listener = tokio::net::TcpListener::bind((place.address, 0)).await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let count = Arc::clone(&scrapes);
        let answer = async move |headers: HeaderMap| exposed(&headers, count.fetch_add(1, SeqCst) + 1);
        let router = Router::new().route("/metrics", get(answer));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, scrapes }
    }

    /// The number of the last scrape.
    pub(crate) fn last(&self) -> u64 {
        self.scrapes.load(SeqCst)
    }
}

/// Scrape `number`: a counter; with an exemplar, and beside a native histogram, for who takes protobuf.
fn exposed(headers: &HeaderMap, number: u64) -> Response {
    let accept = headers.get(ACCEPT).map(|value| value.to_str().unwrap()).unwrap_or_default();
    if !accept.contains("application/vnd.google.protobuf") {
        let text = format!("# HELP served_total Scrapes served.\n# TYPE served_total counter\nserved_total {number}\n");
        return ([(CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response();
    }
    let trace = Label { name: "trace_id".into(), value: format!("trace-{number}") };
    let exemplar = Exemplar { labels: vec![trace], value: 1.0 };
    let counter = Counter { value: number as f64, exemplar: Some(exemplar) };
    let counter = Metric { counter: Some(counter), ..Metric::default() };
    let histogram = Metric { histogram: Some(histogram(number)), ..Metric::default() };
    let family = |name: &str, help: &str, kind, metric| Family {
        name: name.into(),
        help: help.into(),
        kind,
        metrics: vec![metric],
    };
    let mut body = family("served_total", "Scrapes served.", COUNTER, counter).encode_length_delimited_to_vec();
    body.extend(family("served_seconds", "Time to serve.", HISTOGRAM, histogram).encode_length_delimited_to_vec());
    ([(CONTENT_TYPE, PROTOBUF)], body).into_response()
}

/// Each scrape brings an observation of 1.5 and every other one of -3.
fn histogram(number: u64) -> Histogram {
    let (positive, negative) = (number, number / 2);
    let bucket = |offset, count: u64| (vec![Span { offset, length: 1 }], vec![count.cast_signed()]);
    // In schema 0 bucket n ends at 2^n.
    let (positive_spans, positive_deltas) = bucket(1, positive);
    let (negative_spans, negative_deltas) = bucket(2, negative);
    Histogram {
        count: positive + negative,
        sum: 1.5 * positive as f64 - 3.0 * negative as f64,
        schema: 0,
        zero_threshold: 1e-3,
        zero_count: 0,
        negative_spans,
        negative_deltas,
        positive_spans,
        positive_deltas,
    }
}

const COUNTER: i32 = 0;
const HISTOGRAM: i32 = 4;

#[derive(Clone, PartialEq, Message)]
struct Family {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    help: String,
    #[prost(int32, tag = "3")]
    kind: i32,
    #[prost(message, repeated, tag = "4")]
    metrics: Vec<Metric>,
}

#[derive(Clone, PartialEq, Message)]
struct Metric {
    #[prost(message, optional, tag = "3")]
    counter: Option<Counter>,
    #[prost(message, optional, tag = "7")]
    histogram: Option<Histogram>,
}

#[derive(Clone, PartialEq, Message)]
struct Counter {
    #[prost(double, tag = "1")]
    value: f64,
    #[prost(message, optional, tag = "2")]
    exemplar: Option<Exemplar>,
}

#[derive(Clone, PartialEq, Message)]
struct Exemplar {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<Label>,
    #[prost(double, tag = "2")]
    value: f64,
}

#[derive(Clone, PartialEq, Message)]
struct Label {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    value: String,
}

#[derive(Clone, PartialEq, Message)]
struct Histogram {
    #[prost(uint64, tag = "1")]
    count: u64,
    #[prost(double, tag = "2")]
    sum: f64,
    #[prost(sint32, tag = "5")]
    schema: i32,
    #[prost(double, tag = "6")]
    zero_threshold: f64,
    #[prost(uint64, tag = "7")]
    zero_count: u64,
    #[prost(message, repeated, tag = "9")]
    negative_spans: Vec<Span>,
    #[prost(sint64, repeated, tag = "10")]
    negative_deltas: Vec<i64>,
    #[prost(message, repeated, tag = "12")]
    positive_spans: Vec<Span>,
    #[prost(sint64, repeated, tag = "13")]
    positive_deltas: Vec<i64>,
}

#[derive(Clone, PartialEq, Message)]
struct Span {
    #[prost(sint32, tag = "1")]
    offset: i32,
    #[prost(uint32, tag = "2")]
    length: u32,
}
