//! Debian's vmagent, as shipped, scrapes and writes to Weir: every scrape arrives, also those made while Weir was
//! away.

use std::{collections::BTreeSet, process::Command};

use serde_json::json;

use super::{
    peers::{INTERVAL, Numbered, are_here, metrics, node_exporter, sum},
    weir::{HTTP, Place, Process, until},
};

/// Where it listens at a place's address: not where the machine's own does.
const VMAGENT: u16 = 7429;

/// Scrapes before Weir goes away, while it is, and after it is back.
const SCRAPES: u64 = 3;

fn vmagent(place: &Place, jobs: &[(&str, &str)]) -> Process {
    let job = |(name, target): &(&str, &str)| {
        format!("  - {{job_name: {name}, static_configs: [{{targets: ['{target}']}}]}}\n")
    };
    let jobs: String = jobs.iter().map(job).collect();
    place.write("vmagent.yaml", format!("global: {{scrape_interval: {INTERVAL}}}\nscrape_configs:\n{jobs}"));
    let mut command = place.here(Command::new("vmagent"));
    command.args(["-promscrape.config=vmagent.yaml", "-remoteWrite.tmpDataPath=vmagent"]);
    command.arg(format!("-remoteWrite.url=http://{}:{HTTP}/api/v1/write", place.address));
    command.arg(format!("-httpListenAddr={}:{VMAGENT}", place.address));
    place.start(command)
}

/// What vmagent counts about itself under `name`.
async fn counted(place: &Place, name: &str) -> Option<f64> {
    sum(&metrics(&format!("{}:{VMAGENT}", place.address)).await?, name)
}

/// The numbers of the scrapes that SQL has.
async fn numbers(place: &Place) -> Vec<u64> {
    let rows = place.rows_so_far("SELECT value FROM served_total WHERE job = 'numbered' ORDER BY time").await;
    rows.iter().map(|row| row[0].as_f64().unwrap() as u64).collect()
}

/// Names and labels of a text exposition, without the values.
fn series(text: &str) -> BTreeSet<&str> {
    text.lines().filter(|line| !line.starts_with('#')).map(|line| line.rsplit_once(' ').unwrap().0).collect()
}

#[tokio::test]
async fn every_scrape_of_vmagent_is_in_weir_also_when_weir_was_away() {
    if !are_here(&["vmagent", "prometheus-node-exporter"]) {
        return;
    }
    let place = Place::new();
    let mut daemon = place.run().await;
    let (_node, node) = node_exporter(&place).await;
    let numbered = Numbered::serve(&place).await;
    let _vmagent = vmagent(&place, &[("node", &node), ("numbered", &numbered.address)]);
    let scraped = async |last: u64| {
        until("scrapes arrive", async || numbers(&place).await.last().filter(|number| **number >= last).map(|_| ()))
            .await;
    };
    scraped(SCRAPES).await;

    daemon.ask_to_stop();
    assert!(daemon.wait().success(), "{}", daemon.said());
    let retried = async || (counted(&place, "vmagent_remotewrite_retries_count_total").await? > 0.0).then_some(());
    until("vmagent finds nobody and keeps its samples", retried).await;
    let last = numbered.last();
    until("it scrapes meanwhile", async || (numbered.last() >= last + SCRAPES).then_some(())).await;
    let _daemon = place.run().await;
    let last = numbered.last() + SCRAPES;
    // Blocks are sent again one by one, and later ones may come first.
    let complete = async || {
        let numbers: BTreeSet<u64> = numbers(&place).await.into_iter().collect();
        let failed = place.rows_so_far("SELECT count(*) FROM up WHERE job = 'numbered' AND value = 0").await;
        let missing = (1..=last).filter(|number| !numbers.contains(number)).count() as u64;
        // A scrape that took too long for vmagent is none; it says so.
        (missing <= failed.first()?[0].as_u64()?).then_some(())
    };
    until("every number is there", complete).await;
    let numbers = numbers(&place).await;
    assert!(numbers.is_sorted_by(|a, b| a < b), "each once and in order: {numbers:?}");

    // As the exporter itself says it.
    let exposed = metrics(&node).await.unwrap();
    let uname = exposed.lines().find(|line| line.starts_with("node_uname_info{")).unwrap();
    let rows =
        place.sql("SELECT DISTINCT job, instance, nodename, release, value FROM node_uname_info WHERE job <> ''").await;
    let [row] = &rows[..] else { panic!("one series: {rows:?}") };
    assert_eq!((&row[0], &row[1], &row[4]), (&json!("node"), &json!(node), &json!(1.0)));
    for label in [("nodename", &row[2]), ("release", &row[3])] {
        assert!(uname.contains(&format!("{}={}", label.0, label.1)), "{uname} {label:?}");
    }
    let names: BTreeSet<&str> = series(&exposed).into_iter().map(|series| series.split('{').next().unwrap()).collect();
    let tables = place.sql("SELECT table_name FROM information_schema.tables WHERE table_schema = 'metrics'").await;
    let tables: BTreeSet<&str> = tables.iter().map(|row| row[0].as_str().unwrap()).collect();
    assert!(names.len() > 100, "{}", names.len());
    let missing: Vec<_> = names.difference(&tables).collect();
    assert!(missing.is_empty(), "{missing:?}");

    assert_eq!(counted(&place, "vmagent_remotewrite_packets_dropped_total").await, Some(0.0));
    let text = metrics(&format!("{}:{HTTP}", place.address)).await.unwrap();
    for none in ["weir_remote_write_requests_refused_total", "weir_remote_write_samples_rejected_total"] {
        assert_eq!(sum(&text, none), Some(0.0), "{none}");
    }
}
