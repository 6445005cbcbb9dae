//! Which data files are exported: `exported.json`, apart from the manifest, which flushes replace whole
//! from another thread. Losing it costs time, not correctness: what is exported again replaces itself.

use std::{collections::BTreeSet, fs, io, io::Write, path::Path};

use serde::{Deserialize, Serialize};

use crate::disk_layout::write_durably;

/// Names of data files.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Exported {
    files: BTreeSet<String>,
}

impl Exported {
    /// Reads it; nothing is exported when there is none, or none that can be understood.
    pub(super) fn read(path: &Path) -> io::Result<Self> {
        match fs::read(path) {
            Ok(text) => Ok(serde_json::from_slice(&text).unwrap_or_else(|error| {
                tracing::warn!(file = %path.display(), %error, "unreadable: everything is exported again");
                Self::default()
            })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error),
        }
    }

    /// Replaces it; durable on return.
    pub(super) fn write(&self, path: &Path) -> io::Result<()> {
        let text = serde_json::to_vec(self).map_err(io::Error::other)?;
        write_durably(path, |file| file.write_all(&text))
    }

    pub(super) fn contains(&self, file: &str) -> bool {
        self.files.contains(file)
    }

    pub(super) fn insert(&mut self, file: String) {
        self.files.insert(file);
    }

    /// Forgets files that are gone.
    pub(super) fn retain(&mut self, is_there: impl Fn(&str) -> bool) {
        self.files.retain(|file| is_there(file));
    }
}
