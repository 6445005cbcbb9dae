//! `weir run`.

use std::{path::PathBuf, process::ExitCode, sync::Arc};

use axum::Router;
use clap::{Args, ValueEnum};
use tokio::signal::unix::Signal;

use crate::{
    config::Config,
    executor,
    reload::Reloader,
    services::{self, ServicesConfig},
};

/// Arguments of `weir run`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  weir run --config /etc/weir/weir.yaml\n  weir run --config /etc/weir/dns.yaml --roles dns"
)]
pub(crate) struct RunArgs {
    /// The daemon's configuration
    #[arg(long)]
    config: PathBuf,
    /// What this process does; `dns` alone follows the plans of a controller elsewhere
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Role::Store, Role::Controller, Role::Dns])]
    roles: Vec<Role>,
    /// Logs as JSON, one object a line
    #[arg(long)]
    log_json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Role {
    Store,
    Controller,
    Dns,
}

/// Runs the command.
pub(super) fn run(args: &RunArgs) -> anyhow::Result<ExitCode> {
    crate::shell::log(args.log_json, "info");
    crate::shell::block_on(async {
        let hangups = crate::shell::hangups()?;
        // Checked whole before any port is bound.
        let config = Config::load(&args.config)?;
        if args.roles == [Role::Dns] {
            executor::run_dns(config, hangups).await?;
            return Ok(ExitCode::SUCCESS);
        }
        let together = [Role::Store, Role::Controller].iter().all(|role| args.roles.contains(role));
        anyhow::ensure!(
            together,
            "`store` and `controller` run in one process in this version: give both, or `dns` alone"
        );
        let mut services = services::start(ServicesConfig::of(&config, args.roles.contains(&Role::Dns))?).await?;
        let reloader = services.reloader(args.config.clone(), config)?;
        services.serve_http(Some(Arc::clone(&reloader)), Router::new())?;
        let ended = tokio::select! {
            stopped = crate::shell::asked_to_stop() => stopped,
            ended = reload_on_hangup(&reloader, hangups) => Err(ended),
            ended = services.ended() => Err(ended),
        };
        match &ended {
            Ok(()) => tracing::info!("stopping"),
            Err(cause) => tracing::error!(cause = &**cause, "stopping: a part of this process ended"),
        }
        drop(reloader);
        services.stop().await;
        ended.map(|()| ExitCode::SUCCESS)
    })
}

/// Reloads at every SIGHUP.
async fn reload_on_hangup(reloader: &Reloader, mut hangups: Signal) -> anyhow::Error {
    while hangups.recv().await.is_some() {
        reloader.reload_on_signal().await;
    }
    anyhow::anyhow!("SIGHUP cannot be received any more")
}
