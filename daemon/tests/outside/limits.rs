//! What strangers and a misspelt rule may not do: hold everything, or be silent for ever.

use std::time::Duration;

use reqwest::{Method, Response, StatusCode, header::RETRY_AFTER};

use super::weir::{Place, client_of, until};

/// As many as may follow events.
const FOLLOWERS_MAX: usize = 128;

/// The value of a metric without labels.
async fn metric(place: &Place, name: &str) -> u64 {
    let text = place.request(Method::GET, "/metrics").send().await.unwrap().text().await.unwrap();
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok());
    value.unwrap_or_else(|| panic!("no {name} in\n{text}"))
}

#[tokio::test]
async fn one_follower_too_many_is_told_to_come_back() {
    let place = Place::new();
    let _daemon = place.run().await;
    let client = client_of(|builder| builder.timeout(Duration::from_secs(60)));
    let follow = async || -> Response { client.get(place.url("/api/v1/events")).send().await.unwrap() };
    let mut followers = Vec::new();
    for _ in 0..FOLLOWERS_MAX {
        let follower = follow().await;
        assert_eq!(follower.status(), StatusCode::OK);
        followers.push(follower);
    }
    let refused = follow().await;
    assert_eq!(
        (refused.status(), &refused.headers()[RETRY_AFTER]),
        (StatusCode::SERVICE_UNAVAILABLE, &"5".parse().unwrap())
    );
    assert_eq!(metric(&place, "weir_event_followers_refused_total").await, 1);
    assert!(metric(&place, "weir_http_connections").await >= FOLLOWERS_MAX as u64);
    assert_eq!(metric(&place, "weir_http_connections_refused_total").await, 0);
    followers.clear();
    until("there is a place again", async || (follow().await.status() == StatusCode::OK).then_some(())).await;
}

#[tokio::test]
async fn a_rule_whose_table_is_misspelt_says_so_and_is_counted() {
    let place = Place::new();
    let rule = |name: &str, table: &str| {
        format!("  - alert: {name}\n    expr: SELECT instance, value FROM {table} WHERE value > 1e9\n")
    };
    let rules = rule("Misspelt", "node_lode1") + &rule("Good", "node_load1");
    place.write("rules.yaml", format!("groups:\n- name: g\n  interval: 1s\n  rules:\n{rules}"));
    place.configure("rules: [rules.yaml]\nhost_every: 1s");
    let daemon = place.run().await;
    let only_one = async || (metric(&place, "weir_rules_without_table").await == 1).then_some(());
    let is_there = async || (!place.rows_so_far("SELECT 1 FROM node_load1").await.is_empty()).then_some(());
    until("host metrics are there", is_there).await;
    until("the misspelt rule is counted", only_one).await;
    let said = daemon.said();
    let named = "there is no table node_lode1: the rule is silent until there is one; did you mean node_load1";
    assert!(said.contains(named) || said.contains("there is no table node_lode1: the rule is silent"), "{said}");
    assert_eq!(said.matches("alert=\"Misspelt\"").count(), 1, "once: {said}");
}
