//! Budgets and names of source files.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;

/// Lines a source file may have, tests not counted: a screenful of table of contents and the
/// functions under it (STYLE.md: the models' 90th percentile is 530).
const LINES_MAX: usize = 500;

/// Names that say nothing: name the concept instead.
const EMPTY_NAMES: [&str; 6] = ["mod", "util", "utils", "common", "helpers", "misc"];

/// Files over budget, with why. This list may only shrink.
const OVER_BUDGET: [&str; 0] = [];

/// Files that may hold `unsafe`, each with its safety argument inside. This list may only shrink.
const UNSAFE: [&str; 0] = [];

/// Folders without source of ours.
const SKIPPED: [&str; 5] = ["target", "node_modules", "dist", ".git", "fuzz"];

pub(super) fn check(root: &Path) -> anyhow::Result<Vec<String>> {
    let mut faults = Vec::new();
    for path in sources(root)? {
        let name = path.strip_prefix(root).unwrap_or(&path).display().to_string();
        let text = fs::read_to_string(&path).with_context(|| format!("reading {name}"))?;
        faults.extend(faults_of(&name, &path, &text));
    }
    Ok(faults)
}

fn faults_of(name: &str, path: &Path, text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    if EMPTY_NAMES.contains(&stem) {
        faults
            .push(format!("{name}: the name says nothing: name the concept (and use foo.rs beside foo/, not mod.rs)"));
    }
    let is_test = stem == "tests" || name.contains("/tests/");
    let code = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or(text);
    let lines = code.lines().count();
    if lines > LINES_MAX && !is_test && !OVER_BUDGET.contains(&name) {
        faults.push(format!("{name}: {lines} lines, at most {LINES_MAX}: split it by responsibility"));
    }
    if lines <= LINES_MAX && OVER_BUDGET.contains(&name) {
        faults.push(format!("{name}: within budget again: take it off the list in xtask/src/tidy/files.rs"));
    }
    let holds_unsafe = code
        .lines()
        .any(|line| line.contains("unsafe {") || line.contains("unsafe fn") || line.contains("unsafe impl"));
    let is_list = name.starts_with("xtask/");
    if holds_unsafe && !is_list && !UNSAFE.contains(&name) {
        faults.push(format!("{name}: holds `unsafe` and is not on the list in xtask/src/tidy/files.rs"));
    }
    faults
}

fn sources(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() && !SKIPPED.contains(&name) {
            found.extend(sources(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs" || extension == "ts") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_files_empty_names_and_stray_unsafe_are_faults() {
        let check = |name: &str, text: &str| faults_of(name, Path::new(name), text).len();
        assert_eq!(check("model/src/plan.rs", &"x\n".repeat(500)), 0);
        assert_eq!(check("model/src/plan.rs", &"x\n".repeat(501)), 1);
        assert_eq!(check("model/src/plan/tests.rs", &"x\n".repeat(501)), 0);
        assert_eq!(check("model/src/plan.rs", &format!("x\n#[cfg(test)]\nmod tests {{\n{}", "x\n".repeat(501))), 0);
        assert_eq!(check("model/src/utils.rs", ""), 1);
        assert_eq!(check("model/src/plan.rs", "unsafe { x }"), 1);
    }
}
