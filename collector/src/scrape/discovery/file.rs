//! Targets in files (`file_sd`), which are read again as soon as they change.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use glob::Pattern;

use super::{ANSWER_BYTES_MAX, Publisher, causes, groups, ticks};
use crate::{counters::DISCOVERY_FAILED, scrape::relabel::LabelSet};

/// How often files are looked at: what is written is scraped a second later. 1,000 files cost 1,000 calls of
/// `stat`, 1 to 2 microseconds each, so 2 ms of a second.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Most files of one pattern: one a target, as generators write them, for a tenth of what a job may have.
const FILES_MAX: usize = 1_000;

/// Files of targets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileSd {
    /// Paths, whose last part may have `*`, `?` and `[..]`.
    patterns: Vec<PathBuf>,
    /// How often they are read though they look unchanged.
    refresh_interval: Duration,
}

/// Why a pattern names no files.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternProblem {
    /// Files of other names would be read in no format.
    #[error("{0:?} does not end in .json, .yaml or .yml")]
    Extension(String),
    /// A wildcard before the last part.
    #[error("{0:?} has a wildcard in a folder's name: only the last part may have one")]
    Folder(String),
    /// Not a pattern; why.
    #[error("{0:?} is no pattern: {1}")]
    Pattern(String, &'static str),
}

impl FileSd {
    /// The files that `patterns` match.
    ///
    /// # Errors
    /// At the first pattern that is none.
    pub fn new(patterns: Vec<PathBuf>, refresh_interval: Duration) -> Result<Self, PatternProblem> {
        patterns.iter().try_for_each(|pattern| check(pattern))?;
        Ok(Self { patterns, refresh_interval })
    }
}

impl FileSd {
    /// What is wrong with the files there are now, file by file.
    pub fn check_files(&self) -> Vec<(PathBuf, String)> {
        let files = self.patterns.iter().flat_map(|pattern| matches(pattern).into_keys().take(FILES_MAX));
        files.filter_map(|file| read(&file).err().map(|error| (file, error))).collect()
    }
}

fn check(pattern: &Path) -> Result<(), PatternProblem> {
    let text = pattern.display().to_string();
    let extension = pattern.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    if !["json", "yaml", "yml"].contains(&extension.to_ascii_lowercase().as_str()) {
        return Err(PatternProblem::Extension(text));
    }
    let folder = pattern.parent().map(|folder| folder.display().to_string()).unwrap_or_default();
    if folder.contains('*') {
        return Err(PatternProblem::Folder(text));
    }
    match Pattern::new(file_name(pattern)) {
        Ok(_) => Ok(()),
        Err(error) => Err(PatternProblem::Pattern(text, error.msg)),
    }
}

fn file_name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

/// What tells a file from an earlier one of its name.
type Stamp = (SystemTime, u64, u64);

/// Files as they were read last.
#[derive(Debug, Default)]
struct Files {
    read: BTreeMap<PathBuf, File>,
}

#[derive(Debug)]
struct File {
    stamp: Stamp,
    /// Of the last time that it was good.
    targets: Vec<LabelSet>,
}

pub(super) async fn run(sd: FileSd, publisher: Publisher) {
    let mut look = ticks(sd.refresh_interval.min(LOOK_EVERY));
    let mut files = Files::default();
    let mut read_at: Option<tokio::time::Instant> = None;
    loop {
        let now = look.tick().await;
        let is_first = read_at.is_none();
        let is_due = read_at.is_none_or(|at| now.duration_since(at) >= sd.refresh_interval);
        if is_due {
            read_at = Some(now);
        }
        let (patterns, name) = (sd.patterns.clone(), Arc::clone(&publisher.name));
        let looked = tokio::task::spawn_blocking(move || {
            let changed = files.look(&patterns, is_due, &name);
            (files, changed)
        });
        // It ends early only with the runtime.
        let Ok((after, changed)) = looked.await else { return };
        files = after;
        if changed || is_first {
            publisher.publish(files.targets()).await;
        }
    }
}

impl Files {
    /// Reads files that changed, or all; whether any target did.
    fn look(&mut self, patterns: &[PathBuf], all: bool, job: &str) -> bool {
        let mut changed = false;
        let mut found = BTreeMap::new();
        for pattern in patterns {
            let matched = matches(pattern);
            if all && matched.len() > FILES_MAX {
                let (matched, pattern) = (matched.len(), pattern.display());
                tracing::warn!(job, %pattern, matched, limit = FILES_MAX, "too many files of targets: the rest is not read");
            }
            found.extend(matched.into_iter().take(FILES_MAX));
        }
        self.read.retain(|path, _| {
            let stays = found.contains_key(path);
            changed |= !stays;
            stays
        });
        for (path, stamp) in found {
            let before = self.read.get(&path);
            if !all && before.is_some_and(|file| file.stamp == stamp) {
                continue;
            }
            let targets = match read(&path) {
                Ok(targets) => targets,
                Err(error) => {
                    DISCOVERY_FAILED.add(1);
                    let file = path.display();
                    tracing::warn!(job, %file, error, "targets in a file: the last good list stays");
                    before.map(|file| file.targets.clone()).unwrap_or_default()
                }
            };
            changed |= before.is_none_or(|file| file.targets != targets);
            self.read.insert(path, File { stamp, targets });
        }
        changed
    }

    fn targets(&self) -> Vec<LabelSet> {
        self.read.values().flat_map(|file| file.targets.iter().cloned()).collect()
    }
}

/// The files that a pattern matches, with what tells whether they changed.
fn matches(pattern: &Path) -> BTreeMap<PathBuf, Stamp> {
    let Ok(name) = Pattern::new(file_name(pattern)) else { return BTreeMap::new() };
    let folder = pattern.parent().unwrap_or(Path::new("."));
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let named = entries.filter(|entry| entry.file_name().to_str().is_some_and(|file| name.matches(file)));
    named.filter_map(|entry| Some((entry.path(), stamp(&entry.path()).ok()?))).collect()
}

fn stamp(path: &Path) -> io::Result<Stamp> {
    use std::os::unix::fs::MetadataExt;
    // Of what a link leads to: generators swap links.
    let metadata = std::fs::metadata(path)?;
    Ok((metadata.modified()?, metadata.len(), metadata.ino()))
}

fn read(path: &Path) -> Result<Vec<LabelSet>, String> {
    use std::io::Read;
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    let limit = ANSWER_BYTES_MAX as u64 + 1;
    file.take(limit).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() > ANSWER_BYTES_MAX {
        return Err(format!("more than {ANSWER_BYTES_MAX} bytes: split the file"));
    }
    let name = path.display().to_string();
    let is_json = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
    let groups = if is_json { groups::from_json(&bytes) } else { groups::from_yaml(&name, &bytes) };
    let groups = groups.map_err(|error| causes(&error))?;
    Ok(groups::flatten(groups, &[("__meta_filepath", &name)]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(files: &Files) -> Vec<String> {
        files.targets().iter().map(|labels| labels.get("__address__").to_owned()).collect()
    }

    #[test]
    fn patterns_are_checked() {
        let new = |pattern: &str| FileSd::new(vec![pattern.into()], LOOK_EVERY).map_err(|error| error.to_string());
        for good in ["/sd/a.json", "sd/*.yml", "a-*.YAML", "/sd/[ab]?.yaml"] {
            assert!(new(good).is_ok(), "{good}");
        }
        assert_eq!(new("/sd/a.txt").unwrap_err(), r#""/sd/a.txt" does not end in .json, .yaml or .yml"#);
        assert!(new("/*/a.json").unwrap_err().contains("folder's name"));
        assert!(new("/sd/[a.json").unwrap_err().contains("is no pattern"));
    }

    #[test]
    fn files_are_read_when_they_change_and_a_bad_one_stays_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        let mut files = Files::default();
        let patterns = [folder.path().join("*.json"), folder.path().join("b.yml")];
        assert!(!files.look(&patterns, true, "j") && files.targets().is_empty());
        write("a.json", r#"[{"targets": ["a:1"]}]"#);
        write("b.yml", "- targets: [b:1]\n");
        write("c.yml", "- targets: [c:1]\n");
        assert!(files.look(&patterns, false, "j"));
        assert_eq!(addresses(&files), ["a:1", "b:1"]);
        let meta = files.targets()[0].get("__meta_filepath").to_owned();
        assert_eq!(meta, folder.path().join("a.json").display().to_string());
        assert!(!files.look(&patterns, false, "j") && !files.look(&patterns, true, "j"));

        let before = DISCOVERY_FAILED.get();
        write("a.json", r#"[{"targets": ["a:1", "a:2"]"#);
        assert!(!files.look(&patterns, false, "j"));
        assert_eq!(addresses(&files), ["a:1", "b:1"]);
        assert!(DISCOVERY_FAILED.get() > before);
        write("a.json", r#"[{"targets": ["a:1", "a:22"]}]"#);
        assert!(files.look(&patterns, false, "j"));
        assert_eq!(addresses(&files), ["a:1", "a:22", "b:1"]);
        std::fs::remove_file(folder.path().join("a.json")).unwrap();
        assert!(files.look(&patterns, false, "j"));
        assert_eq!(addresses(&files), ["b:1"]);
    }

    #[test]
    fn a_pattern_has_a_limit_of_files_and_a_file_of_bytes() {
        let folder = tempfile::tempdir().unwrap();
        for number in 0..=FILES_MAX {
            std::fs::write(folder.path().join(format!("{number}.json")), "[]").unwrap();
        }
        let mut files = Files::default();
        files.look(&[folder.path().join("*.json")], true, "j");
        assert_eq!(files.read.len(), FILES_MAX);
        let large = folder.path().join("large.yml");
        std::fs::write(&large, " ".repeat(ANSWER_BYTES_MAX + 1)).unwrap();
        assert!(read(&large).unwrap_err().contains("split the file"));
    }
}
