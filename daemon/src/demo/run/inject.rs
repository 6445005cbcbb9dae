//! What faults do to the demo.

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use tokio::time::sleep;
use weir_collector::clock;
use weir_model::{estate::Role, id::NodeOrd};

use super::{Demo, lock};
use crate::{
    control::Input,
    demo::faults::{Fault, Verb},
};

impl Demo {
    /// Does a fault to its target.
    pub(in crate::demo) async fn inject(&self, fault: &Fault) -> anyhow::Result<()> {
        self.split_before.get_or_init(|| self.split_pairs());
        self.do_to_target(fault).await?;
        tracing::info!(%fault, "injected");
        lock(&self.injected).push(fault.to_string());
        Ok(())
    }

    async fn do_to_target(&self, fault: &Fault) -> anyhow::Result<()> {
        match fault.verb {
            Verb::Kill => {
                let node = self.node(&fault.target)?;
                self.make_unserviceable(node, self.nursery.kill(&fault.target)).await
            }
            Verb::Restore => {
                let node = self.node(&fault.target)?;
                self.nursery.start(&fault.target).await?;
                self.set(&fault.target, "slow_ms=0&loss=0").await?;
                lock(&self.unserviceable).remove(&node);
                Ok(())
            }
            Verb::Slow(delay) => self.set(&fault.target, &format!("slow_ms={}", delay.as_millis())).await,
            Verb::Loss(part) if part >= 1.0 => {
                let node = self.node(&fault.target)?;
                self.make_unserviceable(node, self.set(&fault.target, &format!("loss={part}"))).await
            }
            Verb::Loss(part) => {
                let node = self.node(&fault.target)?;
                self.set(&fault.target, &format!("loss={part}")).await?;
                lock(&self.unserviceable).remove(&node);
                Ok(())
            }
            Verb::Price(factor) => self.raise_price(&fault.target, factor).await,
            Verb::Surge(factor) => {
                let domain = lock(&self.estate).domain_ord(&fault.target);
                let domain = domain.with_context(|| format!("the demo has no domain `{}`", fault.target))?;
                self.users.surge(domain, factor);
                Ok(())
            }
        }
    }

    /// Does what ends the service of `node`: a failover to be watched from before it is done, unless it could
    /// not be done, or nobody was served there any more.
    async fn make_unserviceable(
        &self,
        node: NodeOrd,
        doing: impl Future<Output = anyhow::Result<()>>,
    ) -> anyhow::Result<()> {
        let at = clock::mono();
        let is_new = lock(&self.unserviceable).insert(node);
        if is_new {
            lock(&self.tally).injected(node, self.is_edge(node), at);
        }
        let done = doing.await;
        if is_new && done.is_err() {
            lock(&self.unserviceable).remove(&node);
            lock(&self.tally).withdrawn(node, at);
        }
        done
    }

    fn node(&self, name: &str) -> anyhow::Result<NodeOrd> {
        let estate = lock(&self.estate);
        let names: Vec<&str> = estate.nodes.iter().map(|node| node.id.as_str()).collect();
        estate.node_ord(name).with_context(|| format!("the demo has no node `{name}`: it has {}", names.join(", ")))
    }

    fn is_edge(&self, node: NodeOrd) -> bool {
        lock(&self.estate).nodes[node.index()].role == Role::Edge
    }

    /// Tells a server what was done to it; one that has just been started may not listen yet.
    async fn set(&self, name: &str, query: &str) -> anyhow::Result<()> {
        const TRIES: u32 = 40;
        let node = self.node(name)?;
        let url = {
            let estate = lock(&self.estate);
            let node = &estate.nodes[node.index()];
            format!("http://{}:{}/fault?{query}", node.addresses[0], node.port)
        };
        let client = reqwest::Client::new();
        let mut tried = 0;
        loop {
            match client.get(&url).send().await {
                Ok(_) => return Ok(()),
                Err(error) if tried == TRIES => {
                    return Err(error).with_context(|| format!("server {name} does not answer"));
                }
                Err(_) => sleep(Duration::from_millis(50)).await,
            }
            tried += 1;
        }
    }

    async fn raise_price(&self, name: &str, factor: f64) -> anyhow::Result<()> {
        let factor = rust_decimal::Decimal::try_from(factor)?;
        let changed = {
            let mut held = lock(&self.estate);
            let mut estate = (**held).clone();
            let contract = estate.contracts.iter_mut().find(|contract| contract.id.as_str() == name);
            contract.with_context(|| format!("the demo has no contract `{name}`"))?.billing.scale_prices(factor)?;
            *held = Arc::new(estate);
            Arc::clone(&held)
        };
        lock(&self.ledgers).reprice(&changed)?;
        self.store.show_estate(&changed)?;
        self.control.tell(Input::Estate(changed)).await;
        Ok(())
    }
}
