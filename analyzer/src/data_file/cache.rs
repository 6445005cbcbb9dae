//! What was read of data files: their metadata, and columns of row groups as they are decoded.
//!
//! A dashboard asks for the same hours again and again. Decoding takes ten times as long as what is then
//! done with the rows, so decoded columns are kept, up to a bound; those unused for longest go first.

use std::{
    collections::{BTreeSet, HashMap},
    fmt,
    fs::File,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use arrow::array::{Array, ArrayRef};
use parquet::{
    arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions},
    errors::ParquetError,
    file::metadata::PageIndexPolicy,
};

use super::read::Bounds;

/// The part of the bound that is left after some were thrown out, so that not every new one throws out.
const KEPT_PART: (usize, usize) = (7, 8);

/// A file's metadata, and which keys its row groups hold.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) metadata: ArrowReaderMetadata,
    pub(crate) groups: Bounds,
}

impl Opened {
    pub(super) fn read(path: &Path) -> Result<Self, ParquetError> {
        let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Optional);
        let metadata = ArrowReaderMetadata::load(&File::open(path)?, options)?;
        let groups = Bounds::of_groups(&metadata)?;
        Ok(Self { metadata, groups })
    }
}

/// Columns and metadata that are kept.
pub(crate) struct FileCache {
    bytes_max: usize,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    files: HashMap<String, Known>,
    /// Names of files that could not be read.
    unreadable: BTreeSet<String>,
    bytes: usize,
    /// Counts uses: a larger one is later.
    clock: u64,
}

/// What is kept of a file.
struct Known {
    opened: Arc<Opened>,
    columns: HashMap<(usize, String), Column>,
    /// Rows that were read of row groups in parts, since columns of it were kept.
    read: HashMap<usize, usize>,
}

struct Column {
    values: ArrayRef,
    bytes: usize,
    used: u64,
}

impl fmt::Debug for FileCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let held = self.held();
        f.debug_struct("FileCache").field("files", &held.files.len()).field("bytes", &held.bytes).finish()
    }
}

impl FileCache {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { bytes_max, held: Mutex::default() }
    }

    /// A map that a panic interrupted has at worst a column too few.
    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The metadata of the file `name` at `path`.
    pub(super) fn open(&self, name: &str, path: &Path) -> Result<Arc<Opened>, ParquetError> {
        if let Some(known) = self.held().files.get(name) {
            return Ok(Arc::clone(&known.opened));
        }
        let opened = Arc::new(Opened::read(path)?);
        let known = Known { opened: Arc::clone(&opened), columns: HashMap::new(), read: HashMap::new() };
        self.held().files.entry(name.to_owned()).or_insert(known);
        Ok(opened)
    }

    /// A column of a row group.
    pub(super) fn column(&self, file: &str, group: usize, column: &str) -> Option<ArrayRef> {
        let mut held = self.held();
        held.clock += 1;
        let now = held.clock;
        let column = held.files.get_mut(file)?.columns.get_mut(&(group, column.to_owned()))?;
        column.used = now;
        Some(Arc::clone(&column.values))
    }

    /// Notes that rows of a row group are read which nobody keeps; how many were since columns of it were kept.
    pub(super) fn note_read(&self, file: &str, group: usize, rows: usize) -> usize {
        let mut held = self.held();
        let Some(known) = held.files.get_mut(file) else { return rows };
        let read = known.read.entry(group).or_default();
        *read = read.saturating_add(rows);
        *read
    }

    /// Begins to count anew.
    pub(super) fn forget_read(&self, file: &str, group: usize) {
        self.held().files.get_mut(file).and_then(|known| known.read.remove(&group));
    }

    /// Keeps a column of a row group of a file that is open.
    pub(super) fn keep(&self, file: &str, group: usize, column: &str, values: &ArrayRef) {
        let mut held = self.held();
        held.clock += 1;
        let (bytes, used) = (values.get_array_memory_size(), held.clock);
        let Some(known) = held.files.get_mut(file).filter(|_| bytes <= self.bytes_max) else { return };
        let kept = Column { values: Arc::clone(values), bytes, used };
        let before = known.columns.insert((group, column.to_owned()), kept);
        held.bytes += bytes;
        held.bytes -= before.map_or(0, |before| before.bytes);
        if held.bytes > self.bytes_max {
            held.shrink(self.bytes_max / KEPT_PART.1 * KEPT_PART.0);
        }
    }

    /// A file could not be read.
    pub(crate) fn note_unreadable(&self, file: &str) {
        if self.held().unreadable.insert(file.to_owned()) {
            tracing::error!(
                file,
                "a data file cannot be read: queries for its rows fail, and it is not joined with others"
            );
        }
    }

    pub(crate) fn is_unreadable(&self, file: &str) -> bool {
        self.held().unreadable.contains(file)
    }

    /// How many files could not be read.
    pub(crate) fn unreadable_files(&self) -> usize {
        self.held().unreadable.len()
    }

    /// Forgets a file that is gone.
    pub(crate) fn forget(&self, file: &str) {
        let mut held = self.held();
        held.unreadable.remove(file);
        if let Some(known) = held.files.remove(file) {
            held.bytes -= known.columns.values().map(|column| column.bytes).sum::<usize>();
        }
    }
}

impl Held {
    /// Throws out what was not used for longest.
    fn shrink(&mut self, bytes_max: usize) {
        let columns = self.files.values().flat_map(|known| known.columns.values());
        let mut uses: Vec<(u64, usize)> = columns.map(|column| (column.used, column.bytes)).collect();
        uses.sort_unstable_by_key(|(used, _)| std::cmp::Reverse(*used));
        let mut kept = 0;
        let oldest = uses.iter().take_while(|(_, bytes)| {
            kept += bytes;
            kept <= bytes_max
        });
        // The newest alone may be more than that; it is in use.
        let newest = uses.first().map_or(0, |(used, _)| *used);
        let oldest = oldest.last().map_or(newest, |(used, _)| *used);
        for known in self.files.values_mut() {
            known.columns.retain(|_, column| column.used >= oldest);
        }
        self.bytes = self.files.values().flat_map(|known| known.columns.values()).map(|column| column.bytes).sum();
    }
}
