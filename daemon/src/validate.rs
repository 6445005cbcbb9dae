//! What is wrong with a configuration beside what it names: asked by `weir check`, and by `weir run` and every
//! reload before anything is bound or changed.

use std::error::Error;

use weir_collector::clock;
use weir_model::{estate::Estate, yaml::Diagnostics};

use crate::{
    config::{AgentConfig, Config},
    endpoint, grpc, https,
    ledgers::Ledgers,
};

/// Everything that is wrong with `config`, over `estate`.
pub(crate) fn validate(config: &Config, estate: &Estate) -> Diagnostics {
    crate::shell::choose_tls_provider();
    let mut found = Diagnostics::default();
    if let Some(traffic) = &config.traffic {
        found = found.and(traffic.map(estate).err().unwrap_or_default());
    }
    for currency in config.policy.rates_missing(estate) {
        let accounting = config.policy.accounting;
        let message = format!(
            "`scheduler`: a contract charges in {currency}, and `rates` has none for it: \
             write what one {currency} is worth in {accounting}"
        );
        found = found.and(Diagnostics::of_file(&config.file, message));
    }
    for (contract, error) in Ledgers::refused(estate, clock::wall()) {
        let message = format!("contract `{contract}` cannot be billed: {}", causes(&error));
        found = found.and(Diagnostics::of_file(&config.inventory.display().to_string(), message));
    }
    let mut wrong = |what: &str, result: anyhow::Result<()>| {
        if let Err(error) = result {
            found = std::mem::take(&mut found).and(Diagnostics::of_file(&config.file, format!("{what}: {error:#}")));
        }
    };
    if let Some(tls) = &config.listen.tls {
        wrong("`tls`", https::server_config(tls).map(drop).and_then(|()| grpc::tls_config(tls).map(drop)));
    }
    if let Some(controller) = &config.controller {
        wrong("`controller`", endpoint::to(controller, config.controller_tls.as_ref()).map(drop));
    }
    for job in &config.scrapes {
        wrong(&format!("job `{}` of `scrape`", job.name), job.check_files().map_err(Into::into));
    }
    if let Some(clickhouse) = &config.clickhouse {
        wrong("`clickhouse`", clickhouse.settings().map(drop));
    }
    found
}

/// Everything that is wrong with what the agent's configuration `file` names.
pub(crate) fn validate_agent(file: &str, config: &AgentConfig) -> Diagnostics {
    crate::shell::choose_tls_provider();
    let mut found = Diagnostics::default();
    if let Err(error) = endpoint::to(&config.daemon, config.tls.as_ref()) {
        found = found.and(Diagnostics::of_file(file, format!("`daemon`: {error:#}")));
    }
    if let Err(error) = config.policy.check() {
        found = found.and(Diagnostics::of_file(file, format!("`health`: {}", causes(&error))));
    }
    found
}

/// An error and its causes.
fn causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
