//! Debian's Prometheus, as shipped, scrapes and writes to Weir: SQL shows what Prometheus itself answers, also
//! when Weir was away for a while.

use std::{collections::BTreeMap, io::Cursor, process::Command};

use arrow::{
    ipc::reader::StreamReader,
    util::display::{ArrayFormatter, FormatOptions},
};
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    peers::{INTERVAL, Numbered, are_here, metrics, node_exporter, sum},
    weir::{HTTP, Place, Process, client, until},
    write::now_millis,
};

/// Where it listens at a place's address: not where the machine's own does.
const PROMETHEUS: u16 = 7090;

/// Scrapes of the node before Weir goes away, and after it is back.
const SCRAPES: u64 = 3;

/// Labels that are there, and a time in milliseconds.
type Key = (BTreeMap<String, String>, i64);

fn prometheus(place: &Place, jobs: &[(&str, &str)]) -> Process {
    let job = |(name, target): &(&str, &str)| {
        format!("  - {{job_name: {name}, static_configs: [{{targets: ['{target}']}}]}}\n")
    };
    let jobs: String = jobs.iter().map(job).collect();
    let url = format!("http://{}:{HTTP}/api/v1/write", place.address);
    place.write(
        "prometheus.yaml",
        format!(
            "global: {{scrape_interval: {INTERVAL}, scrape_timeout: {INTERVAL}}}\nscrape_configs:\n{jobs}remote_write:\n  \
             - {{url: '{url}', send_exemplars: true, send_native_histograms: true, metadata_config: {{send_interval: 1s}}}}\n"
        ),
    );
    let mut command = place.here(Command::new("prometheus"));
    command.args(["--config.file=prometheus.yaml", "--storage.tsdb.path=prometheus"]);
    command.arg("--enable-feature=native-histograms,exemplar-storage");
    command.arg(format!("--web.listen-address={}:{PROMETHEUS}", place.address));
    place.start(command)
}

/// What Prometheus counts about itself under `name`.
async fn counted(place: &Place, name: &str) -> Option<f64> {
    sum(&metrics(&format!("{}:{PROMETHEUS}", place.address)).await?, name)
}

/// The data that Prometheus' API answers a GET of `path` with.
async fn ask(place: &Place, path: &str) -> Value {
    let url = format!("http://{}:{PROMETHEUS}/api/v1/{path}", place.address);
    let mut answer: Value = client().get(url).send().await.unwrap().json().await.unwrap();
    assert_eq!(answer["status"], "success", "{answer}");
    answer["data"].take()
}

fn float(text: &str) -> f64 {
    text.parse().unwrap()
}

/// Milliseconds of a time that Prometheus gives in seconds.
fn millis(seconds: &Value) -> i64 {
    (seconds.as_f64().unwrap() * 1e3).round() as i64
}

/// What a metric has at each time: bits of the value, or of count and sum. One NaN is as good as another: the
/// text that Prometheus answers with does not tell.
type Samples = BTreeMap<Key, Vec<u64>>;

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| if value.is_nan() { f64::NAN } else { *value }.to_bits()).collect()
}

/// All samples that Prometheus has up to `time`, by metric.
async fn stored(place: &Place, time: i64) -> BTreeMap<String, Samples> {
    // `{job!=""}[1h]`
    let path = format!("query?query=%7Bjob!=%22%22%7D%5B1h%5D&time={}.{:03}", time / 1_000, time % 1_000);
    let answer = ask(place, &path).await;
    let mut metrics: BTreeMap<String, Samples> = BTreeMap::new();
    for series in answer["result"].as_array().unwrap() {
        let mut labels: BTreeMap<String, String> = serde_json::from_value(series["metric"].clone()).unwrap();
        let samples = metrics.entry(labels.remove("__name__").unwrap()).or_default();
        for value in series["values"].as_array().into_iter().flatten() {
            samples.insert((labels.clone(), millis(&value[0])), bits(&[float(value[1].as_str().unwrap())]));
        }
        for histogram in series["histograms"].as_array().into_iter().flatten() {
            let field = |name: &str| float(histogram[1][name].as_str().unwrap());
            samples.insert((labels.clone(), millis(&histogram[0])), bits(&[field("count"), field("sum")]));
        }
    }
    metrics
}

/// What Weir has of a metric up to `time`; `None` while there is no such table. Its own metrics have no job.
async fn sent(place: &Place, metric: &str, time: i64) -> Option<Samples> {
    let sql = format!(
        "SELECT arrow_cast(time, 'Int64') / 1000000 AS time_ms, * EXCLUDE (time) FROM metrics.\"{metric}\" \
         WHERE job <> '' AND time <= to_timestamp_millis({time})"
    );
    // As Arrow: serde_json reads the last bit of some floats otherwise.
    let asked = place.request(Method::POST, "/api/v1/sql").header("accept", "application/vnd.apache.arrow.stream");
    let answer = asked.body(sql).send().await.unwrap().error_for_status().ok()?.bytes().await.unwrap();
    let mut samples = Samples::new();
    for batch in StreamReader::try_new(Cursor::new(answer), None).unwrap() {
        let batch = batch.unwrap();
        let schema = batch.schema();
        let columns = batch.columns().iter().zip(schema.fields()).map(|(column, field)| {
            (field.name().as_str(), ArrayFormatter::try_new(column, &FormatOptions::default()).unwrap())
        });
        let columns: BTreeMap<&str, ArrayFormatter<'_>> = columns.collect();
        for row in 0..batch.num_rows() {
            let cell = |name: &str| columns.get(name).map(|column| column.value(row).to_string());
            let number = |name: &str| cell(name).filter(|text| !text.is_empty()).map(|text| float(&text));
            let values = match number("value") {
                Some(value) => bits(&[value]),
                None => bits(&[number("count").unwrap(), number("sum").unwrap()]),
            };
            let labels = columns.keys().filter(|column| !FIELDS.contains(column));
            let labels = labels.map(|label| ((*label).to_owned(), cell(label).unwrap()));
            let labels = labels.filter(|(_, value)| !value.is_empty()).collect();
            let key = (labels, cell("time_ms").unwrap().parse().unwrap());
            assert_eq!(samples.insert(key, values), None, "{metric} has two rows of one series and time");
        }
    }
    Some(samples)
}

/// Columns that are no labels: of samples, and of native histograms.
const FIELDS: [&str; 18] = [
    "time_ms",
    "value",
    "count",
    "count_int",
    "sum",
    "schema",
    "zero_threshold",
    "zero_count",
    "zero_count_int",
    "reset_hint",
    "start_time_ms",
    "positive_spans",
    "positive_deltas",
    "positive_counts",
    "negative_spans",
    "negative_deltas",
    "negative_counts",
    "custom_values",
];

/// Waits until the node has been scraped [`SCRAPES`] times since `since`, and SQL has it.
async fn scraped_since(place: &Place, since: i64) {
    let sql = format!("SELECT count(*) FROM up WHERE job = 'node' AND time > to_timestamp_millis({since})");
    let enough = async || {
        let rows = place.rows_so_far(&sql).await;
        (rows.first()?[0].as_u64()? >= SCRAPES).then_some(())
    };
    until("the node's samples arrive", enough).await;
}

#[tokio::test]
async fn what_prometheus_has_is_in_weir_also_when_weir_was_away() {
    if !are_here(&["prometheus", "prometheus-node-exporter"]) {
        return;
    }
    let place = Place::new();
    let mut daemon = place.run().await;
    let (_node, node) = node_exporter(&place).await;
    let numbered = Numbered::serve(&place).await;
    let own = format!("{}:{PROMETHEUS}", place.address);
    let _prometheus = prometheus(&place, &[("node", &node), ("numbered", &numbered.address), ("prometheus", &own)]);
    scraped_since(&place, 0).await;

    daemon.ask_to_stop();
    assert!(daemon.wait().success(), "{}", daemon.said());
    let retried =
        async || (counted(&place, "prometheus_remote_storage_samples_retried_total").await? > 0.0).then_some(());
    until("Prometheus finds nobody and keeps its samples", retried).await;
    let last = numbered.last();
    until("it scrapes meanwhile", async || (numbered.last() >= last + SCRAPES).then_some(())).await;
    let _daemon = place.run().await;
    let time = now_millis();
    scraped_since(&place, time).await;

    let stored = stored(&place, time).await;
    for job in ["node", "numbered", "prometheus"] {
        let ups = stored["up"].iter().filter(|((labels, _), _)| labels["job"] == job);
        assert!(ups.count() as u64 >= 2 * SCRAPES, "{job}");
    }
    assert!(stored.keys().filter(|metric| metric.starts_with("node_")).count() > 100, "the node has its metrics");
    for (metric, samples) in &stored {
        let all = async || sent(&place, metric, time).await.filter(|sent| sent.len() >= samples.len());
        let sent = until(&format!("all samples of {metric}: {}", samples.len()), all).await;
        let both = sent.iter().filter(|(key, values)| samples.get(key) == Some(values)).count();
        assert!(both == samples.len() && both == sent.len(), "{metric}: Weir has {sent:?}, Prometheus {samples:?}");
    }
    for lost in ["failed", "dropped"] {
        for what in ["samples", "exemplars", "histograms"] {
            let name = format!("prometheus_remote_storage_{what}_{lost}_total");
            assert_eq!(counted(&place, &name).await, Some(0.0), "{name}");
        }
    }
    assert_eq!(counted(&place, "prometheus_remote_storage_metadata_failed_total").await, Some(0.0));
    histograms_and_exemplars(&place).await;
    metadata(&place).await;
}

/// What a number of the target says of its histogram and its exemplars.
async fn histograms_and_exemplars(place: &Place) {
    // Of n scrapes n are in the bucket of 1.5, and n / 2 in that of -3.
    let odd = "SELECT count(*) FROM served_seconds WHERE job = 'numbered' AND (schema <> 0 OR zero_threshold <> 1e-3 OR \
               positive_spans <> '[[1,1]]' OR negative_spans <> '[[2,1]]' OR \
               positive_deltas <> '[' || (count_int - count_int / 3) || ']')";
    assert_eq!(place.sql(odd).await, [[json!(0)]]);
    let exemplars = "SELECT count(*) > 1, count(*) = count(DISTINCT trace_id), min(value), max(value) FROM metrics.exemplars \
                     WHERE metric = 'served_total' AND job = 'numbered' AND trace_id LIKE 'trace-%'";
    assert_eq!(place.sql(exemplars).await, [[json!(true), json!(true), json!(1.0), json!(1.0)]]);
}

/// Type, help and unit of every metric.
async fn metadata(place: &Place) {
    let known = ask(place, "metadata").await;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let known = known.as_object().unwrap().iter().flat_map(|(metric, all)| {
        let of_one = |one: &Value| [metric.clone(), text(&one["type"]), text(&one["help"]), text(&one["unit"])];
        all.as_array().unwrap().iter().map(of_one).collect::<Vec<_>>()
    });
    let known: Vec<[String; 4]> = known.collect();
    assert!(known.len() > 300, "{}", known.len());
    let unsaid = async || {
        let rows = place.rows_so_far("SELECT metric, type, help, unit FROM metrics.metadata").await;
        let said: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(text).collect()).collect();
        let missing = known.iter().find(|one| !said.iter().any(|said| said == *one));
        missing.is_none().then_some(())
    };
    until("all metadata is in metrics.metadata", unsaid).await;
}
