//! Where everything is in the data directory.
//!
//! ```text
//! LOCK                                    the pid of the daemon that holds the directory
//! manifest.json                           which data files and series segments count (manifest.rs)
//! exported.json                           which data files ClickHouse has (history/progress.rs)
//! wal/wal-00000007.log                    the log (wal/record.rs); *.corrupt is what could not be read
//! series/series-00000003.seg              tables, fields and series (series_segment.rs)
//! series/times-00000004.bin               the latest time of each series (last_times.rs)
//! data/value-00000012-<min>-<max>.parquet single-value metrics of all tables
//! data/t5-00000012-<min>-<max>.parquet    table 5; min and max are times in nanoseconds
//! spill/                                  what queries put down; emptied at start
//! ```

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use crate::{catalog::Shape, time_range::TimeRange};

/// Paths under one data directory.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    root: PathBuf,
}

impl Layout {
    /// Creates the folders that are missing.
    pub(crate) fn create(root: &Path) -> io::Result<Self> {
        let layout = Self { root: root.to_owned() };
        for folder in [layout.wal(), layout.series(), layout.data(), layout.spill()] {
            fs::create_dir_all(folder)?;
        }
        sync_folder(root)?;
        Ok(layout)
    }

    pub(crate) fn manifest(&self) -> PathBuf {
        self.root.join("manifest.json")
    }

    pub(crate) fn exported(&self) -> PathBuf {
        self.root.join("exported.json")
    }

    pub(crate) fn wal(&self) -> PathBuf {
        self.root.join("wal")
    }

    pub(crate) fn wal_segment(&self, number: u64) -> PathBuf {
        self.wal().join(format!("wal-{number:08}.log"))
    }

    pub(crate) fn series(&self) -> PathBuf {
        self.root.join("series")
    }

    pub(crate) fn series_segment(&self, number: u64) -> PathBuf {
        self.series().join(format!("series-{number:08}.seg"))
    }

    pub(crate) fn last_times(&self, number: u64) -> PathBuf {
        self.series().join(format!("times-{number:08}.bin"))
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.root.join("data")
    }

    pub(crate) fn spill(&self) -> PathBuf {
        self.root.join("spill")
    }
}

/// The file that is locked, in the directory `root`.
pub(crate) fn lock_file(root: &Path) -> PathBuf {
    root.join("LOCK")
}

/// The name of a data file.
pub(crate) fn data_file_name(shape: Shape, number: u64, time: TimeRange) -> String {
    let shape = match shape {
        Shape::Value => "value".to_owned(),
        Shape::Table(table) => format!("t{}", table.0),
    };
    format!("{shape}-{number:08}-{}-{}.parquet", time.min, time.max)
}

/// The number in `wal-00000007.log`, when `name` is of that form.
pub(crate) fn segment_number(name: &str) -> Option<u64> {
    name.strip_prefix("wal-")?.strip_suffix(".log")?.parse().ok()
}

/// Creates `folder`, and those above it that are missing, each durably named in the one above: what is
/// synced in a folder whose own name is not durable is lost with that.
pub(crate) fn create_folder(folder: &Path) -> io::Result<()> {
    let above = match folder.parent() {
        Some(above) if !above.as_os_str().is_empty() => above,
        Some(_) => Path::new("."),
        None => return Ok(()),
    };
    if !above.is_dir() {
        create_folder(above)?;
    }
    match fs::create_dir(folder) {
        Err(_) if folder.is_dir() => match sync_folder(above) {
            // Made by somebody else, who alone may read the folder above.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
            // A start that was killed before this one may have made it and not synced it.
            synced => synced,
        },
        created => created.and_then(|()| sync_folder(above)),
    }
}

/// Makes new, renamed and removed names in a folder durable.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// A file has its name, but perhaps not durably: after a crash it may be there or not.
#[derive(Debug, thiserror::Error)]
#[error("the folder of the file cannot be synced")]
struct Unsure(#[source] io::Error);

/// Whether a file that [`write_durably`] failed to write may be there all the same.
pub(crate) fn may_be_there(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<Unsure>())
}

/// Writes a file that is there whole and durable, or not at all: temporary name, fsync, rename,
/// fsync of the folder. A failed attempt leaves nothing behind that counts, unless [`may_be_there`].
pub(crate) fn write_durably<T, E: From<io::Error>>(
    path: &Path,
    write: impl FnOnce(&mut File) -> Result<T, E>,
) -> Result<T, E> {
    let temporary = path.with_extension("tmp");
    let attempt = || -> Result<T, E> {
        let mut file = File::create(&temporary)?;
        let written = write(&mut file)?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        let synced = path.parent().map_or(Ok(()), sync_folder);
        synced.map_err(|error| io::Error::new(error.kind(), Unsure(error)))?;
        Ok(written)
    };
    let result = attempt();
    if result.is_err() {
        // The error at hand matters more than this one; a leftover is removed at the next start.
        fs::remove_file(&temporary).unwrap_or_default();
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_made_with_those_above_and_may_be_there() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("a/b");
        create_folder(&folder).unwrap();
        create_folder(&folder).unwrap();
        create_folder(&root.path().join("a/c/")).unwrap();
        assert!(folder.is_dir() && root.path().join("a/c").is_dir());
        fs::write(root.path().join("file"), "").unwrap();
        assert_eq!(create_folder(&root.path().join("file")).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert!(create_folder(&root.path().join("file/a")).is_err());
    }
}
