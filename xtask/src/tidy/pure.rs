//! The pure rooms stay pure: no unsafe code, and one set of lints for all of them.

use std::{fs, path::Path};

use anyhow::Context;

/// Rooms without clock, I/O and randomness (DESIGN.md, invariant 1).
const PURE: [&str; 6] = ["model", "billing", "rules", "detect", "scheduler", "sim"];

pub(super) fn check(root: &Path) -> anyhow::Result<Vec<String>> {
    let read = |path: String| fs::read_to_string(root.join(&path)).with_context(|| format!("reading {path}"));
    let lints = read(format!("{}/clippy.toml", PURE[0]))?;
    let mut faults = Vec::new();
    for room in PURE {
        if !read(format!("{room}/src/lib.rs"))?.contains("#![forbid(unsafe_code)]") {
            faults.push(format!("{room}/src/lib.rs: a pure room forbids unsafe code: add #![forbid(unsafe_code)]"));
        }
        if read(format!("{room}/clippy.toml"))? != lints {
            faults.push(format!("{room}/clippy.toml: differs from {}/clippy.toml", PURE[0]));
        }
    }
    Ok(faults)
}
