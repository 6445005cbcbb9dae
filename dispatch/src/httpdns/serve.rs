//! `GET /httpdns/resolve?host=&ip=`.

use std::{net::IpAddr, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::{ConnectInfo, Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use serde::Deserialize;
use weir_model::{estate::Protocol, picker::Client, time::UnixNanos};

use super::{Answer, Signer};
use crate::answers::{self, Answers};

/// Shortest life of a signed answer: a TTL of one second would expire on its way over a slow link.
const LIFE_MIN: Duration = Duration::from_secs(5);

/// What the handler needs.
#[derive(Clone, Debug)]
pub struct HttpdnsState {
    /// The plan in force.
    pub answers: Answers,
    /// Signs.
    pub signer: Arc<Signer>,
    /// The wall clock.
    pub clock: fn() -> UnixNanos,
}

#[derive(Debug, Deserialize)]
struct Asked {
    host: String,
    /// The client's address; absent: where the request comes from.
    ip: Option<String>,
}

/// The route, to be served with connect info.
pub fn router(state: HttpdnsState) -> Router {
    Router::new().route("/httpdns/resolve", get(resolve)).with_state(state)
}

async fn resolve(
    State(state): State<HttpdnsState>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Query(asked): Query<Asked>,
) -> Response {
    let client = match asked.ip.as_deref().map(str::parse::<IpAddr>) {
        Some(Ok(ip)) => ip,
        Some(Err(_)) => {
            let text = format!("`ip` is `{}`, which is no IP address\n", asked.ip.unwrap_or_default());
            return (StatusCode::BAD_REQUEST, text).into_response();
        }
        None => peer.ip(),
    };
    // A listener of both families shows v4 clients as ::ffff:a.b.c.d, which is in no prefix.
    match answer(&state, &asked.host, client.to_canonical()) {
        Ok(answer) => Json(state.signer.sign(answer)).into_response(),
        Err((code, text)) => (code, format!("{text}\n")).into_response(),
    }
}

fn answer(state: &HttpdnsState, host: &str, client: IpAddr) -> Result<Answer, (StatusCode, String)> {
    let picker =
        state.answers.load().ok_or((StatusCode::SERVICE_UNAVAILABLE, "there is no plan yet: try again".to_owned()))?;
    let host = host.to_ascii_lowercase();
    let host = host.trim_end_matches('.');
    let domain = answers::domain(&picker, host, Protocol::Httpdns);
    let domain = domain.map_err(|unserved| (StatusCode::NOT_FOUND, unserved.to_string()))?;
    let nobody = || (StatusCode::SERVICE_UNAVAILABLE, format!("no site may serve `{host}` for {client}"));
    let picked = picker.pick(domain, Client::Subnet(client)).ok_or_else(nobody)?;
    let answers: Vec<IpAddr> = picker.addresses(&picked, false).chain(picker.addresses(&picked, true)).collect();
    // To sign that there is nobody would have clients keep that over the next plan.
    if answers.is_empty() {
        return Err((StatusCode::SERVICE_UNAVAILABLE, format!("no address serves `{host}` for {client}: try again")));
    }
    let scope = ipnet_scope(client, picked.scope);
    let issued = (state.clock)().secs();
    let life = picker.ttl(domain).max(LIFE_MIN).as_secs();
    let expires = issued.saturating_add(i64::try_from(life).unwrap_or(i64::MAX));
    Ok(Answer { host: host.to_owned(), client_scope: scope, answers, issued, expires, key_id: String::new() })
}

fn ipnet_scope(address: IpAddr, bits: u8) -> String {
    ipnet::IpNet::new(address, bits).map_or_else(|_| address.to_string(), |net| net.trunc().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{answers::fixture, test_client};

    fn state() -> HttpdnsState {
        let answers = Answers::default();
        answers.install(fixture::plan(1, 1)).unwrap();
        HttpdnsState { answers, signer: Arc::new(Signer::new("k1", &[1; 32])), clock: || UnixNanos::from_secs(1_000) }
    }

    #[test]
    fn answers_name_their_scope_and_life() {
        let state = state();
        let wide = answer(&state, "WWW.acme.test.", "10.0.9.9".parse().unwrap()).unwrap();
        assert_eq!((wide.client_scope.as_str(), wide.issued, wide.expires), ("10.0.0.0/16", 1_000, 1_005));
        assert_eq!(wide.answers.len(), 2, "one v4 and one v6 address");
        let narrow = answer(&state, "www.acme.test", "10.1.9.9".parse().unwrap()).unwrap();
        assert_eq!(narrow.client_scope, "10.1.9.0/24");
        assert_eq!(answer(&state, "other.test", "10.1.9.9".parse().unwrap()).unwrap_err().0, StatusCode::NOT_FOUND);
    }

    #[test]
    fn domains_that_do_not_list_httpdns_are_refused() {
        let state = HttpdnsState { answers: Answers::default(), ..state() };
        state.answers.install(fixture::plan_without(Protocol::Httpdns)).unwrap();
        let text = "`www.acme.test` is not served by httpdns: add it to the domain's `protocols` in the inventory";
        let refused = answer(&state, "www.acme.test", "10.0.0.1".parse().unwrap()).unwrap_err();
        assert_eq!(refused, (StatusCode::NOT_FOUND, text.to_owned()));
    }

    #[test]
    fn an_answer_without_addresses_is_not_signed() {
        let state = HttpdnsState { answers: Answers::default(), ..state() };
        let mut plan = serde_json::to_value(&*fixture::plan(1, 1)).unwrap();
        for node in plan["directory"]["nodes"].as_array_mut().unwrap() {
            node["addresses"] = serde_json::json!([]);
        }
        state.answers.install(Arc::new(serde_json::from_value(plan).unwrap())).unwrap();
        let refused = answer(&state, "www.acme.test", "10.0.0.1".parse().unwrap()).unwrap_err();
        let text = "no address serves `www.acme.test` for 10.0.0.1: try again";
        assert_eq!(refused, (StatusCode::SERVICE_UNAVAILABLE, text.to_owned()));
    }

    #[test]
    fn without_a_plan_it_says_so() {
        let state = HttpdnsState { answers: Answers::default(), ..state() };
        assert_eq!(
            answer(&state, "www.acme.test", "10.0.0.1".parse().unwrap()).unwrap_err().0,
            StatusCode::SERVICE_UNAVAILABLE
        );
    }

    #[tokio::test]
    async fn v4_clients_of_a_listener_of_both_families_find_their_group() {
        let state = HttpdnsState { answers: Answers::default(), ..state() };
        state.answers.install(fixture::loopback_plan()).unwrap();
        for path in ["/httpdns/resolve?host=www.acme.test", "/httpdns/resolve?host=www.acme.test&ip=::ffff:127.0.0.9"] {
            let answer = test_client::get(router(state.clone()), "weir", path).await;
            assert!(answer.contains(r#""client_scope":"127.0.0.0/8","answers":["127.0.1.2"]"#), "{answer}");
        }
    }
}
