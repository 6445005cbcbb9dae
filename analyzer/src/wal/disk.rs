//! The log's files, behind traits so that tests can put a failing disk under the log.

use std::{
    fmt::Debug,
    fs::{File, OpenOptions},
    io::{self, Write},
    path::Path,
};

/// Makes log segments.
pub trait WalDisk: Debug + Send + Sync {
    /// Creates the segment at `path`, durably named in its folder.
    ///
    /// # Errors
    /// What the file system says.
    fn create(&self, path: &Path) -> io::Result<Box<dyn WalFile>>;
}

/// A log segment being written.
pub trait WalFile: Debug + Send {
    /// Writes all of `bytes` at the end; on an error any part of them may have been written.
    ///
    /// # Errors
    /// What the file system says: no space, an I/O error.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Makes what was appended durable.
    ///
    /// # Errors
    /// An I/O error, after which nobody knows what the disk holds.
    fn sync(&mut self) -> io::Result<()>;

    /// Cuts the file back to `length` bytes.
    ///
    /// # Errors
    /// What the file system says.
    fn truncate(&mut self, length: u64) -> io::Result<()>;
}

/// The file system.
#[derive(Clone, Copy, Debug)]
pub struct RealDisk;

impl WalDisk for RealDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn WalFile>> {
        let file = OpenOptions::new().create_new(true).append(true).open(path)?;
        path.parent().map_or(Ok(()), crate::disk_layout::sync_folder)?;
        Ok(Box::new(file))
    }
}

impl WalFile for File {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }
}
