//! The clock of the machine steps back an hour under a running daemon and agent (Debian's libfaketime).

use std::{fs, path::PathBuf};

use reqwest::{Method, StatusCode};
use serde_json::json;

use super::{
    peers::{Numbered, sum},
    weir::{GRPC, Place, Process, until},
    write::{now_millis, series},
};

const HOUR_MS: i64 = 3_600_000;

/// Where Debian has the library: a folder of the machine's kind.
fn faketime() -> Option<PathBuf> {
    let folders = fs::read_dir("/usr/lib").ok()?.flatten().map(|entry| entry.path());
    folders.map(|folder| folder.join("faketime/libfaketime.so.1")).find(|library| library.exists())
}

/// Sets the clock of everything that [`start`] started here.
fn set_clock(place: &Place, offset: &str) {
    // Replaced whole: it is read at any time.
    place.write("offset.new", offset);
    fs::rename(place.path("offset.new"), place.path("offset")).unwrap();
}

/// `weir` with `args`, with the clock that [`set_clock`] sets. Only the wall clock: steps leave the others alone.
fn start(place: &Place, library: &PathBuf, args: &[&str]) -> Process {
    let mut command = place.weir(args);
    command.env("LD_PRELOAD", library).env("FAKETIME_TIMESTAMP_FILE", place.path("offset"));
    command.env("FAKETIME_NO_CACHE", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1").env("FAKETIME_DONT_RESET", "1");
    place.start(command)
}

/// Fires after two seconds, of which the clock steps back in the first.
const RULES: &str = "
groups:
  - name: served
    interval: 200ms
    rules:
      - alert: Served
        expr: SELECT job, max(value) AS value FROM metrics.served_total GROUP BY job
        for: 2s
";

#[tokio::test]
async fn a_clock_that_steps_back_an_hour_stops_nothing() {
    let Some(library) = faketime() else {
        assert!(!PathBuf::from("/usr/bin/apt-get").exists(), "libfaketime is missing: run scripts/setup --tests");
        eprintln!("skipped: libfaketime is not here, and there is no apt-get to install it");
        return;
    };
    let place = Place::new();
    let numbered = Numbered::serve(&place).await;
    place.write("rules.yaml", RULES);
    place.configure(&format!(
        "scrape: [{{job: numbered, interval: 200ms, targets: ['http://{}/metrics']}}]\nrules: [rules.yaml]\n\
         host_every: 1h\nstore: {{flush_age: 200ms}}",
        numbered.address
    ));
    place.write("agent.yaml", format!("name: fra-1\ndaemon: 'http://{}:{GRPC}'\nhost_every: 200ms\n", place.address));
    set_clock(&place, "+0s");
    let daemon = place.ready(start(&place, &library, &["run", "--config", "weir.yaml"])).await;
    let agent = start(&place, &library, &["agent", "--config", "agent.yaml"]);
    let scraped = async || place.rows_so_far("SELECT count(*), max(value) FROM served_total").await.pop();
    let of_agent = async || {
        let rows = place.rows_so_far("SELECT count(*) FROM node_load1").await;
        rows.first()?[0].as_u64()
    };
    let pending = async || {
        let rows = place.rows_so_far("SELECT 1 FROM ops.alerts WHERE alertname = 'Served'").await;
        (!rows.is_empty() && of_agent().await? > 2).then_some(())
    };
    until("the alert is pending, and the agent heard", pending).await;

    set_clock(&place, "-3600s");
    let stepped = now_millis();
    let (scrapes, rows, flushes) =
        (numbered.last(), of_agent().await.unwrap(), counted(&place, "weir_flushes_total").await);
    let goes_on = async || {
        let [_, last] = scraped().await?.try_into().ok()?;
        let is_scraped = last.as_f64()? >= (scrapes + 5) as f64;
        let is_flushed = counted(&place, "weir_flushes_total").await >= flushes + 2.0;
        (is_scraped && is_flushed && of_agent().await? >= rows + 5).then_some(())
    };
    until("scrapes, the agent and flushes go on", goes_on).await;
    let by_the_clock =
        format!("SELECT count(*) > 2 FROM served_total WHERE time < to_timestamp_millis({})", stepped - HOUR_MS / 2);
    assert_eq!(place.sql(&by_the_clock).await, [[json!(true)]], "with times of the clock as it is now");
    // Of senders with the same clock, and of those with the right one.
    for time in [now_millis() - HOUR_MS, now_millis()] {
        assert_eq!(place.remote_write(vec![series("sent", &[], &[(time, 1.0)])]).await.0, StatusCode::NO_CONTENT);
    }
    assert_eq!(place.sql("SELECT count(*) FROM sent").await, [[json!(2)]]);
    let fires = "SELECT 1 FROM ops.alerts WHERE alertname = 'Served' AND state = 'firing'";
    until("the alert fires", async || place.rows_so_far(fires).await.pop()).await;

    set_clock(&place, "+0s");
    let last = numbered.last() + 5;
    until("and on", async || (scraped().await?[1].as_f64()? >= last as f64).then_some(())).await;
    let counts = scraped().await.unwrap();
    // After the rows: what failed before those were counted is said by now.
    let failed = place.sql("SELECT count(*) FROM up WHERE value = 0").await[0][0].as_u64().unwrap();
    let [rows, last] = [&counts[0], &counts[1]].map(|count| count.as_f64().unwrap() as u64);
    // A scrape that took too long has had its number.
    assert!(last - rows <= failed, "{last} numbers, {rows} rows, {failed} failed: none expired, none replaced");
    assert_eq!(counted(&place, "weir_files_expired_total").await, 0.0);
    for process in [&daemon, &agent] {
        assert!(!process.said().contains("panicked"), "{}", process.said());
    }
}

/// What the daemon counts under `name`.
async fn counted(place: &Place, name: &str) -> f64 {
    let text = place.request(Method::GET, "/metrics").send().await.unwrap().text().await.unwrap();
    sum(&text, name).unwrap()
}
