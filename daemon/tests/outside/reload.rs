//! A reload is applied whole or not at all, and what is asked meanwhile is told the truth: the plan in force
//! is of the inventory before, until there is another.

use std::fs;

use futures::StreamExt;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::weir::{Place, Process, until};

async fn state(place: &Place) -> Value {
    let answer = place.request(Method::GET, "/api/v1/state").send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    answer.json().await.unwrap()
}

/// The names under `key` of the estate as the UI sees it.
async fn names(place: &Place, key: &str) -> Vec<String> {
    let answer = place.request(Method::GET, "/api/v1/estate").send().await.unwrap();
    let estate: Value = answer.json().await.unwrap();
    estate[key].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
}

/// Who serves a group.
fn shares(state: &Value, group: &str) -> Value {
    let pair = state["demand"].as_array().unwrap().iter().find(|pair| pair["group"] == group);
    pair.map_or(Value::Null, |pair| pair["shares"].clone())
}

/// The inventory with another group and another site before all others, and without the site in the west.
fn changed(place: &Place) -> String {
    let text = fs::read_to_string(place.path("estate.yaml")).unwrap();
    let kept = text.lines().filter(|line| !line.contains("id: west") && !line.contains("id: edge-west"));
    let text = kept.collect::<Vec<_>>().join("\n") + "\n";
    let group = "client_groups:\n  - {id: northerners, region: east, isp: telco, prefixes: [10.9.0.0/16], latency: {east: 9ms}}\n";
    let site = "sites:\n  - {id: annex, kind: idc, region: middle, provider: own}\n";
    text.replace(", west: 50ms", "").replace("client_groups:\n", group).replace("sites:\n", site) + WESTERNERS
}

const WESTERNERS: &str =
    "  - {id: westerners, region: west, isp: telco, prefixes: [10.2.0.0/16], latency: {east: 50ms}}\n";

fn hang_up(process: &Process) {
    use rustix::process::{Pid, Signal, kill_process};
    kill_process(Pid::from_raw(i32::try_from(process.id()).unwrap()).unwrap(), Signal::HUP).unwrap();
}

/// Waits for an event of this name in the stream.
async fn announced(events: reqwest::Response, name: &str) {
    let mut text = String::new();
    let mut chunks = events.bytes_stream();
    while !text.contains(&format!("event: {name}\n")) {
        text += std::str::from_utf8(&chunks.next().await.unwrap().unwrap()).unwrap();
    }
}

#[tokio::test]
async fn another_inventory_is_gone_over_to_without_a_lie() {
    let place = Place::new();
    let daemon = place.run_to_plan().await;
    assert_eq!(shares(&state(&place).await, "easterners"), json!([["east", 1.0]]));
    let events = place.request(Method::GET, "/api/v1/events").send().await.unwrap();
    place.write("estate.yaml", changed(&place));
    hang_up(&daemon);
    tokio::time::timeout(super::weir::PATIENCE, announced(events, "estate")).await.expect("an event `estate`");
    let sites = names(&place, "sites").await;
    assert_eq!(sites, ["annex", "core", "east"]);
    assert_eq!(names(&place, "groups").await, ["northerners", "easterners", "westerners"]);
    // Nodes that are gone may still be asked for by who has not heard.
    for node in ["edge-west", "edge-east"] {
        place.post(&format!("/api/v1/nodes/{node}/undrain"), "").await;
    }
    let explained = "SELECT verdict FROM explain_assignment('northerners', 'www.acme.test') WHERE site = 'east'";
    until("a plan of what there is", async || {
        // Of either plan, the one before or the one after, it was the east that served them.
        let state = state(&place).await;
        assert_eq!(shares(&state, "easterners"), json!([["east", 1.0]]));
        let route = place.post("/api/v1/sql", "SELECT path FROM best_route('edge-east', 'www.acme.test')").await;
        assert!(route.text().await.unwrap().contains("edge-east > origin"));
        place.rows_so_far(explained).await.pop().filter(|row| row[0] == "chosen")
    })
    .await;
    until("it is in force", async || {
        let state = state(&place).await;
        (shares(&state, "westerners") == json!([["east", 1.0]])).then_some(())
    })
    .await;
    let reloads = until("the reload was audited", async || {
        let sql = "SELECT who, status, result FROM ops.audit WHERE action = 'reload'";
        Some(place.rows_so_far(sql).await).filter(|rows| !rows.is_empty())
    })
    .await;
    assert_eq!(reloads, [[json!("SIGHUP"), json!(200), json!("reloaded")]]);
}

#[tokio::test]
async fn a_refused_reload_changes_nothing() {
    let place = Place::new();
    let daemon = place.run_to_plan().await;
    let before = (names(&place, "sites").await, state(&place).await["plan"].clone());
    place.write("estate.yaml", changed(&place).replace("provider: own}", "provider: nobody}"));
    let answer = place.post("/api/v1/reload", "").await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let said = answer.text().await.unwrap();
    assert!(said.starts_with("nothing was changed: estate.yaml:3:"), "{said}");
    assert!(said.contains("there is no provider `nobody`"), "{said}");
    assert_eq!((names(&place, "sites").await, state(&place).await["plan"].clone()), before);
    hang_up(&daemon);
    let refused = until("both were audited", async || {
        let rows = place.rows_so_far("SELECT who, status FROM ops.audit ORDER BY time").await;
        (rows.len() == 2).then_some(rows)
    })
    .await;
    assert_eq!(refused, [[json!(""), json!(422)], [json!("SIGHUP"), json!(422)]]);
    assert_eq!((names(&place, "sites").await, state(&place).await["plan"].clone()), before);
}

#[tokio::test]
async fn a_long_answer_is_told_whole_and_recorded_in_part() {
    let place = Place::new();
    let _daemon = place.run_to_plan().await;
    let sites: String =
        (0..400).map(|n| format!("  - {{id: s{n}, kind: idc, region: r, provider: nobody}}\n")).collect();
    let estate = fs::read_to_string(place.path("estate.yaml")).unwrap();
    place.write("estate.yaml", estate.replace("sites:\n", &format!("sites:\n{sites}")));
    let answer = place.post("/api/v1/reload", "").await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let said = answer.text().await.unwrap();
    assert_eq!(said.matches("there is no provider `nobody`").count(), 400);
    let sql = "SELECT status, result FROM ops.audit";
    let row = until("it was audited", async || place.rows_so_far(sql).await.pop()).await;
    assert_eq!(row[0], json!(422));
    let recorded = row[1].as_str().unwrap();
    let kept = recorded.strip_suffix(&format!("... ({} bytes in all)", said.trim().len())).unwrap();
    assert!(kept.len() == 16_384 && said.starts_with(kept), "{} bytes", kept.len());
}
