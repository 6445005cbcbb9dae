//! One daemon per data directory.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Seek, Write},
    path::Path,
};

use rustix::fs::{FlockOperation, flock};

/// Why the directory cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another daemon has it.
    #[error("the data directory is in use by process {0}; stop that one, or give this one another directory")]
    Held(String),
    /// The lock file cannot be made.
    #[error("cannot make the lock file")]
    Io(#[from] io::Error),
}

/// Holds the directory until it is dropped; the kernel lets go when the process dies.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

/// Takes the directory whose lock file is `path`, and writes this process's id into it.
pub(crate) fn take(path: &Path) -> Result<Lock, LockError> {
    let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => {
            let mut pid = String::new();
            file.read_to_string(&mut pid)?;
            let pid = pid.trim();
            return Err(LockError::Held(if pid.is_empty() { "(unknown)".into() } else { pid.into() }));
        }
        Err(error) => return Err(LockError::Io(error.into())),
    }
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())?;
    Ok(Lock { _file: file })
}
