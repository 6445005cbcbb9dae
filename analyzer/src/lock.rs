//! One daemon per data directory.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Seek, Write},
    path::{Path, PathBuf},
};

use rustix::fs::{FlockOperation, flock};

use crate::disk_layout;

/// Why the directory cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another daemon has it.
    #[error("{} is in use by process {pid}; stop that one, or give this one another directory", directory.display())]
    Held {
        /// Which directory.
        directory: PathBuf,
        /// Who has it.
        pid: String,
    },
    /// The lock file cannot be made.
    #[error("cannot make the lock file of the data directory")]
    Io(#[from] io::Error),
}

/// Holds a data directory until it is dropped; the kernel lets go when the process dies.
#[derive(Debug)]
pub struct Lock {
    _file: File,
    pub(crate) directory: PathBuf,
}

/// Takes `directory`, creating it when it is new, and writes this process's id into its lock file.
/// What else a daemon claims (ports, say) it claims after this.
///
/// # Errors
/// When another daemon has it, or it cannot be used.
pub fn take(directory: &Path) -> Result<Lock, LockError> {
    disk_layout::create_folder(directory)?;
    let path = disk_layout::lock_file(directory);
    let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => {
            let mut pid = String::new();
            file.read_to_string(&mut pid)?;
            let pid = pid.trim();
            let pid = if pid.is_empty() { "(unknown)".into() } else { pid.into() };
            return Err(LockError::Held { directory: directory.into(), pid });
        }
        Err(error) => return Err(LockError::Io(error.into())),
    }
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())?;
    Ok(Lock { _file: file, directory: directory.to_owned() })
}
