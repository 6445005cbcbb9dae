//! Answering one request.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::atomic::Ordering,
    time::Duration,
};

use http_body_util::Full;
use hyper::{
    HeaderMap, Request, Response, StatusCode, Uri,
    body::{Bytes, Incoming},
    header::HOST,
};
use tokio::time::sleep;
use weir_model::{
    estate::Role,
    id::{DomainOrd, GroupOrd, NodeOrd},
};

use super::{Server, upstream::Failed};
use crate::demo::estate::object_bytes;

type Answer = Response<Full<Bytes>>;

impl Server {
    /// Answers, or closes the connection when a loss was injected.
    pub(super) async fn answer(&self, request: Request<Incoming>, peer: SocketAddr) -> io::Result<Answer> {
        if request.uri().path() == "/fault" {
            return Ok(self.set_faults(request.uri()));
        }
        if self.faults.drops() {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        let wait = self.faults.delay() + self.distance(peer);
        if !wait.is_zero() {
            sleep(wait).await;
        }
        Ok(match request.uri().path() {
            "/healthz" => text(StatusCode::OK, "ok\n"),
            "/metrics" => text(StatusCode::OK, self.counters.exposition(&self.estate)),
            _ => self.content(request.headers(), request.uri().path()).await,
        })
    }

    /// `/fault?slow_ms=80&loss=0.3`
    fn set_faults(&self, uri: &Uri) -> Answer {
        for pair in uri.query().unwrap_or_default().split('&') {
            match pair.split_once('=') {
                Some(("slow_ms", millis)) => {
                    self.faults.slow_millis.store(millis.parse().unwrap_or(0), Ordering::Relaxed);
                }
                Some(("loss", part)) => {
                    let part: f64 = part.parse().unwrap_or(0.0);
                    self.faults.loss.store((part.clamp(0.0, 1.0) * 1e6) as u32, Ordering::Relaxed);
                }
                _ => {}
            }
        }
        text(StatusCode::OK, "set\n")
    }

    async fn content(&self, headers: &HeaderMap, path: &str) -> Answer {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let (host, path) = wanted(header(HOST.as_str()), path);
        let Some(domain) = self.estate.domain_ord(host) else {
            return text(StatusCode::NOT_FOUND, format!("`{host}` is not served here\n"));
        };
        match self.role {
            Role::Origin => body(&self.name(), false, Bytes::from(vec![b'w'; object_bytes(domain.index())])),
            Role::Mid => self.forward(host, path, header("x-weir-route")).await,
            Role::Edge => self.serve_user(host, domain, path, header("x-weir-client")).await,
        }
    }

    /// What an edge does: wait as long as the user is away, answer from the cache or along the
    /// plan's routes.
    async fn serve_user(&self, host: &str, domain: DomainOrd, path: &str, client: &str) -> Answer {
        let group = client.parse().ok().and_then(|client| self.estate.prefixes.locate(client).group);
        let Some(group) = group else { return text(StatusCode::BAD_REQUEST, "x-weir-client names no known user\n") };
        if let Some(rtt) = self.estate.groups[group.index()].latency.get(&self.site) {
            sleep(Duration::from_secs_f64(rtt.0 / 1e3)).await;
        }
        let key = format!("{host}{path}");
        if let Some(kept) = self.upstream.kept(&key) {
            return self.served(group, domain, kept, false);
        }
        for route in self.routes(domain) {
            if let Ok(fetched) = self.along(&route[1..], host, path).await {
                self.upstream.keep(key, fetched.clone());
                return self.served(group, domain, fetched, true);
            }
        }
        text(StatusCode::BAD_GATEWAY, "no route leads to an origin\n")
    }

    fn served(&self, group: GroupOrd, domain: DomainOrd, content: Bytes, missed: bool) -> Answer {
        self.counters.count(group, domain, content.len(), missed);
        body(&self.name(), missed, content)
    }

    /// The plan's routes of this edge for a domain, best first.
    fn routes(&self, domain: DomainOrd) -> Vec<Vec<NodeOrd>> {
        let picker = self.answers.load();
        let routes = picker.as_ref().and_then(|picker| picker.plan().routes_of(self.node, domain));
        routes.map_or_else(Vec::new, |routes| routes.routes.iter().map(|route| route.path.clone()).collect())
    }

    /// What a mid does: answer from its cache, or go on along the route.
    async fn forward(&self, host: &str, path: &str, route: &str) -> Answer {
        let key = format!("{host}{path}");
        if let Some(kept) = self.upstream.kept(&key) {
            return body(&self.name(), false, kept);
        }
        let nodes: Option<Vec<NodeOrd>> = route.split(',').map(|name| self.estate.node_ord(name)).collect();
        match self.along(&nodes.unwrap_or_default(), host, path).await {
            Ok(fetched) => {
                self.upstream.keep(key, fetched.clone());
                body(&self.name(), true, fetched)
            }
            Err(Failed) => text(StatusCode::BAD_GATEWAY, "the next hop does not answer\n"),
        }
    }

    /// Fetches from the first of `hops`, telling it the others.
    async fn along(&self, hops: &[NodeOrd], host: &str, path: &str) -> Result<Bytes, Failed> {
        let (next, rest) = hops.split_first().ok_or(Failed)?;
        let rest: Vec<&str> = rest.iter().map(|node| self.estate.nodes[node.index()].id.as_str()).collect();
        let node = &self.estate.nodes[next.index()];
        self.upstream.fetch((node.addresses[0], node.port).into(), host, path, &rest.join(",")).await
    }

    fn name(&self) -> String {
        self.estate.nodes[self.node.index()].id.to_string()
    }
}

/// The domain that is asked for, and the path there. A client that HTTP 302 sent here names an address as
/// `Host`, and the domain as the path's first segment.
fn wanted<'a>(host: &'a str, path: &'a str) -> (&'a str, &'a str) {
    let bare = host.trim_matches(['[', ']']);
    let is_address = host.parse::<SocketAddr>().is_ok() || bare.parse::<IpAddr>().is_ok();
    match path.strip_prefix('/') {
        Some(rest) if is_address => rest.find('/').map_or((rest, "/"), |slash| rest.split_at(slash)),
        _ => (host, path),
    }
}

fn text(status: StatusCode, text: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(text.into()));
    *answer.status_mut() = status;
    answer
}

/// Content, with who served it and whether it had to be fetched.
fn body(node: &str, missed: bool, content: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(content));
    if let Ok(node) = node.parse() {
        answer.headers_mut().insert("x-weir-node", node);
    }
    let cache = if missed { "miss" } else { "hit" };
    answer.headers_mut().insert("x-weir-cache", hyper::header::HeaderValue::from_static(cache));
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirected_client_names_the_domain_in_the_path() {
        for host in ["127.1.0.1", "127.1.0.1:8080", "[::1]", "[::1]:8080"] {
            assert_eq!(wanted(host, "/www.aurora.test/a/b"), ("www.aurora.test", "/a/b"), "{host}");
            assert_eq!(wanted(host, "/www.aurora.test"), ("www.aurora.test", "/"), "{host}");
        }
        assert_eq!(wanted("www.aurora.test", "/a/b"), ("www.aurora.test", "/a/b"));
    }
}
