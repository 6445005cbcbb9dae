//! What `DESIGN.md` and `STYLE.md` ask for and the compiler does not hold.

mod arrows;
mod files;
mod pure;

use std::{path::Path, process::ExitCode};

/// Runs every check, in this order: arrows first, because a wrong arrow makes the rest moot.
pub(crate) fn run(root: &Path) -> anyhow::Result<ExitCode> {
    let mut faults = arrows::check(root)?;
    faults.extend(files::check(root)?);
    faults.extend(pure::check(root)?);
    for fault in &faults {
        eprintln!("tidy: {fault}");
    }
    eprintln!("tidy: {} faults", faults.len());
    Ok(if faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
