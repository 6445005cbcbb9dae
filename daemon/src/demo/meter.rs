//! Reading the edges' counters: demand for the controller, usage for the bills.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::{sync::mpsc, task::JoinSet};
use weir_collector::{
    mapping::{CounterMap, EdgeFeed, Feed, GroupBy, Quantity, Rule, Slots},
    scrape::{self, ScrapeTarget},
    sink::Sink,
    tls::TlsClient,
};
use weir_model::{
    estate::{Estate, Role},
    observation::{Column, Labels, Rows},
    unit::Bps,
};

use crate::{
    control::{Control, Input},
    mapped::{DERIVED_MAX, Mapped},
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

/// Bits/s per (group, domain, site) of one slot.
#[derive(Debug, Default)]
struct Slot {
    time: i64,
    demand: BTreeMap<(usize, usize), f64>,
    sites: BTreeMap<usize, f64>,
}

/// Adds slots up and hands each on when the next begins: demand to the controller, usage to the
/// ledgers.
pub(super) async fn follow(
    estate: Arc<Estate>,
    mut rows: mpsc::Receiver<Rows>,
    control: Control,
    mut usage: impl FnMut(usize, f64) + Send,
) {
    let mut slot = Slot::default();
    while let Some(rows) = rows.recv().await {
        let Some((_, Column::F64(bps))) = rows.fields.iter().find(|(name, _)| &**name == "bps") else { continue };
        for ((series, time), bps) in rows.series.iter().zip(&rows.time).zip(bps) {
            let labels = &rows.labels[*series as usize];
            let group = estate.group_ord(labels.get("client_group"));
            let (domain, site) = (estate.domain_ord(labels.get("domain")), estate.site_ord(labels.get("site")));
            let (Some(group), Some(domain), Some(site), Some(bps)) = (group, domain, site, bps) else { continue };
            if *time > slot.time {
                let full = std::mem::replace(&mut slot, Slot { time: *time, ..Slot::default() });
                hand_on(&full, &control, &mut usage).await;
            }
            if *time == slot.time {
                *slot.demand.entry((group.index(), domain.index())).or_default() += bps;
                *slot.sites.entry(site.index()).or_default() += bps;
            }
        }
    }
}

async fn hand_on(slot: &Slot, control: &Control, usage: &mut impl FnMut(usize, f64)) {
    if slot.demand.is_empty() {
        return;
    }
    let measured = slot.demand.iter().map(|((group, domain), bps)| {
        (weir_model::id::GroupOrd::of(*group), weir_model::id::DomainOrd::of(*domain), Bps(*bps))
    });
    control.tell(Input::Demand(measured.collect())).await;
    for (site, bps) in &slot.sites {
        usage(*site, *bps);
    }
}
