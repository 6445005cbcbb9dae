//! Against DNS rebinding: a page of a stranger that made its name resolve to this machine sends
//! its own name as `Host`, and its own origin.

use std::net::{IpAddr, SocketAddr};

use axum::{
    extract::Request,
    http::{HeaderMap, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

/// Lets a request through when `Host`, and `Origin` when there is one, name this server by
/// address or as `localhost`.
pub(super) async fn same_site(listening: SocketAddr, request: Request, next: Next) -> Response {
    if is_same_site(request.headers(), listening) {
        next.run(request).await
    } else {
        let text = "this API answers only under its own address: open it as http://127.0.0.1 or http://localhost\n";
        (StatusCode::FORBIDDEN, text).into_response()
    }
}

fn is_same_site(headers: &HeaderMap, listening: SocketAddr) -> bool {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let host_is_ours = text(header::HOST).is_none_or(|host| is_ours(host, listening));
    let origin_is_ours = text(header::ORIGIN).is_none_or(|origin| {
        origin
            .strip_prefix("http://")
            .or_else(|| origin.strip_prefix("https://"))
            .is_some_and(|host| is_ours(host, listening))
    });
    host_is_ours && origin_is_ours
}

fn is_ours(host: &str, listening: SocketAddr) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name.trim_start_matches('[').trim_end_matches(']');
    let is_this_address = name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback() || ip == listening.ip());
    name.eq_ignore_ascii_case("localhost") || is_this_address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_names_and_origins_are_refused() {
        let allowed = |host: &str, origin: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, host.parse().unwrap());
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, origin.parse().unwrap());
            }
            is_same_site(&headers, "127.0.0.1:7080".parse().unwrap())
        };
        assert!(allowed("127.0.0.1:7080", None));
        assert!(allowed("localhost:7080", Some("http://localhost:7080")));
        assert!(allowed("[::1]:7080", None));
        assert!(!allowed("evil.example:7080", None));
        assert!(!allowed("127.0.0.1:7080", Some("https://evil.example")));
        assert!(!allowed("127.0.0.1:7080", Some("null")));
    }
}
