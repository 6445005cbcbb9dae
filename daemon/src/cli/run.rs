//! `weir run`.

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, ValueEnum};

use crate::{
    config::Config,
    executor,
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
    // Checked whole before any port is bound.
    let config = Config::load(&args.config)?;
    crate::shell::block_on(async {
        if args.roles == [Role::Dns] {
            executor::run_dns(config).await?;
            return Ok(ExitCode::SUCCESS);
        }
        let together = [Role::Store, Role::Controller].iter().all(|role| args.roles.contains(role));
        anyhow::ensure!(
            together,
            "`store` and `controller` run in one process in this version: give both, or `dns` alone"
        );
        let services = services::start(ServicesConfig::of(&config, args.roles.contains(&Role::Dns))?).await?;
        crate::shell::asked_to_stop().await?;
        tracing::info!("stopping");
        services.stop().await;
        Ok(ExitCode::SUCCESS)
    })
}
