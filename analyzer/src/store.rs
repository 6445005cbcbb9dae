//! The store: what the rest of the house holds on to.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicBool, Ordering},
        mpsc::{Sender, channel},
    },
    thread::JoinHandle,
    time::Duration,
};

use datafusion::{
    catalog::{TableFunctionImpl, TableProvider},
    logical_expr::{AggregateUDF, ScalarUDF},
};
use tokio::sync::oneshot;
use weir_model::observation::Batch;

use crate::{
    catalog::{Catalog, Shape},
    commit::{Command, Committer, DISK_RETRY, FlushError},
    data_file::{DataFile, cache::FileCache},
    disk_layout::Layout,
    fields::Field,
    history::{
        History,
        export::{self, Exporter},
    },
    lock::{self, Lock, LockError},
    manifest::{self, Manifest, ManifestError},
    metrics::{Counters, Metrics},
    recovery::{self, RecoveryReport},
    series_segment::SeriesSegmentError,
    settings::{Durability, Settings},
    sql::{QueryLimits, QueryResult, SqlError, engine::Engine},
    state::State,
    wal::log::Log,
    write::{WriteError, Written, check_shape},
};

#[cfg(test)]
mod tests;

/// What a writer is told to wait when the queue is full: a group of the largest size takes about as long.
const OVERLOAD_RETRY: Duration = Duration::from_millis(500);

/// Why a store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another daemon has the directory.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The directory cannot be used.
    #[error("cannot use the data directory")]
    Io(#[from] io::Error),
    /// The manifest cannot be used.
    #[error("cannot use {}; restore the data directory from a backup", file.display())]
    Manifest {
        /// Which.
        file: PathBuf,
        /// Why.
        source: ManifestError,
    },
    /// The labels of stored rows cannot be read.
    #[error("cannot use series segment {}; restore it from a backup", file.display())]
    Series {
        /// Which.
        file: PathBuf,
        /// Why.
        source: SeriesSegmentError,
    },
    /// SQL cannot be set up.
    #[error("cannot set up SQL")]
    Sql(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// What the committer, the flusher and queries share. Locks are taken in the order of the fields.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pub(crate) layout: Layout,
    pub(crate) counters: Counters,
    pub(crate) history: Option<History>,
    pub(crate) cache: Arc<FileCache>,
    manifest: Mutex<Manifest>,
    catalog: RwLock<Catalog>,
    state: Mutex<State>,
    /// Expired files that queries may still be reading.
    doomed: Mutex<Vec<Arc<DataFile>>>,
    closing: AtomicBool,
}

/// What is behind a poisoned lock is sound: nothing is changed half in here that a panic could
/// interrupt, other than by a panic of the allocator.
impl Shared {
    pub(crate) fn manifest(&self) -> MutexGuard<'_, Manifest> {
        self.manifest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the manifest, durably, whoever else does. What `edit` answers.
    pub(crate) fn edit_manifest<T>(&self, edit: impl FnOnce(&mut Manifest) -> T) -> io::Result<T> {
        let mut manifest = self.manifest();
        let mut next = manifest.clone();
        let answer = edit(&mut next);
        next.drop_done_deletions();
        manifest::write(&self.layout.manifest(), &next)?;
        self.counters.files.set(next.files.len() as u64);
        self.counters.file_bytes.set(next.files.iter().map(DataFile::disk_bytes).sum());
        self.counters.deletions_open.set(next.deletions.len() as u64);
        *manifest = next;
        Ok(answer)
    }

    /// The number of a new file. A crash before the manifest counts it leaves a file that is removed.
    pub(crate) fn take_number(&self) -> u64 {
        let mut manifest = self.manifest();
        manifest.next_number += 1;
        manifest.next_number - 1
    }

    /// The fields of a shape's rows.
    pub(crate) fn fields_of(&self, shape: Shape) -> Vec<Field> {
        match shape {
            Shape::Value => vec![Field::value()],
            Shape::Table(table) => self.catalog().table(table).fields.clone(),
        }
    }

    pub(crate) fn catalog(&self) -> RwLockReadGuard<'_, Catalog> {
        self.catalog.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn catalog_mut(&self) -> RwLockWriteGuard<'_, Catalog> {
        self.catalog.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn doomed(&self) -> MutexGuard<'_, Vec<Arc<DataFile>>> {
        self.doomed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }
}

/// An open data directory.
///
/// Dropping it without [`Store::close`] is like a crash, but for waiting until what was accepted is
/// written: nothing acknowledged is lost either way.
#[derive(Debug)]
pub struct Store {
    shared: Arc<Shared>,
    commands: Option<Sender<Command>>,
    committer: Option<JoinHandle<()>>,
    engine: Engine,
    exporter: Option<Exporter>,
    recovery: RecoveryReport,
    /// Let go of after the committer has ended; a query that is still being stopped only reads.
    _lock: Lock,
}

impl Store {
    /// Opens the directory, creating it when it is new, and replays its log. Blocks.
    ///
    /// # Errors
    /// When another daemon has the directory, or what is in it cannot be used.
    pub fn open(directory: &Path, settings: Settings) -> Result<Self, OpenError> {
        Self::open_locked(lock::take(directory)?, settings)
    }

    /// As [`Store::open`], of a directory that this process has taken.
    ///
    /// # Errors
    /// When what is in it cannot be used.
    pub fn open_locked(lock: Lock, settings: Settings) -> Result<Self, OpenError> {
        let layout = Layout::create(&lock.directory)?;
        let recovered = recovery::recover(&layout, &settings)?;
        let disk = Arc::clone(&settings.wal_disk);
        let log = Log::create(disk, layout.clone(), settings.durability, recovered.last_segment)?;
        let history = settings.history.clone().map(|history| History::open(history, &layout)).transpose()?;
        let shared = Arc::new(Shared {
            history,
            cache: Arc::new(FileCache::new(settings.limits.cache_bytes)),
            settings,
            layout,
            counters: Counters::default(),
            manifest: Mutex::new(recovered.manifest),
            catalog: RwLock::new(recovered.catalog),
            state: Mutex::new(recovered.state),
            doomed: Mutex::default(),
            closing: AtomicBool::new(false),
        });
        count_recovered(&shared);
        let engine = Engine::new(Arc::clone(&shared)).map_err(OpenError::Sql)?;
        let (commands, received) = channel();
        let committer = Committer::new(Arc::clone(&shared), log, received, commands.clone());
        let committer = std::thread::Builder::new().name("weir-commit".into()).spawn(move || committer.run())?;
        let (commands, committer) = (Some(commands), Some(committer));
        let exporter = export::start(&shared)?;
        Ok(Self { shared, commands, committer, engine, exporter, recovery: recovered.report, _lock: lock })
    }

    /// What the start found: how much was replayed, and what was damaged.
    pub fn recovery(&self) -> &RecoveryReport {
        &self.recovery
    }

    /// Writes a batch; its rows are durable (as the settings say) and visible to SQL on return.
    ///
    /// # Errors
    /// When nothing of the batch was written. Rows that can never be stored are no error but in
    /// [`Written::rejected`].
    pub async fn write(&self, batch: impl Into<Batch>) -> Result<Written, WriteError> {
        let batch = batch.into();
        check_shape(&batch)?;
        let rows = batch.len();
        self.admit(rows).inspect_err(|_| self.shared.counters.writes_refused.add(1))?;
        let (reply, answer) = oneshot::channel();
        self.shared.counters.queued_rows.add(rows as u64);
        self.send(Command::Write { batch, rows, reply }).map_err(|()| WriteError::Closed)?;
        answer.await.unwrap_or(Err(WriteError::Closed))
    }

    fn admit(&self, rows: usize) -> Result<(), WriteError> {
        let (counters, limits) = (&self.shared.counters, &self.shared.settings.limits);
        let queued = counters.queued_rows.get() as usize;
        // A batch alone may be larger than the queue: it must get in some time.
        if queued > 0 && queued + rows > limits.queued_rows {
            return Err(WriteError::Overloaded { retry_after: OVERLOAD_RETRY });
        }
        if counters.live_bytes.get() as usize >= limits.live_bytes {
            // Memory fills up when flushes are slow or fail; the latter is nearly always the disk.
            let retry_after = DISK_RETRY;
            let failing = counters.flush_failing.get() > 0;
            return Err(if failing {
                WriteError::DiskFull { retry_after }
            } else {
                WriteError::Overloaded { retry_after }
            });
        }
        Ok(())
    }

    pub(crate) fn send(&self, command: Command) -> Result<(), ()> {
        self.commands.as_ref().ok_or(())?.send(command).map_err(|_| ())
    }

    /// Runs a query. The answer streams; dropping it stops the query.
    ///
    /// # Errors
    /// When the text is no query, names what is not there, or a limit is reached before the first rows.
    pub async fn sql(&self, text: &str, limits: QueryLimits) -> Result<QueryResult, SqlError> {
        self.engine.sql(text, limits).await
    }

    /// Writes all rows in memory to Parquet.
    ///
    /// # Errors
    /// When the disk refuses; the rows stay in memory and in the log.
    pub async fn flush(&self) -> Result<(), FlushError> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::Flush(reply)).map_err(|()| FlushError::Closed)?;
        answer.await.unwrap_or(Err(FlushError::Closed))
    }

    /// Stops taking writes, writes what was accepted, and flushes when the settings say so.
    pub async fn close(&self) {
        self.shared.closing.store(true, Ordering::Release);
        let (reply, done) = oneshot::channel();
        if self.send(Command::Close(reply)).is_ok() {
            // An error is an answer too: the committer has ended.
            done.await.unwrap_or_default();
        }
    }

    /// What its parts share.
    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// What plans and runs queries.
    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// What the store counts.
    pub fn metrics(&self) -> Metrics {
        let damage_at_start = self.recovery.corrupt.len() as u64;
        let files_unreadable = self.shared.cache.unreadable_files() as u64;
        Metrics { damage_at_start, files_unreadable, ..self.shared.counters.read() }
    }

    /// Makes a table from outside readable as `schema.name`; one that was registered before, or is
    /// stored, under that name is hidden by it.
    pub fn register_table(&self, schema: &str, name: &str, table: Arc<dyn TableProvider>) {
        self.engine.register_table(schema, name, table);
    }

    /// Adds a scalar function to SQL.
    pub fn register_udf(&self, function: ScalarUDF) {
        self.engine.register_udf(function);
    }

    /// Adds an aggregate function to SQL.
    pub fn register_udaf(&self, function: AggregateUDF) {
        self.engine.register_udaf(function);
    }

    /// Adds a table function to SQL: `SELECT * FROM name(arguments)`.
    pub fn register_udtf(&self, name: &str, function: Arc<dyn TableFunctionImpl>) {
        self.engine.register_udtf(name, function);
    }
}

fn count_recovered(shared: &Shared) {
    let (manifest, catalog, mut state) = (shared.manifest(), shared.catalog(), shared.state());
    // Counted before the start.
    state.take_disorder();
    let counters = &shared.counters;
    counters.wal_relaxed.set((shared.settings.durability == Durability::Relaxed).into());
    counters.files.set(manifest.files.len() as u64);
    counters.file_bytes.set(manifest.files.iter().map(DataFile::disk_bytes).sum());
    counters.deletions_open.set(manifest.deletions.len() as u64);
    counters.tables.set(catalog.tables().count() as u64);
    counters.series.set(catalog.series_count() as u64);
    counters.live_rows.set(state.live_rows() as u64);
    counters.live_bytes.set(state.live_bytes() as u64);
}

impl Drop for Store {
    fn drop(&mut self) {
        self.exporter = None;
        if let Some(commands) = self.commands.take() {
            let (reply, _) = oneshot::channel();
            // It may have ended already, by `close`.
            commands.send(Command::Close(reply)).unwrap_or_default();
        }
        if let Some(committer) = self.committer.take()
            && committer.join().is_err()
        {
            tracing::error!("the committer panicked");
        }
    }
}
