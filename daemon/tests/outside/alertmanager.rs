//! Alerts and a real Alertmanager (Debian's `prometheus-alertmanager`): the daemon scrapes a gauge, its
//! rule raises the alert, and the Alertmanager has it.

use std::{
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use axum::{Router, routing::get};
use serde_json::{Value, json};

use super::weir::{HTTP, Place, Process, client, until};

/// Where the Alertmanager listens at a place's address: not where one of the machine's own does.
const ALERTMANAGER: u16 = 7093;

const RULES: &str = "
groups:
  - name: tanks
    interval: 200ms
    rules:
      - alert: TankNearlyFull
        expr: |
          SELECT tank, last_value(value ORDER BY time) AS value
          FROM metrics.tank_level
          WHERE time > $now - INTERVAL '1 minute' AND time <= $now
          GROUP BY tank HAVING last_value(value ORDER BY time) > 90
        labels: {severity: critical}
        annotations: {summary: 'tank {{ $labels.tank }} is {{ $value }} percent full'}
";

/// Serves the gauge `tank_level` with the value of `level`; the URL.
async fn tank(place: &Place, level: Arc<AtomicU64>) -> String {
    let text = move || async move { format!("tank_level{{tank=\"7\"}} {}\n", level.load(Ordering::Relaxed)) };
    let listener = tokio::net::TcpListener::bind((place.address, 0)).await.unwrap();
    let url = format!("http://{}/metrics", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/metrics", get(text))).await });
    url
}

fn alertmanager(place: &Place) -> Process {
    place.write("alertmanager.yaml", "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n");
    let mut command = place.here(Command::new("prometheus-alertmanager"));
    command.args(["--config.file=alertmanager.yaml", "--storage.path=alertmanager"]);
    // Without an address for its cluster it is one by itself and opens no other port.
    command.arg(format!("--web.listen-address={}:{ALERTMANAGER}", place.address)).arg("--cluster.listen-address=");
    place.start(command)
}

/// When `ops.alerts` says that `alert` came to be `state`: once, or again and again.
async fn recorded(place: &Place, alert: &str, state: &str) -> Vec<String> {
    let sql = format!("SELECT time FROM ops.alerts WHERE alertname = '{alert}' AND state = '{state}'");
    let rows = until(state, async || Some(place.rows_so_far(&sql).await).filter(|rows| !rows.is_empty())).await;
    rows.iter().map(|row| row[0].as_str().unwrap().to_owned()).collect()
}

/// What the Alertmanager has; `None` while it does not answer.
async fn alerts(place: &Place) -> Option<Vec<Value>> {
    let url = format!("http://{}:{ALERTMANAGER}/api/v2/alerts", place.address);
    client().get(url).send().await.ok()?.json().await.ok()
}

#[tokio::test]
async fn an_alert_waits_for_an_alertmanager_that_is_away_outlives_a_reload_and_is_resolved_there() {
    let place = Place::new();
    let level = Arc::new(AtomicU64::new(95));
    let tank = tank(&place, Arc::clone(&level)).await;
    place.write("rules.yaml", RULES);
    place.configure(&format!(
        "scrape: [{{job: tanks, interval: 200ms, targets: ['{tank}']}}]\nrules: [rules.yaml]\n\
         alertmanager: http://{}:{ALERTMANAGER}",
        place.address
    ));
    let daemon = place.run().await;

    // It fires while nobody is there to be told.
    let fired = recorded(&place, "TankNearlyFull", "firing").await;
    until("the log says so", async || daemon.said().contains("alerts wait").then_some(())).await;

    let _alertmanager = alertmanager(&place);
    let alert = until("the alert arrives", async || alerts(&place).await?.pop()).await;
    assert_eq!(alert["labels"], json!({"alertname": "TankNearlyFull", "severity": "critical", "tank": "7"}));
    assert_eq!(alert["annotations"], json!({"summary": "tank 7 is 95 percent full"}));
    let seconds = |time: &str| time.get(..19).map(str::to_owned);
    assert_eq!(seconds(alert["startsAt"].as_str().unwrap()), seconds(&fired[0]), "when it fired, not when it came");
    let origin = alert["generatorURL"].as_str().unwrap();
    assert!(origin.starts_with(&format!("http://{}:{HTTP}/sql?q=SELECT", place.address)), "{origin}");

    // Its group has another rule now, and starts anew; what fires goes on.
    place.write("rules.yaml", format!("{RULES}      - {{alert: Checked, expr: SELECT 1 AS value}}\n"));
    let answer = place.post("/api/v1/reload", "").await;
    assert!(answer.status().is_success(), "{answer:?}");
    recorded(&place, "Checked", "firing").await;
    assert_eq!(recorded(&place, "TankNearlyFull", "firing").await, fired);
    // A rule that is none any more leaves no alert behind.
    place.write("rules.yaml", RULES);
    place.post("/api/v1/reload", "").await;
    recorded(&place, "Checked", "resolved").await;

    level.store(40, Ordering::Relaxed);
    recorded(&place, "TankNearlyFull", "resolved").await;
    // By itself the Alertmanager would believe it for minutes more.
    let is_told = |alert: &Value| alert["labels"]["alertname"] == "TankNearlyFull";
    until("it is resolved", async || (!alerts(&place).await?.iter().any(is_told)).then_some(())).await;
}
