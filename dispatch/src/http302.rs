//! HTTP 302: sends a client that asked us for a domain on to the edge that shall serve it.
//!
//! A client follows `http://192.0.2.7:8080/www.example.com/a?b=c`: edges take the first segment of a path
//! for the domain when `Host` is an address.

use std::net::{IpAddr, SocketAddr};

use axum::{
    Router,
    extract::{ConnectInfo, State},
    http::{HeaderMap, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use weir_model::{
    estate::Protocol,
    picker::{Client, Picker},
};

use crate::answers::{self, Answers};

/// Answers every path of every domain; to be served with connect info.
pub fn router(answers: Answers) -> Router {
    Router::new().fallback(redirect).with_state(answers)
}

async fn redirect(
    State(answers): State<Answers>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    uri: Uri,
) -> Response {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let Some(picker) = answers.load() else {
        return (StatusCode::SERVICE_UNAVAILABLE, "there is no plan yet: try again\n").into_response();
    };
    // A listener of both families shows v4 clients as ::ffff:a.b.c.d, which is in no prefix.
    match location(&picker, host, &uri, peer.ip().to_canonical()) {
        // Not to be cached: where the client belongs may change with the next plan.
        Ok(location) => {
            (StatusCode::FOUND, [(header::LOCATION, location), (header::CACHE_CONTROL, "no-store".to_owned())])
                .into_response()
        }
        Err((code, text)) => (code, format!("{text}\n")).into_response(),
    }
}

/// Where to: the edge's address, then the domain as the path's first segment, since the client will send
/// the address as its `Host`; then the path and query that it asked for.
fn location(picker: &Picker, host: &str, uri: &Uri, client: IpAddr) -> Result<String, (StatusCode, String)> {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name).to_ascii_lowercase();
    let name = name.trim_end_matches('.');
    let domain = answers::domain(picker, name, Protocol::Http302);
    let domain = domain.map_err(|unserved| (StatusCode::NOT_FOUND, unserved.to_string()))?;
    let nobody = || (StatusCode::SERVICE_UNAVAILABLE, format!("no site may serve `{name}` for {client}"));
    let picked = picker.pick(domain, Client::Subnet(client)).ok_or_else(nobody)?;
    let edge = |v6| picker.endpoints(&picked, v6).next();
    let edge = edge(client.is_ipv6()).or_else(|| edge(!client.is_ipv6())).ok_or_else(nobody)?;
    // Of `OPTIONS *` there is no path.
    let path = Some(uri.path()).filter(|path| path.starts_with('/')).unwrap_or("/");
    let query = uri.query().map_or_else(String::new, |query| format!("?{query}"));
    Ok(format!("http://{edge}/{name}{path}{query}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{answers::fixture, test_client};

    #[test]
    fn the_path_is_kept_and_strangers_are_told() {
        let picker = Picker::new(fixture::plan(1, 1));
        let to = |host, client: &str| location(&picker, host, &"/a/b?c=d".parse().unwrap(), client.parse().unwrap());
        assert_eq!(to("www.acme.test:80", "10.0.0.1").unwrap(), "http://127.0.1.1:8080/www.acme.test/a/b?c=d");
        assert_eq!(to("www.other.test", "10.0.0.1").unwrap_err().0, StatusCode::NOT_FOUND);
        let unlisted = fixture::plan_without(Protocol::Http302);
        let to_unlisted =
            location(&Picker::new(unlisted), "www.acme.test", &"/".parse().unwrap(), [10, 0, 0, 1].into());
        let text = "`www.acme.test` is not served by http302: add it to the domain's `protocols` in the inventory";
        assert_eq!(to_unlisted.unwrap_err(), (StatusCode::NOT_FOUND, text.to_owned()));
        let v6 = to("www.acme.test", "2001:db8::1").unwrap();
        assert!(
            v6.starts_with("http://[::1]:8080/www.acme.test/")
                || v6.starts_with("http://127.0.1.2:8080/www.acme.test/"),
            "{v6}"
        );
    }

    #[test]
    fn a_path_leads_nowhere_but_below_the_domain() {
        let picker = Picker::new(fixture::plan(1, 1));
        let to = |host, uri: &str| location(&picker, host, &uri.parse().unwrap(), [10, 0, 0, 1].into()).unwrap();
        assert_eq!(to("WWW.acme.test.:80", "/"), "http://127.0.1.1:8080/www.acme.test/");
        assert_eq!(to("www.acme.test", "//other.test/x"), "http://127.0.1.1:8080/www.acme.test//other.test/x");
        assert_eq!(to("www.acme.test", "http://other.test?a=b"), "http://127.0.1.1:8080/www.acme.test/?a=b");
        assert_eq!(to("www.acme.test", "*"), "http://127.0.1.1:8080/www.acme.test/");
    }

    #[tokio::test]
    async fn clients_are_sent_on_and_told_not_to_keep_it() {
        let answers = Answers::default();
        let answer = test_client::get(router(answers.clone()), "www.acme.test", "/").await;
        assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("there is no plan yet"), "{answer}");
        answers.install(fixture::loopback_plan()).unwrap();
        let answer = test_client::get(router(answers.clone()), "www.acme.test:7082", "/a/b?c=d&e=%2Ff").await;
        assert!(answer.starts_with("HTTP/1.1 302 "), "{answer}");
        assert!(answer.contains("location: http://127.0.1.2:8080/www.acme.test/a/b?c=d&e=%2Ff\r\n"), "{answer}");
        assert!(answer.contains("cache-control: no-store\r\n"), "{answer}");
        let answer = test_client::get(router(answers), "www.other.test", "/").await;
        assert!(answer.starts_with("HTTP/1.1 404 ") && answer.contains("`www.other.test` is no domain"), "{answer}");
    }

    #[tokio::test]
    async fn v4_clients_of_a_listener_of_both_families_find_their_group() {
        let answers = Answers::default();
        answers.install(fixture::loopback_plan()).unwrap();
        let answer = test_client::get(router(answers), "www.acme.test", "/").await;
        assert!(answer.contains("location: http://127.0.1.2:8080/"), "{answer}");
    }
}
