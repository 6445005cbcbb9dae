//! `weir`: one daemon that measures, knows, decides and acts. Here is only the wiring.

mod accounts;
mod agent;
mod alerts;
mod anomalies;
mod api;
mod cli;
mod config;
mod control;
mod demand_file;
mod demo;
mod diagnosis;
mod endpoint;
mod epoch;
mod executor;
mod forecasts;
mod grpc;
mod httpdns_key;
mod https;
mod infra;
mod inventory_file;
mod ledgers;
mod link_state;
mod mapped;
mod metrics;
mod parts;
mod records;
mod reload;
mod result_rows;
mod rule_tests;
mod scrape_targets;
mod services;
mod shell;
mod sql_functions;
mod store;
mod traffic;
mod validate;
mod work;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let arguments = cli::Cli::parse();
    match cli::run(arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("weir: {error:#}");
            ExitCode::FAILURE
        }
    }
}
