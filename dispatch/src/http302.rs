//! HTTP 302: sends a client that asked us for a domain on to the edge that shall serve it.

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

fn location(picker: &Picker, host: &str, uri: &Uri, client: IpAddr) -> Result<String, (StatusCode, String)> {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name).to_ascii_lowercase();
    let domain = answers::domain(picker, name.trim_end_matches('.'), Protocol::Http302);
    let domain = domain.map_err(|unserved| (StatusCode::NOT_FOUND, unserved.to_string()))?;
    let nobody = || (StatusCode::SERVICE_UNAVAILABLE, format!("no site may serve `{name}` for {client}"));
    let picked = picker.pick(domain, Client::Subnet(client)).ok_or_else(nobody)?;
    let address = picker.addresses(&picked, client.is_ipv6()).next();
    let address = address.or_else(|| picker.addresses(&picked, !client.is_ipv6()).next()).ok_or_else(nobody)?;
    let nodes = &picker.plan().directory.nodes;
    let port = nodes.iter().find(|node| node.addresses.contains(&address)).map_or(80, |node| node.port);
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    Ok(format!("http://{}{path}", SocketAddr::new(address, port)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{answers::fixture, test_client};

    #[test]
    fn the_path_is_kept_and_strangers_are_told() {
        let picker = Picker::new(fixture::plan(1, 1));
        let to = |host, client: &str| location(&picker, host, &"/a/b?c=d".parse().unwrap(), client.parse().unwrap());
        assert_eq!(to("www.acme.test:80", "10.0.0.1").unwrap(), "http://127.0.1.1:8080/a/b?c=d");
        assert_eq!(to("www.other.test", "10.0.0.1").unwrap_err().0, StatusCode::NOT_FOUND);
        let unlisted = fixture::plan_without(Protocol::Http302);
        let to_unlisted =
            location(&Picker::new(unlisted), "www.acme.test", &"/".parse().unwrap(), [10, 0, 0, 1].into());
        let text = "`www.acme.test` is not served by http302: add it to the domain's `protocols` in the inventory";
        assert_eq!(to_unlisted.unwrap_err(), (StatusCode::NOT_FOUND, text.to_owned()));
        let v6 = to("www.acme.test", "2001:db8::1").unwrap();
        assert!(v6.starts_with("http://[::1]:8080/") || v6.starts_with("http://127.0.1.2:8080/"), "{v6}");
    }

    #[tokio::test]
    async fn v4_clients_of_a_listener_of_both_families_find_their_group() {
        let answers = Answers::default();
        answers.install(fixture::loopback_plan()).unwrap();
        let answer = test_client::get(router(answers), "www.acme.test", "/").await;
        assert!(answer.contains("location: http://127.0.1.2:8080/"), "{answer}");
    }
}
