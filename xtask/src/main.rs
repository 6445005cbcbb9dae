//! Chores of the workspace: `cargo xtask tidy`.

mod tidy;

use std::{path::Path, process::ExitCode};

use anyhow::Context;

fn main() -> anyhow::Result<ExitCode> {
    // Asked at run time: checkouts that share a target folder share this binary.
    let here = std::env::var("CARGO_MANIFEST_DIR").context("run it as `cargo xtask`")?;
    let root = Path::new(&here).parent().unwrap_or(Path::new("."));
    match std::env::args().nth(1).as_deref() {
        Some("tidy") => tidy::run(root),
        other => {
            eprintln!("usage: cargo xtask tidy\n  holds the table of rooms, the budgets of files, and names");
            anyhow::bail!("{}", other.map_or("no task given".to_owned(), |task| format!("there is no task `{task}`")))
        }
    }
}
