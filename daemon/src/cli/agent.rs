//! `weir agent`.

use std::{path::PathBuf, process::ExitCode, sync::Arc};

use anyhow::Context;
use async_trait::async_trait;
use clap::Args;
use tokio::task::JoinSet;
use weir_collector::{
    host,
    probe::stamp::StampReflector,
    sink::{Sink, SinkError, Written},
    stream::{Uplink, UplinkConfig, uplink},
};
use weir_model::observation::{Batch, Labels};

use crate::{
    agent::{self, AgentPlan},
    config::AgentConfig,
    endpoint, parts,
};

/// Arguments of `weir agent`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  weir agent --config /etc/weir/agent.yaml")]
pub(crate) struct AgentArgs {
    /// The agent's configuration
    #[arg(long)]
    config: PathBuf,
}

/// Bytes of batches kept on disk while the daemon is away: a day of an agent with 100 targets at
/// 100 ms, 1,000 probes/s x 12 bytes.
const SPOOL_BYTES_MAX: u64 = 1 << 30;

/// Rows into the uplink, which keeps them until they are durable.
#[derive(Debug)]
struct IntoUplink(Uplink);

#[async_trait]
impl Sink for IntoUplink {
    async fn write(&self, batch: Batch) -> Result<Written, SinkError> {
        let rows = batch.len() as u64;
        self.0.rows(batch.into_rows());
        Ok(Written { rows, rejected: Vec::new() })
    }
}

/// Runs the command.
pub(super) fn run(args: &AgentArgs) -> anyhow::Result<ExitCode> {
    crate::shell::log_to_stderr("info");
    crate::shell::block_on(async {
        let hangups = crate::shell::hangups()?;
        let config = AgentConfig::load(&args.config)?;
        let endpoint = endpoint::to(&config.daemon, config.tls.as_ref())?;
        let name = config.name.to_string();
        let spool = UplinkConfig {
            agent: name.clone(),
            spool: config.spool,
            spool_bytes_max: SPOOL_BYTES_MAX,
            token: config.token,
        };
        let (uplink, running) = uplink(spool, endpoint)?;
        let mut tasks = JoinSet::new();
        let uplinking = tokio::spawn(running);
        if let Some(address) = config.reflect {
            let reflector = StampReflector::bind(address, |_| std::time::Duration::ZERO).await;
            let reflector = reflector.with_context(|| format!("STAMP cannot listen on {address}"))?;
            tasks.spawn(async move { drop(reflector.run().await) });
        }
        let labels = Labels::new([("instance", name.as_str())]);
        let sink: Arc<dyn Sink> = Arc::new(IntoUplink(uplink.clone()));
        let host_every = config.host_every;
        tasks.spawn(async move { host::run(labels, host_every, sink).await });
        let plan = AgentPlan { vantage: config.name, probes: config.probes, policy: config.policy };
        tracing::info!(agent = name, probes = plan.probes.len(), "the agent runs");
        tasks.spawn(crate::shell::pass_over(hangups));
        tokio::select! {
            ended = agent::run(plan, uplink) => ended?,
            Some(ended) = tasks.join_next() => anyhow::bail!(match ended {
                Ok(()) => "host metrics or STAMP ended".to_owned(),
                Err(error) => format!("host metrics or STAMP failed: {}", parts::reason(error)),
            }),
            stopped = crate::shell::asked_to_stop() => stopped?,
        }
        // The uplink spools what is not acknowledged once all its handles are gone.
        tasks.shutdown().await;
        uplinking.await?;
        Ok(ExitCode::SUCCESS)
    })
}
