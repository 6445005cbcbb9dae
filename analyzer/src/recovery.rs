//! The start: manifest, series, then the log; and tidying up after an interrupted flush.

use std::{
    collections::BTreeSet,
    fs::{self, OpenOptions},
    io,
    path::{Path, PathBuf},
};

use crate::{
    catalog::{Catalog, SeriesId, TableId, journal::Definition},
    data_file::DataFile,
    disk_layout::{Layout, segment_number},
    fields::FieldType,
    last_times::{self, LastTimes},
    manifest::{self, Manifest},
    series_segment,
    settings::Settings,
    state::State,
    store::OpenError,
    wal::{
        record::Record,
        replay::{self, Found},
    },
};

/// What a start found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecoveryReport {
    /// Log records replayed.
    pub records: u64,
    /// Rows in them.
    pub rows: u64,
    /// Bytes cut off the end of the newest log segment: a write that was never acknowledged.
    pub torn_bytes: u64,
    /// Acknowledged data that could not be read. The file is kept as `*.corrupt`.
    pub corrupt: Vec<CorruptRecord>,
}

/// Where something could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CorruptRecord {
    /// The file as it was called.
    pub file: PathBuf,
    /// Where in it.
    pub offset: u64,
    /// What is wrong there.
    pub reason: String,
}

/// Everything that was on disk.
pub(crate) struct Recovered {
    pub(crate) catalog: Catalog,
    pub(crate) state: State,
    pub(crate) manifest: Manifest,
    /// The largest number of a log segment so far.
    pub(crate) last_segment: u64,
    pub(crate) report: RecoveryReport,
}

/// Reads the directory.
pub(crate) fn recover(layout: &Layout, settings: &Settings) -> Result<Recovered, OpenError> {
    let file = layout.manifest();
    let mut manifest = manifest::read(&file).map_err(|source| OpenError::Manifest { file, source })?;
    let mut catalog = Catalog::default();
    for number in &manifest.series_segments {
        let file = layout.series_segment(*number);
        series_segment::read(&file, &mut catalog).map_err(|source| OpenError::Series { file, source })?;
    }
    catalog.series_end_at_least(manifest.series_end);
    let mut report = RecoveryReport::default();
    manifest.files.retain_mut(|file| is_sound(layout, file, &mut report));
    remove_leftovers(layout, &manifest)?;
    for table in manifest.files.iter().filter_map(|file| file.table) {
        if (table as usize) < catalog.tables().len() {
            catalog.set_wide(TableId(table));
        }
    }
    let last_times = read_last_times(layout, &manifest, &mut report);
    let (files, deletions) = (manifest.files.clone(), manifest.deletions.clone());
    let state = State::with_files(files, deletions, last_times, manifest.next_sequence);
    let mut recovered = Recovered { catalog, state, last_segment: manifest.wal_from, manifest, report };
    recovered.replay(layout, settings)?;
    Ok(recovered)
}

/// Whether a data file is there in its full length; one that is not is reported and set aside. So is its rollup,
/// without which rows are read.
fn is_sound(layout: &Layout, file: &mut DataFile, report: &mut RecoveryReport) -> bool {
    let parts: Vec<_> = file.parts().collect();
    for (name, bytes) in parts {
        let path = layout.data().join(&name);
        let (offset, reason) = match fs::metadata(&path) {
            Ok(metadata) if metadata.len() == bytes => continue,
            Ok(metadata) => (metadata.len().min(bytes), format!("it has {} bytes, not {bytes}", metadata.len())),
            Err(error) => (0, error.to_string()),
        };
        set_aside(&path, false);
        report.corrupt.push(CorruptRecord { file: path, offset, reason });
        if name == file.name || file.is_rolled_up {
            return false;
        }
        file.rollup = None;
    }
    true
}

/// Without them more is merged than must be, and nothing is lost.
fn read_last_times(layout: &Layout, manifest: &Manifest, report: &mut RecoveryReport) -> Option<LastTimes> {
    let file = layout.last_times(manifest.last_times?);
    match last_times::read(&file) {
        Ok(times) => Some(times),
        Err(error) => {
            report.corrupt.push(CorruptRecord { file, offset: 0, reason: error.to_string() });
            None
        }
    }
}

/// Removes data files and series segments that the manifest does not name, temporary files, and spills.
fn remove_leftovers(layout: &Layout, manifest: &Manifest) -> io::Result<()> {
    let files = manifest.files.iter().flat_map(DataFile::parts).map(|(name, _)| layout.data().join(name));
    let segments = manifest.series_segments.iter().map(|number| layout.series_segment(*number));
    let times = manifest.last_times.map(|number| layout.last_times(number));
    let named: BTreeSet<PathBuf> = files.chain(segments).chain(times).collect();
    for folder in [layout.data(), layout.series()] {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let path = entry.path();
            // A folder is none of ours: `lost+found` where this is a file system of its own.
            if entry.file_type()?.is_file()
                && !named.contains(&path)
                && path.extension().is_none_or(|extension| extension != "corrupt")
            {
                fs::remove_file(path)?;
            }
        }
    }
    fs::remove_dir_all(layout.spill())?;
    fs::create_dir(layout.spill())
}

impl Recovered {
    fn replay(&mut self, layout: &Layout, settings: &Settings) -> Result<(), OpenError> {
        crate::flush::remove_old_log(layout, self.manifest.wal_from);
        let mut segments = Vec::new();
        for entry in fs::read_dir(layout.wal())? {
            let entry = entry?;
            if let Some(number) = entry.file_name().to_str().and_then(segment_number) {
                self.last_segment = self.last_segment.max(number);
                if entry.metadata()?.len() == 0 {
                    fs::remove_file(entry.path())?;
                } else {
                    segments.push(number);
                }
            }
        }
        segments.sort_unstable();
        let newest = segments.last().copied();
        for number in segments {
            self.replay_segment(&layout.wal_segment(number), Some(number) == newest, settings)?;
        }
        Ok(())
    }

    fn replay_segment(&mut self, path: &Path, newest: bool, settings: &Settings) -> Result<(), OpenError> {
        let bytes = fs::read(path)?;
        let Found { records, damage, torn_at } = replay::segment(&bytes, newest, |record| self.apply(record, settings));
        self.report.records += records;
        if !damage.is_empty() {
            // A file that is then cut is copied: a link would be cut as well.
            set_aside(path, torn_at.is_some());
        }
        for damage in damage {
            let corrupt = CorruptRecord { file: path.into(), offset: damage.offset, reason: damage.reason.into() };
            self.report.corrupt.push(corrupt);
        }
        if let Some(good) = torn_at {
            let torn_bytes = bytes.len() as u64 - good;
            tracing::warn!(file = %path.display(), offset = good, torn_bytes, "the log's torn end is cut off");
            self.report.torn_bytes += torn_bytes;
            let file = OpenOptions::new().write(true).open(path)?;
            file.set_len(good)?;
            file.sync_all()?;
        }
        Ok(())
    }

    fn apply(&mut self, record: Record, settings: &Settings) -> Result<(), &'static str> {
        for definition in &record.definitions {
            let new = self.catalog.restore(definition).map_err(|_| "a definition contradicts an earlier one")?;
            if let Definition::Forgotten { series } = definition {
                self.state.last_times.forget(&series.iter().map(|series| series.0).collect());
            }
            if new {
                self.catalog.journal.push_logged(definition.clone());
            }
        }
        if !record.values.series.iter().all(|series| self.catalog.labels(SeriesId(*series)).is_some()) {
            return Err("samples of a series whose definition is lost");
        }
        self.report.rows += record.values.time.len() as u64;
        let applied = self.state.apply_values(record.values, settings.chunk_rows);
        applied.map_err(|_| "samples that cannot be sorted")?;
        for group in record.groups {
            let fits = self.catalog.tables().nth(group.table.0 as usize).is_some_and(|table| {
                let mut fields = group.fields.iter().zip(&group.columns);
                fields.all(|(field, column)| {
                    table.fields.get(*field as usize).is_some_and(|field| field.kind == FieldType::of(column))
                }) && group.series.iter().all(|series| table.all().contains(*series))
            });
            if !fits {
                return Err("rows of a table, field or series whose definition is lost");
            }
            self.report.rows += group.time.len() as u64;
            self.catalog.set_wide(group.table);
            let applied = self.state.apply(group, &self.catalog, settings.chunk_rows);
            applied.map_err(|_| "rows that cannot be sorted")?;
        }
        Ok(())
    }
}

/// Keeps a damaged file under another name, before its sound rows are flushed and it is removed. A
/// link, not a rename: a crash in between must find the rows once more.
fn set_aside(path: &Path, copy: bool) {
    let with = |ending| {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        name
    };
    let name = with(".corrupt");
    // Beside, then in place: the name may be a link to the file itself, which a copy onto it would empty.
    let copied = || {
        let beside = with(".copy");
        fs::copy(path, &beside)?;
        fs::rename(&beside, &name)
    };
    let kept = match if copy { copied() } else { fs::hard_link(path, &name) } {
        Err(error) if matches!(error.kind(), io::ErrorKind::AlreadyExists | io::ErrorKind::NotFound) => Ok(()),
        Err(_) if !copy => copied(),
        kept => kept,
    };
    if let Err(error) = kept {
        tracing::error!(file = %path.display(), %error, "cannot set a damaged file aside");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_cut_is_kept_whole_beside_also_where_it_was_set_aside_before() {
        let folder = tempfile::tempdir().unwrap();
        let (path, aside) = (folder.path().join("7.wal"), folder.path().join("7.wal.corrupt"));
        fs::write(&path, "all of it").unwrap();
        set_aside(&path, false);
        set_aside(&path, true);
        OpenOptions::new().write(true).open(&path).unwrap().set_len(3).unwrap();
        let read = |path| fs::read_to_string(path).unwrap();
        assert_eq!((read(&path), read(&aside)), ("all".to_owned(), "all of it".to_owned()));
        set_aside(&path, false);
        assert_eq!(read(&aside), "all of it", "what was kept first stays");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 2);
    }
}
