//! The manifest: which files count. It is replaced whole and atomically; what it does not name is
//! left over from an interrupted flush and is removed at the next start.

use std::{fs, io, io::Write, path::Path};

use serde::{Deserialize, Serialize};

use crate::{data_file::DataFile, deletion::Deletion, disk_layout::write_durably};

/// The version of this format, of data files and of series segments.
pub(crate) const VERSION: u32 = 1;

/// What counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    pub(crate) version: u32,
    /// The number of the next data file, series segment or deletion.
    pub(crate) next_number: u64,
    /// The sequence of the next chunk.
    pub(crate) next_sequence: u64,
    /// Log segments with smaller numbers are in data files.
    pub(crate) wal_from: u64,
    /// Numbers of the series segments, in the order in which they are read.
    pub(crate) series_segments: Vec<u64>,
    /// How many definitions those have, and the first id that no series had by then.
    #[serde(default)]
    pub(crate) definitions: u64,
    #[serde(default)]
    pub(crate) series_end: u32,
    /// The number of the file with the latest time of each series.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) last_times: Option<u64>,
    /// Data files, by sequence.
    pub(crate) files: Vec<DataFile>,
    /// Deletions that concern any of the files, from the oldest to the newest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) deletions: Vec<Deletion>,
}

impl Manifest {
    /// Forgets deletions that concern no file any more.
    pub(crate) fn drop_done_deletions(&mut self) {
        let files = &self.files;
        self.deletions.retain(|deletion| files.iter().any(|file| deletion.concerns(file)));
    }
}

impl Default for Manifest {
    fn default() -> Self {
        Self {
            version: VERSION,
            next_number: 1,
            next_sequence: 1,
            wal_from: 0,
            series_segments: Vec::new(),
            definitions: 0,
            series_end: 0,
            last_times: None,
            files: Vec::new(),
            deletions: Vec::new(),
        }
    }
}

/// Why a manifest cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// It cannot be read.
    #[error("cannot read it")]
    Io(#[from] io::Error),
    /// It is not what this program writes.
    #[error("damaged")]
    Format(#[from] serde_json::Error),
    /// It is of another version of this program.
    #[error("it has version {0}; this program reads version {VERSION}")]
    Version(u32),
}

/// Reads the manifest; an empty one when there is none.
pub(crate) fn read(path: &Path) -> Result<Manifest, ManifestError> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Manifest::default()),
        Err(error) => return Err(error.into()),
    };
    let manifest: Manifest = serde_json::from_slice(&text)?;
    if manifest.version == VERSION { Ok(manifest) } else { Err(ManifestError::Version(manifest.version)) }
}

/// Replaces the manifest; durable on return.
pub(crate) fn write(path: &Path, manifest: &Manifest) -> io::Result<()> {
    let text = serde_json::to_vec_pretty(manifest).map_err(io::Error::other)?;
    write_durably(path, |file| file.write_all(&text))
}
