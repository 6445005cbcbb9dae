//! `weir`: one daemon that measures, knows, decides and acts. Here is only the wiring.

mod agent;
mod api;
mod cli;
mod control;
mod demo;
mod ledgers;
mod link_state;
mod mapped;
mod records;
mod services;
mod shell;
mod store;

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
