use std::{net::SocketAddr, sync::Arc, time::Duration};

use reqwest::{Client, StatusCode};
use serde_json::Value;
use tokio::time::Instant;
use weir_detect::quorum::QuorumPolicy;
use weir_dispatch::dns::Zones;
use weir_scheduler::policy::Policy;

use super::*;
use crate::{
    services::{self, Services, ServicesConfig},
    work::Wanted,
};

/// Far more than a debug build needs, so that a failure is one.
const PATIENCE: Duration = Duration::from_secs(30);

fn anywhere() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// A whole daemon over the demo's estate, on free ports.
async fn daemon(data: &std::path::Path, tokens: &[&str]) -> (Services, String) {
    crate::shell::choose_tls_provider();
    let estate = weir_model::inventory::parse("demo.yaml", weir_sim::DEMO_ESTATE).unwrap();
    let config = ServicesConfig {
        wanted: Wanted {
            estate: Arc::new(estate),
            inventory: weir_sim::DEMO_ESTATE.into(),
            scrapes: Vec::new(),
            rules: Vec::new(),
            alertmanager: None,
            traffic: None,
            anomalies: Vec::new(),
            forecasts: Vec::new(),
        },
        policy: Policy::default(),
        quorum: QuorumPolicy::default(),
        listen: Listen {
            http: anywhere(),
            grpc: anywhere(),
            dns: anywhere(),
            redirect: anywhere(),
            tls: None,
            tokens: tokens.iter().map(|token| (*token).to_owned()).collect(),
            external_url: None,
        },
        zones: Zones::new(Vec::new()),
        with_dns: true,
        data: data.to_owned(),
        retention: Duration::from_secs(86_400).into(),
        store: crate::config::StoreConfig::default(),
        httpdns_key: data.join("httpdns.key"),
        host_every: Duration::from_secs(3_600),
        history: None,
    };
    let mut services = services::start(config).await.unwrap();
    let address = services.serve_http(None, Router::new()).unwrap();
    (services, format!("http://{address}"))
}

async fn get(url: String) -> (StatusCode, String) {
    let answer = Client::new().get(url).send().await.unwrap();
    (answer.status(), answer.text().await.unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_documented_path_is_served_and_no_other() {
    let data = tempfile::tempdir().unwrap();
    let (services, base) = daemon(data.path(), &[]).await;
    let (_, text) = get(format!("{base}/api/v1/openapi.json")).await;
    let document: Value = serde_json::from_str(&text).unwrap();
    for (path, methods) in document["paths"].as_object().unwrap() {
        // Of the demo only.
        if path.starts_with("/api/v1/demo/") {
            continue;
        }
        for method in methods.as_object().unwrap().keys() {
            let url = format!("{base}{}", path.replace("{node}", "edge-1"));
            let method = method.to_uppercase().parse().unwrap();
            let status = Client::new().request(method, url).send().await.unwrap().status();
            assert!(![StatusCode::NOT_FOUND, StatusCode::METHOD_NOT_ALLOWED].contains(&status), "{path}: {status}");
        }
    }
    let (status, page) = get(format!("{base}/")).await;
    assert_eq!(status, StatusCode::OK);
    assert!(page.starts_with("<!doctype html>"), "{page}");
    let (status, text) = get(format!("{base}/api/v1/nothing")).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(text.contains("openapi.json"), "{text}");
    let (_, metrics) = get(format!("{base}/metrics")).await;
    for name in ["weir_rows_written_total", "weir_dns_answered_total", "weir_probes_total", "weir_plan_generation"] {
        assert!(metrics.contains(&format!("\n{name} ")), "{name} is not in\n{metrics}");
    }
    services.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_done_by_hand_is_in_the_audit() {
    let data = tempfile::tempdir().unwrap();
    let (services, base) = daemon(data.path(), &["correct-horse-battery"]).await;
    let drain = Client::new().post(format!("{base}/api/v1/nodes/edge-1/drain")).bearer_auth("correct-horse-battery");
    assert_eq!(drain.send().await.unwrap().status(), StatusCode::ACCEPTED);
    let reload = Client::new().post(format!("{base}/api/v1/reload")).bearer_auth("correct-horse-battery");
    assert_eq!(reload.send().await.unwrap().status(), StatusCode::CONFLICT);
    assert_eq!(get(format!("{base}/metrics")).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(get(format!("{base}/")).await.0, StatusCode::OK, "the page asks for the token");
    let query = "SELECT 1 FROM ops.audit WHERE (path = '/api/v1/nodes/edge-1/drain' AND status = 202 AND who = 'corr' \
                 AND \"from\" = '127.0.0.1' AND result LIKE '%drained%') OR (action = 'reload' AND status = 409)";
    let started = Instant::now();
    while services.store.count_rows(query).await.unwrap_or(0) < 2 {
        assert!(started.elapsed() < PATIENCE, "no such rows");
        tokio::task::yield_now().await;
    }
    services.stop().await;
}

#[test]
fn the_document_names_every_status_of_a_query_and_no_other() {
    let document: Value = serde_json::from_str(OPENAPI).unwrap();
    for method in ["get", "post"] {
        let statuses = document["paths"]["/api/v1/sql"][method]["responses"].as_object().unwrap();
        let statuses: Vec<&str> = statuses.keys().map(String::as_str).collect();
        assert_eq!(statuses, ["200", "400", "408", "413", "422", "500", "503"]);
    }
}
