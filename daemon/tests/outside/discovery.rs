//! Targets that a file names are scraped, asked about through SQL, and gone with the file.

use std::fs;

use axum::{Router, routing::get};
use serde_json::json;

use super::weir::{Place, until};

/// Serves a gauge, and one that rules drop; host and port.
async fn exposer(place: &Place) -> String {
    let listener = tokio::net::TcpListener::bind((place.address, 0)).await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let text = || async { "tank_level{tank=\"7\"} 95\ndebug_level 1\n" };
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/metrics", get(text))).await });
    address
}

const SCRAPE: &str = "\
scrape:
  - job: tanks
    interval: 200ms
    file_sd: [{files: ['targets/*.yaml'], refresh_interval: 100ms}]
    relabel: [{source_labels: [__meta_filepath], regex: '.*/(.*)\\.yaml', target_label: file}]
    metric_relabel: [{action: drop, source_labels: [__name__], regex: debug_.*}]
";

#[tokio::test]
async fn targets_of_a_file_are_scraped_shown_and_gone_with_it() {
    let place = Place::new();
    let address = exposer(&place).await;
    fs::create_dir(place.path("targets")).unwrap();
    place.configure(SCRAPE);
    let mut command = place.weir(&["run", "--config", "weir.yaml"]);
    // For others: nobody is there.
    command.env("http_proxy", "http://127.0.0.1:1");
    let _daemon = place.run_as(command).await;
    let health = "SELECT job, instance, labels, health, last_error FROM infra.scrape_targets";
    assert!(place.sql(health).await.is_empty());

    place.write("targets/shore.yaml", format!("- targets: ['{address}']\n  labels: {{site: shore}}\n"));
    let up = until("the target is up", async || place.sql(health).await.into_iter().find(|row| row[3] == "up"));
    let labels = json!({"file": "shore", "instance": address, "job": "tanks", "site": "shore"}).to_string();
    assert_eq!(up.await, [json!("tanks"), json!(address), json!(labels), json!("up"), json!("")]);
    let rows = until("it is stored", async || {
        let rows = place.rows_so_far("SELECT DISTINCT tank, site, file, value FROM metrics.tank_level").await;
        Some(rows).filter(|rows| !rows.is_empty())
    });
    assert_eq!(rows.await, [[json!("7"), json!("shore"), json!("shore"), json!(95.0)]]);
    assert!(place.rows_so_far("SELECT * FROM metrics.debug_level").await.is_empty());
    assert_eq!(place.sql("SELECT * FROM infra.scrape_targets WHERE last_scrape_duration_s >= 0").await.len(), 1);

    // Half a file: what is known stays, and a check tells.
    place.write("targets/shore.yaml", "- targets: [");
    let (code, _, said) = place.ends(&["check", "--config", "weir.yaml"]).await;
    assert!(code == 2 && said.contains("targets/shore.yaml:1:1: not a list of {targets, labels}"), "{code} {said}");
    assert_eq!(place.sql(health).await.len(), 1);
    fs::remove_file(place.path("targets/shore.yaml")).unwrap();
    until("it is gone", async || place.sql(health).await.is_empty().then_some(())).await;
}
