//! The users: each resolves, then fetches from where it was sent.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use http_body_util::{BodyExt, Empty};
use hyper::{Request, body::Bytes};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::{
    sync::Semaphore,
    time::{MissedTickBehavior, interval, timeout},
};
use weir_collector::clock;
use weir_model::{
    estate::Estate,
    id::{DomainOrd, GroupOrd, NodeOrd, SiteOrd},
    plan::PlanNumber,
};

use super::{
    resolver::Resolver,
    tally::{Ended, Tally},
};

/// How often users set out.
const TICK: Duration = Duration::from_millis(5);
/// Users under way at once: 700 a second, each up to a second.
const UNDER_WAY_MAX: usize = 2_048;
/// When a user gives up.
const PATIENCE: Duration = Duration::from_secs(1);
/// Subnets of each group that users come from.
const SUBNETS: u64 = 256;
/// Objects of a domain: few are asked for often, by a power of the object's number.
const OBJECTS: f64 = 400.0;

/// All users.
#[derive(Debug)]
pub(super) struct Users {
    estate: Arc<Estate>,
    resolver: Resolver,
    client: Client<HttpConnector, Empty<Bytes>>,
    tally: Arc<Mutex<Tally>>,
    /// Per domain, in thousandths: what surges multiply.
    surges: Vec<AtomicU64>,
    /// Users who could not set out because too many were under way.
    held_back: AtomicU64,
}

/// The parts of all requests that go to each domain.
const DOMAIN_PARTS: [f64; 3] = [0.35, 0.40, 0.25];

impl Users {
    /// Users of `estate` who resolve at `dns`.
    pub(super) fn new(estate: Arc<Estate>, dns: SocketAddr, tally: Arc<Mutex<Tally>>) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(PATIENCE));
        let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(256).build(connector);
        let surges = estate.domains.iter().map(|_| AtomicU64::new(1_000)).collect();
        Self { estate, resolver: Resolver::new(dns), client, tally, surges, held_back: AtomicU64::new(0) }
    }

    /// Multiplies the demand for a domain.
    pub(super) fn surge(&self, domain: DomainOrd, factor: f64) {
        self.surges[domain.index()].store((factor * 1_000.0) as u64, Ordering::Relaxed);
    }

    /// Sends `rate` requests a second until the future is dropped. Demand of a pair is spread
    /// over the group's subnets in turn, so that shares show with few requests.
    pub(super) async fn run(self: Arc<Self>, rate: f64) {
        let places = Arc::new(Semaphore::new(UNDER_WAY_MAX));
        let mut pairs = self.pairs(rate);
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        loop {
            ticks.tick().await;
            for pair in &mut pairs {
                let surge = self.surges[pair.domain.index()].load(Ordering::Relaxed) as f64 / 1_000.0;
                pair.owed += pair.rate * surge * TICK.as_secs_f64();
                while pair.owed >= 1.0 {
                    pair.owed -= 1.0;
                    pair.sent += 1;
                    let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
                        self.held_back.fetch_add(1, Ordering::Relaxed);
                        continue;
                    };
                    let (users, group, domain, sent) = (Arc::clone(&self), pair.group, pair.domain, pair.sent);
                    tokio::spawn(async move {
                        users.one(group, domain, sent).await;
                        drop(place);
                    });
                }
            }
        }
    }

    fn pairs(&self, rate: f64) -> Vec<Pair> {
        let groups = self.estate.groups.len();
        let mut pairs = Vec::new();
        for group in 0..groups {
            for domain in 0..self.estate.domains.len() {
                // Groups differ in size by up to a factor of 2.
                let weight = 2.0 / 3.0 * (1.0 + (group * 7 % groups) as f64 / (groups - 1) as f64);
                let rate = rate * DOMAIN_PARTS[domain % DOMAIN_PARTS.len()] * weight / groups as f64;
                let owed = (group * 31 + domain * 17) as f64 % 97.0 / 97.0;
                // Start somewhere else in each pair's subnets.
                let sent = (group * 37 + domain * 101) as u64;
                pairs.push(Pair { group: GroupOrd::of(group), domain: DomainOrd::of(domain), rate, owed, sent });
            }
        }
        pairs
    }

    async fn one(&self, group: GroupOrd, domain: DomainOrd, sent: u64) {
        // 89 is odd, so all 256 subnets come round, and neighbours in time are none in space.
        let subnet = sent.wrapping_mul(89) % SUBNETS;
        let user = Ipv4Addr::new(10, group.0 as u8 + 1, subnet as u8, 1 + (sent % 250) as u8);
        let started = clock::mono();
        let (plan, served_by, missed_cache) = self.visit(domain, user, sent).await;
        let ended = clock::mono();
        let ended = Ended { group, domain, user, plan, served_by, missed_cache, started, ended };
        self.tally.lock().unwrap_or_else(PoisonError::into_inner).ended(&ended);
    }

    async fn visit(
        &self,
        domain: DomainOrd,
        user: Ipv4Addr,
        sent: u64,
    ) -> (Option<PlanNumber>, Option<(NodeOrd, SiteOrd)>, bool) {
        let name = self.estate.domains[domain.index()].id.as_str();
        let resolved = match self.resolver.resolve(domain.index(), name, user).await {
            Ok(resolved) => resolved,
            Err(error) => {
                tracing::debug!(error = &*error, "a user could not resolve");
                return (None, None, false);
            }
        };
        self.tally.lock().unwrap_or_else(PoisonError::into_inner).resolved(resolved.plan, clock::mono());
        match timeout(PATIENCE, self.fetch(resolved.address.to_string(), name, user, sent)).await {
            Ok(Some((node, missed))) => (Some(resolved.plan), Some(node), missed),
            _ => (Some(resolved.plan), None, false),
        }
    }

    async fn fetch(
        &self,
        address: String,
        name: &str,
        user: Ipv4Addr,
        sent: u64,
    ) -> Option<((NodeOrd, SiteOrd), bool)> {
        let node = self.estate.nodes.iter().find(|node| node.addresses.iter().any(|a| a.to_string() == address))?;
        // The fractional parts of multiples of the golden ratio fill (0, 1) evenly.
        let uniform = (sent as f64 * 0.618_033_988_749_895).fract();
        let object = (OBJECTS * uniform * uniform * uniform) as u64;
        let request = Request::get(format!("http://{address}:{}/obj/{object}", node.port))
            .header("host", name)
            .header("x-weir-client", user.to_string())
            .body(Empty::new())
            .ok()?;
        let response = self.client.request(request).await.ok()?;
        if !response.status().is_success() {
            return None;
        }
        let header = |name: &str| response.headers().get(name)?.to_str().ok();
        let served = self.estate.node_ord(header("x-weir-node")?)?;
        let missed = header("x-weir-cache") == Some("miss");
        response.into_body().collect().await.ok()?;
        Some(((served, self.estate.nodes[served.index()].site), missed))
    }
}

#[derive(Debug)]
struct Pair {
    group: GroupOrd,
    domain: DomainOrd,
    /// Requests a second.
    rate: f64,
    /// Part of the next request that is due.
    owed: f64,
    sent: u64,
}
