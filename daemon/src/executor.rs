//! Executors that run apart from the controller: they follow its plans, keep the last one on disk,
//! and answer from it whatever happens to the controller or to themselves.

use std::sync::Arc;

use anyhow::Context;
use tokio::{net::TcpListener, signal::unix::Signal};
use tokio_util::sync::CancellationToken;
use weir_dispatch::{
    answers::Answers,
    dns::{DnsServer, Zone, Zones},
    plans::{Follow, follow},
    store::PlanStore,
};
use weir_model::plan::{Plan, PlanNumber};

use crate::{api, config::Config, endpoint, https};

/// DNS workers: one per core of the smallest machine we run on.
const WORKERS: usize = 2;

/// Answers DNS from the plans of the controller that `config` names. There is nothing to reload at `hangups`.
pub(crate) async fn run_dns(config: Config, hangups: Signal) -> anyhow::Result<()> {
    let controller = config
        .controller
        .clone()
        .context("`controller` is missing: give the URL of its gRPC, e.g. http://10.0.0.1:7081")?;
    let endpoint = endpoint::to(&controller, config.controller_tls.as_ref())?;
    let _held = weir_analyzer::lock::take(&config.data)?;
    let store = PlanStore::in_folder(&config.data);
    let answers = Answers::default();
    let held = recover(&store, &answers);
    let server = DnsServer::bind(config.listen.dns, WORKERS, answers.clone(), zones(&config.zones)?)
        .with_context(|| format!("DNS cannot listen on {}", config.listen.dns))?;
    let http = TcpListener::bind(config.listen.http).await;
    let http = http.with_context(|| format!("the API cannot listen on {}", config.listen.http))?;
    let watched = api::executor_router(answers.clone(), server.counters());
    let serving = https::serve(http, config.listen.tls.as_ref(), watched, CancellationToken::new())?;
    tracing::info!(address = %config.listen.dns, plan = %held, "DNS answers");
    let who = Follow {
        executor: format!("dns-{}", config.listen.dns),
        kind: "dns".into(),
        token: config.listen.tokens.first().cloned(),
    };
    let apply = move |plan: Arc<Plan>| {
        answers.install(Arc::clone(&plan)).map_err(|stale| stale.to_string())?;
        // In force in memory already: a full disk must not stop a failover.
        if let Err(error) = store.save(&plan) {
            tracing::error!(error = &error as &dyn std::error::Error, "the plan is not on disk");
        }
        Ok(())
    };
    tokio::select! {
        () = serving => anyhow::bail!("HTTP ended"),
        () = server.run() => anyhow::bail!("the DNS server ended"),
        () = follow(endpoint, who, held, apply) => anyhow::bail!("following ended"),
        () = crate::shell::pass_over(hangups) => anyhow::bail!("SIGHUP cannot be received any more"),
        stopped = crate::shell::asked_to_stop() => stopped,
    }
}

/// Takes the last plan on disk into force; its number.
pub(crate) fn recover(store: &PlanStore, answers: &Answers) -> PlanNumber {
    match store.load() {
        Ok(Some(plan)) => answers.install(Arc::new(plan)).unwrap_or_default(),
        Ok(None) => PlanNumber::default(),
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "starting without the last plan");
            PlanNumber::default()
        }
    }
}

/// The zones of the configuration.
pub(crate) fn zones(written: &[(String, Vec<String>)]) -> anyhow::Result<Zones> {
    let zones = written.iter().map(|(apex, servers)| Zone::new(apex, servers)).collect::<Result<_, _>>()?;
    Ok(Zones::new(zones))
}
