//! Reading the edges' counters: demand for the controller, usage for the bills.

use std::{sync::Arc, time::Duration};

use tokio::{sync::mpsc, task::JoinSet};
use weir_collector::{
    mapping::{CounterMap, EdgeFeed, Feed, GroupBy, Quantity, Rule, Slots},
    scrape::{self, ScrapeTarget},
    sink::Sink,
    tls::TlsClient,
};
use weir_model::{
    estate::{Estate, Role},
    id::SiteOrd,
    observation::{Labels, Rows},
};

use crate::{
    control::{Control, Input},
    mapped::{DERIVED_MAX, Mapped},
    traffic::Demand,
};

/// How often counters are read, and the length of a slot of demand.
const SCRAPE_EVERY: Duration = Duration::from_secs(1);
/// Counters missed for longer leave a gap.
const GAP_MAX: Duration = Duration::from_secs(4);

/// The rules of the demo's edges.
fn rules() -> [Rule; 2] {
    let feed = |quantity| {
        Feed::Edge(EdgeFeed {
            quantity,
            group: GroupBy::Label("client_group".into()),
            domain: "domain".into(),
            site: "site".into(),
        })
    };
    [
        Rule { metric: "edge_bytes_total".into(), feed: feed(Quantity::Bytes) },
        Rule { metric: "edge_requests_total".into(), feed: feed(Quantity::Requests) },
    ]
}

/// Scrapes every edge into `sink` until the future is dropped; what it says of demand goes into
/// the returned channel.
pub(super) fn start(
    estate: &Estate,
    sink: Arc<dyn Sink>,
) -> anyhow::Result<(mpsc::Receiver<Rows>, impl Future<Output = ()> + Send + use<>)> {
    let slots = Slots { rate: SCRAPE_EVERY, usage: SCRAPE_EVERY, gap_max: GAP_MAX };
    let (derived, received) = mpsc::channel(DERIVED_MAX);
    let sink: Arc<dyn Sink> = Arc::new(Mapped::new(sink, CounterMap::new(rules(), slots)?, derived));
    let client = scrape::client(&TlsClient::host_roots()?)?;
    let mut scraping = JoinSet::new();
    for node in estate.nodes.iter().filter(|node| node.role == Role::Edge) {
        let url = format!("http://{}:{}/metrics", node.addresses[0], node.port);
        let site = &estate.sites[node.site.index()].id;
        let more = Labels::new([("site", site.as_str()), ("node", node.id.as_str())]);
        let target = ScrapeTarget::new("edge", &url, SCRAPE_EVERY, SCRAPE_EVERY / 2)?.with_labels(&more);
        scraping.spawn(scrape::run(target, client.clone(), Arc::clone(&sink), std::future::pending()));
    }
    Ok((received, async move { while scraping.join_next().await.is_some() {} }))
}

/// Hands each slot on: demand to the controller, usage to the ledgers.
pub(super) async fn follow(
    estate: Arc<Estate>,
    mut rows: mpsc::Receiver<Rows>,
    control: Control,
    mut usage: impl FnMut(SiteOrd, f64) + Send,
) {
    let mut demand = Demand::default();
    while let Some(rows) = rows.recv().await {
        for measured in demand.take(&estate, &rows) {
            control.tell(Input::Demand(measured.demanded())).await;
            for (site, bps) in &measured.sites {
                usage(*site, *bps);
            }
        }
    }
}
