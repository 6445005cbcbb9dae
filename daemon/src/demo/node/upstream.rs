//! Fetching what a server does not have, and keeping it.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use http_body_util::{BodyExt, Empty};
use hyper::{Request, body::Bytes};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::time::timeout;

/// How long an object is kept. Short, so that misses never cease and mids have work.
const KEPT: Duration = Duration::from_secs(10);
/// Objects kept: at 20 kB, 80 MB.
const OBJECTS_MAX: usize = 4_096;
/// When a fetch is given up and the next route tried: far above the longest path of the demo.
const FETCH_MAX: Duration = Duration::from_millis(400);

/// A hop refused, failed or was too slow.
#[derive(Debug)]
pub(super) struct Failed;

#[derive(Debug)]
pub(super) struct Upstream {
    client: Client<HttpConnector, Empty<Bytes>>,
    kept: Mutex<HashMap<String, (Instant, Bytes)>>,
}

impl Upstream {
    /// Fetches from the address `ip`, so that servers know who asks.
    pub(super) fn new(ip: IpAddr) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_local_address(Some(ip));
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new()).pool_idle_timeout(Duration::from_secs(5)).build(connector);
        Self { client, kept: Mutex::default() }
    }

    /// The object called `key`, when it is kept and fresh.
    pub(super) fn kept(&self, key: &str) -> Option<Bytes> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(key).filter(|(until, _)| *until > Instant::now()).map(|(_, body)| body.clone())
    }

    /// Keeps an object; when there is no room, the stale go first, then all.
    pub(super) fn keep(&self, key: String, body: Bytes) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if kept.len() >= OBJECTS_MAX {
            kept.retain(|_, (until, _)| *until > now);
        }
        if kept.len() >= OBJECTS_MAX {
            kept.clear();
        }
        kept.insert(key, (now + KEPT, body));
    }

    /// Fetches `path` of `host` from `hop`, which is to go on along `route`.
    pub(super) async fn fetch(
        &self,
        hop: std::net::SocketAddr,
        host: &str,
        path: &str,
        route: &str,
    ) -> Result<Bytes, Failed> {
        let request = Request::get(format!("http://{hop}{path}")).header("host", host).header("x-weir-route", route);
        let request = request.body(Empty::new()).map_err(|_| Failed)?;
        let fetched = async {
            let response = self.client.request(request).await.map_err(|_| Failed)?;
            if !response.status().is_success() {
                return Err(Failed);
            }
            response.into_body().collect().await.map(|body| body.to_bytes()).map_err(|_| Failed)
        };
        timeout(FETCH_MAX, fetched).await.map_err(|_| Failed)?
    }
}
