//! Who may talk to the API: those who show a token, where tokens are set, and no pages of strangers.
//!
//! Against DNS rebinding: a page of a stranger that made its name resolve to this machine sends
//! its own name as `Host`, and its own origin.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use axum::{
    extract::Request,
    http::{HeaderMap, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

/// Whether an `Authorization` header opens what `tokens` guard. Compared without stopping at the
/// first difference, so that time tells nothing of a token but its length.
pub(crate) fn admits(tokens: &[String], shown: Option<&str>) -> bool {
    let shown = shown.and_then(|shown| shown.strip_prefix("Bearer ")).unwrap_or_default().as_bytes();
    let same = |token: &String| {
        let differing = token.bytes().zip(shown).fold(0, |differing, (a, b)| differing | (a ^ b));
        token.len() == shown.len() && differing == 0
    };
    tokens.is_empty() || tokens.iter().any(same)
}

/// Where clients of InfluxDB write. They have a scheme of their own for the same tokens.
const LINE_PROTOCOL: [&str; 2] = ["/api/v2/write", "/write"];

/// What is everybody's to ask: liveness, also as clients of InfluxDB ask for it, which show no token there.
const PUBLIC: [&str; 4] = ["/healthz", "/readyz", "/ping", "/health"];

/// Whether the tokens that guard `path` admit a request.
fn admits_to(path: &str, tokens: &[String], shown: Option<&str>) -> bool {
    let token = shown.filter(|_| LINE_PROTOCOL.contains(&path)).and_then(|shown| shown.strip_prefix("Token "));
    match token {
        Some(token) => admits(tokens, Some(&format!("Bearer {token}"))),
        None => admits(tokens, shown),
    }
}

/// Lets a request through when it shows a token. What is [`PUBLIC`] needs none, nor does the page that asks for one.
pub(super) async fn with_token(tokens: Arc<[String]>, request: Request, next: Next) -> Response {
    let shown = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let path = request.uri().path();
    let is_public = PUBLIC.contains(&path) || super::ui::has(path);
    if is_public || admits_to(path, &tokens, shown) {
        return next.run(request).await;
    }
    let text = "a token is asked for: send `Authorization: Bearer <token>`\n";
    (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Bearer")], text).into_response()
}

/// Lets a request through when `Host` (HTTP/2: the authority), and `Origin` when there is one, name
/// this server by a loopback address or as `localhost`. Beyond loopback it may be known by any
/// name, and tokens guard it, which a stranger's page does not have.
pub(super) async fn same_site(listening: SocketAddr, request: Request, next: Next) -> Response {
    let authority = request.uri().authority().map(|authority| authority.as_str());
    if is_same_site(listening, request.headers(), authority) {
        next.run(request).await
    } else {
        let text = "this API answers only under its own address: open it as http://127.0.0.1 or http://localhost\n";
        (StatusCode::FORBIDDEN, text).into_response()
    }
}

fn is_same_site(listening: SocketAddr, headers: &HeaderMap, authority: Option<&str>) -> bool {
    if !listening.ip().is_loopback() {
        return true;
    }
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let origin_is_ours = text(header::ORIGIN).is_none_or(|origin| {
        origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://")).is_some_and(is_ours)
    });
    text(header::HOST).is_none_or(is_ours) && authority.is_none_or(is_ours) && origin_is_ours
}

fn is_ours(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_open_and_nothing_else_does() {
        let tokens = ["correct-horse-battery".to_owned()];
        assert!(admits(&tokens, Some("Bearer correct-horse-battery")));
        for shown in
            [None, Some(""), Some("Bearer "), Some("Bearer correct-horse-batterx"), Some("correct-horse-battery")]
        {
            assert!(!admits(&tokens, shown), "{shown:?}");
        }
        assert!(admits(&[], None));
    }

    #[test]
    fn clients_of_influxdb_show_tokens_in_their_own_way() {
        let tokens = ["correct-horse-battery".to_owned()];
        for path in LINE_PROTOCOL {
            assert!(admits_to(path, &tokens, Some("Token correct-horse-battery")), "{path}");
            assert!(admits_to(path, &tokens, Some("Bearer correct-horse-battery")), "{path}");
            for shown in [None, Some("Token "), Some("Token correct-horse-batterx"), Some("correct-horse-battery")] {
                assert!(!admits_to(path, &tokens, shown), "{path} {shown:?}");
            }
        }
        for path in ["/api/v1/write", "/api/v1/reload", "/api/v2/write/", "/"] {
            assert!(!admits_to(path, &tokens, Some("Token correct-horse-battery")), "{path}");
        }
    }

    #[test]
    fn strangers_names_and_origins_are_refused() {
        let loopback = "127.0.0.1:7080".parse().unwrap();
        let headers = |host: &str, origin: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, host.parse().unwrap());
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, origin.parse().unwrap());
            }
            headers
        };
        let allowed = |host, origin| is_same_site(loopback, &headers(host, origin), None);
        assert!(allowed("127.0.0.1:7080", None));
        assert!(allowed("localhost:7080", Some("http://localhost:7080")));
        assert!(allowed("[::1]:7080", None));
        assert!(!allowed("evil.example:7080", None));
        assert!(!allowed("127.0.0.1:7080", Some("https://evil.example")));
        assert!(!allowed("127.0.0.1:7080", Some("null")));
        assert!(is_same_site(loopback, &HeaderMap::new(), Some("localhost:7080")));
        assert!(!is_same_site(loopback, &HeaderMap::new(), Some("evil.example:7080")));
        let everywhere = "0.0.0.0:7080".parse().unwrap();
        assert!(is_same_site(everywhere, &headers("weir.example", Some("https://weir.example")), None));
    }
}
