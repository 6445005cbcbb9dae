//! Chores of the workspace: `cargo xtask tidy`.

mod tidy;

use std::{path::Path, process::ExitCode};

fn main() -> anyhow::Result<ExitCode> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."));
    match std::env::args().nth(1).as_deref() {
        Some("tidy") => tidy::run(root),
        other => {
            eprintln!("usage: cargo xtask tidy\n  holds the table of rooms, the budgets of files, and names");
            anyhow::bail!("{}", other.map_or("no task given".to_owned(), |task| format!("there is no task `{task}`")))
        }
    }
}
