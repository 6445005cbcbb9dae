//! The committer: one thread that takes all waiting batches, logs them with one write and one fsync,
//! applies them to memory and only then answers. It also decides when to flush; the flush itself runs
//! on a thread of its own, so nobody waits for Parquet.

use std::{
    collections::BTreeSet,
    io,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, Sender},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use arrow::error::ArrowError;
use tokio::sync::oneshot;
use weir_model::observation::Batch;

use crate::{
    catalog::Shape,
    chunk::Chunk,
    compact,
    data_file::Selection,
    deletion::OPEN_MAX,
    flush::{self, Job},
    forget,
    prepare::{Prepared, Preparer},
    retention,
    settings::Durability,
    store::Shared,
    wal::{
        frame,
        log::Log,
        record::{self, Values},
    },
    write::{Rejected, WriteError, Written},
};

/// Rows of one group: beyond some 10 MB a bigger write saves no fsync worth having.
const GROUP_ROWS_MAX: usize = 256 << 10;
/// How often age and retention are looked at when nobody writes.
const TICK: Duration = Duration::from_secs(1);
/// Pause after a flush that failed.
const FLUSH_RETRY: Duration = Duration::from_secs(10);
/// What a writer is told to wait while the disk refuses: space is freed by people and by retention.
pub(crate) const DISK_RETRY: Duration = Duration::from_secs(5);

/// Why a flush that was asked for failed. Nothing is lost: the rows are in memory and in the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FlushError {
    /// The disk refused, or rows could not be sorted.
    #[error("cannot flush: {0}")]
    Failed(String),
    /// As many deletions wait for their rows to leave the disk as may.
    #[error("{OPEN_MAX} deletions wait for their files to be written anew, as many as may")]
    Deletions,
    /// The store is closed.
    #[error("the store is closed")]
    Closed,
}

/// What the committer is asked.
pub(crate) enum Command {
    Write {
        batch: Batch,
        rows: usize,
        reply: oneshot::Sender<Result<Written, WriteError>>,
    },
    Flush(oneshot::Sender<Result<(), FlushError>>),
    /// Hide these of the rows written so far.
    Delete {
        hidden: Selection,
        reply: oneshot::Sender<Result<(), FlushError>>,
    },
    /// A flush has ended.
    Flushed(Result<(), FlushError>),
    /// A compaction has ended; whether there may be another to do.
    Compacted(bool),
    Close(oneshot::Sender<()>),
}

pub(crate) struct Committer {
    shared: Arc<Shared>,
    log: Log,
    commands: Receiver<Command>,
    /// For the flusher's thread to report on; weak in effect: it is dropped with the committer.
    own: Sender<Command>,
    flusher: Option<JoinHandle<()>>,
    compactor: Option<JoinHandle<()>>,
    /// Whether files have changed since the last look for some to join.
    files_changed: bool,
    waiting_for_flush: Vec<oneshot::Sender<Result<(), FlushError>>>,
    /// Who asked for a flush while one was running.
    waiting_for_next: Vec<oneshot::Sender<Result<(), FlushError>>>,
    /// What the next flush is to delete.
    hidden: Vec<Selection>,
    /// How many the running flush deletes.
    deleting: usize,
    /// When the oldest row that is not flushed was written.
    oldest: Option<Instant>,
    not_before: Instant,
    /// When to look for files to drop.
    look_at: Instant,
    /// When series were looked through, by the clock.
    forgot_at: Option<i64>,
    disk_fails: bool,
}

/// A batch on its way.
struct Pending {
    prepared: Prepared,
    queued: usize,
    reply: oneshot::Sender<Result<Written, WriteError>>,
}

/// How much less of a core joining files gets beside queries and writers: about a ninth (`sched(7)`: a step is a
/// factor of 1.25). Not `SCHED_IDLE`: a thread that gets no core while it holds a lock stops everybody.
const NICE: i32 = 10;

impl Committer {
    pub(crate) fn new(shared: Arc<Shared>, log: Log, commands: Receiver<Command>, own: Sender<Command>) -> Self {
        let oldest = (shared.state().live_rows() > 0).then(Instant::now);
        Self {
            shared,
            log,
            commands,
            own,
            flusher: None,
            compactor: None,
            files_changed: true,
            waiting_for_flush: Vec::new(),
            waiting_for_next: Vec::new(),
            hidden: Vec::new(),
            deleting: 0,
            oldest,
            not_before: Instant::now(),
            look_at: Instant::now(),
            forgot_at: None,
            disk_fails: false,
        }
    }

    /// Serves commands until the store is closed.
    pub(crate) fn run(mut self) {
        let closing = loop {
            let mut next = match self.commands.recv_timeout(TICK) {
                Ok(command) => Some(command),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => break None,
            };
            if let Some(Command::Write { .. }) = next {
                next = self.commit_waiting(next);
            }
            match next {
                Some(Command::Flush(reply)) => self.flush_for(reply),
                Some(Command::Delete { hidden, reply }) => self.delete(hidden, reply),
                Some(Command::Flushed(result)) => self.flushed(&result),
                Some(Command::Compacted(again)) => self.compacted(again),
                Some(Command::Close(reply)) => break Some(reply),
                Some(Command::Write { .. }) | None => {}
            }
            self.flush_when_due();
            self.compact_when_due();
            self.remove_doomed();
        };
        self.finish();
        if let Some(reply) = closing {
            // Whoever closed the store may have stopped waiting.
            reply.send(()).unwrap_or_default();
        }
    }

    /// Commits `next` and every batch behind it; answers with the first command that is none.
    fn commit_waiting(&mut self, mut next: Option<Command>) -> Option<Command> {
        let (mut group, mut rows_total, mut frames) = (Vec::new(), 0, Vec::new());
        let logged = self.shared.catalog().journal.logged();
        while let Some(Command::Write { batch, rows, reply }) = next {
            group.push(self.prepare(batch, rows, reply, &mut frames));
            rows_total += rows;
            next = if rows_total < GROUP_ROWS_MAX { self.commands.try_recv().ok() } else { None };
        }
        let stored = if frames.is_empty() { Ok(()) } else { self.log.append(&frames) };
        self.note_disk(&stored, frames.len());
        if stored.is_err() {
            self.shared.catalog_mut().journal.set_logged(logged);
        }
        let added = if stored.is_ok() { self.apply(&mut group) } else { BTreeSet::new() };
        for pending in group {
            self.answer(pending, stored.is_ok());
        }
        added.into_iter().for_each(|shape| note_unsorted(self.join_chunks(shape)));
        next
    }

    /// Resolves a batch and appends its record to `frames`.
    fn prepare(
        &self,
        batch: Batch,
        queued: usize,
        reply: oneshot::Sender<Result<Written, WriteError>>,
        frames: &mut Vec<u8>,
    ) -> Pending {
        let (preparer, shared) = (Preparer::new(&self.shared.settings), &self.shared);
        // Queries, which read the catalog, go on beside writers that send nothing new.
        let known = preparer.prepare_known(batch, &shared.catalog());
        let prepared = known.unwrap_or_else(|batch| {
            let mut catalog = shared.catalog_mut();
            let prepared = preparer.prepare(batch, &mut catalog);
            shared.counters.tables.set(catalog.tables().len() as u64);
            shared.counters.series.set(catalog.series_count() as u64);
            prepared
        });
        if prepared.rows > 0 {
            let (unlogged, all) = {
                let journal = &shared.catalog().journal;
                (journal.unlogged().to_vec(), journal.end())
            };
            frame::push(frames, |out| record::encode(&unlogged, &prepared.values, &prepared.groups, out));
            if !unlogged.is_empty() {
                shared.catalog_mut().journal.set_logged(all);
            }
        }
        Pending { prepared, queued, reply }
    }

    fn note_disk(&mut self, stored: &io::Result<()>, bytes: usize) {
        let counters = &self.shared.counters;
        match stored {
            Ok(()) if bytes > 0 => {
                counters.wal_bytes.add(bytes as u64);
                counters.wal_syncs.add((self.shared.settings.durability == Durability::Fsync).into());
                if std::mem::take(&mut self.disk_fails) {
                    tracing::info!("the log can be written again");
                }
            }
            Ok(()) => {}
            Err(error) => {
                counters.wal_errors.add(1);
                if !std::mem::replace(&mut self.disk_fails, true) {
                    tracing::error!(%error, "the log cannot be written; writes are refused, queries go on");
                }
            }
        }
    }

    fn answer(&mut self, pending: Pending, stored: bool) {
        let counters = &self.shared.counters;
        counters.queued_rows.subtract(pending.queued as u64);
        let answer = if stored {
            let Prepared { rows, mut rejected, .. } = pending.prepared;
            rejected.sort_by(|a, b| (&a.table, &a.reason).cmp(&(&b.table, &b.reason)));
            rejected.iter().for_each(|Rejected { kind, rows, .. }| counters.rejected(*kind, *rows));
            counters.rows_written.add(rows);
            Ok(Written { rows, rejected })
        } else {
            counters.writes_refused.add(1);
            Err(WriteError::DiskFull { retry_after: DISK_RETRY })
        };
        // A writer that stopped waiting will write again; the rows are the same.
        pending.reply.send(answer).unwrap_or_default();
    }

    /// Makes logged batches visible, and says where. The samples of all of them become one chunk.
    fn apply(&mut self, batches: &mut [Pending]) -> BTreeSet<Shape> {
        let shared = &self.shared;
        let mut values = Values::default();
        batches.iter_mut().for_each(|batch| values.append(&mut batch.prepared.values));
        let mut shapes = BTreeSet::from([Shape::Value]);
        // First: a table has samples only until it has other rows.
        let noted = shared.state().note_values(&values);
        note_unsorted(noted.chunk_of_values(values).map(|added| shared.state().push(added)));
        for group in batches.iter_mut().flat_map(|batch| batch.prepared.groups.drain(..)) {
            let (noted, fields) = {
                let catalog = shared.catalog();
                let table = catalog.table(group.table);
                (shared.state().note_group(&group, table), table.fields.clone())
            };
            shapes.insert(Shape::Table(group.table));
            note_unsorted(noted.chunk_of_group(&fields, group).map(|added| shared.state().push(added)));
        }
        if self.count_live() > 0 {
            self.oldest.get_or_insert_with(Instant::now);
        }
        shapes
    }

    /// Joins the newest chunks of a shape, where there are enough: beside queries, and after writers were answered.
    fn join_chunks(&self, shape: Shape) -> Result<(), ArrowError> {
        let rows_max = self.shared.settings.chunk_rows;
        let next = || self.shared.state().to_join(shape, rows_max);
        while let Some(chunks) = next() {
            let Some(joined) = Chunk::join(&chunks)? else { break };
            self.shared.state().put_joined(shape, &chunks, joined);
            self.count_live();
        }
        Ok(())
    }

    /// How many rows are in memory.
    fn count_live(&self) -> usize {
        let (mut state, counters) = (self.shared.state(), &self.shared.counters);
        counters.disorder(state.take_disorder());
        counters.live_rows.set(state.live_rows() as u64);
        counters.live_bytes.set(state.live_bytes() as u64);
        state.live_rows()
    }

    fn flush_for(&mut self, reply: oneshot::Sender<Result<(), FlushError>>) {
        if self.flusher.is_some() {
            self.waiting_for_next.push(reply);
        } else {
            self.waiting_for_flush.push(reply);
            self.begin_flush();
        }
    }

    /// A deletion is a flush that carries it.
    fn delete(&mut self, hidden: Selection, reply: oneshot::Sender<Result<(), FlushError>>) {
        let waiting = self.shared.state().open_deletions() + self.hidden.len() + self.deleting;
        if waiting < OPEN_MAX {
            self.hidden.push(hidden);
            self.flush_for(reply);
        } else {
            // Whoever asked may have stopped waiting.
            reply.send(Err(FlushError::Deletions)).unwrap_or_default();
        }
    }

    fn flush_when_due(&mut self) {
        let settings = &self.shared.settings;
        let old = self.oldest.is_some_and(|oldest| oldest.elapsed() >= settings.flush_age);
        let now = Instant::now();
        let expired = || {
            let files = self.shared.state().files();
            !retention::expired(&self.shared, &files).is_empty()
        };
        let looks = now >= self.look_at;
        let idle = self.flusher.is_none() && now >= self.not_before;
        let full = self.shared.state().live_bytes() >= settings.flush_bytes;
        let due = idle && (full || old || looks && expired());
        if looks {
            self.look_at = now + TICK;
        }
        if due {
            self.begin_flush();
        }
    }

    /// Rolls the log, freezes what is in memory and lets a thread write it.
    fn begin_flush(&mut self) {
        let hidden = std::mem::take(&mut self.hidden);
        self.deleting = hidden.len();
        self.forget_when_due();
        let job = match self.log.roll() {
            Ok(wal_from) => Job::begin(&self.shared, wal_from, hidden),
            Err(error) => return self.flushed(&Err(FlushError::Failed(error.to_string()))),
        };
        self.oldest = None;
        let (shared, own) = (Arc::clone(&self.shared), self.own.clone());
        let work = move || {
            let result = unless_it_panics(|| job.run(&shared).map_err(|error| with_causes(&error)));
            let result = result.map_err(FlushError::Failed);
            // The committer waits for this thread before it ends, so it is there to hear this.
            own.send(Command::Flushed(result)).unwrap_or_default();
        };
        match std::thread::Builder::new().name("weir-flush".into()).spawn(work) {
            Ok(flusher) => self.flusher = Some(flusher),
            Err(error) => self.flushed(&Err(FlushError::Failed(error.to_string()))),
        }
    }

    fn forget_when_due(&mut self) {
        let settings = &self.shared.settings;
        let (now, interval) = (settings.clock.now(), forget::interval(settings).as_nanos());
        if self.forgot_at.is_none_or(|last| u128::from(now.abs_diff(last)) >= interval) {
            self.forgot_at = Some(now);
            forget::forget(&self.shared);
        }
    }

    fn flushed(&mut self, result: &Result<(), FlushError>) {
        self.flusher = None;
        self.deleting = 0;
        self.shared.counters.flush_failing.set(result.is_err().into());
        match result {
            Ok(()) => {
                self.files_changed = true;
                if !self.shared.state().last_times.emptied().is_empty() {
                    forget::forget(&self.shared);
                }
                self.shared.counters.flushes.add(1);
            }
            Err(error) => {
                tracing::error!(%error, "rows stay in memory and in the log; the flush is tried again");
                self.shared.counters.flush_errors.add(1);
                self.shared.state().last_times.keep_emptied();
                self.not_before = Instant::now() + FLUSH_RETRY;
                self.oldest.get_or_insert_with(Instant::now);
            }
        }
        for reply in self.waiting_for_flush.drain(..) {
            // Whoever asked may have stopped waiting.
            reply.send(result.clone()).unwrap_or_default();
        }
        self.waiting_for_flush = std::mem::take(&mut self.waiting_for_next);
        if !self.waiting_for_flush.is_empty() {
            self.begin_flush();
        }
    }

    /// Joins data files on a thread of its own, one job after the other.
    fn compact_when_due(&mut self) {
        let idle = self.compactor.is_none() && self.shared.settings.compact;
        if !idle || !std::mem::take(&mut self.files_changed) {
            return;
        }
        let Some(job) = compact::Job::next(&self.shared) else { return };
        let (shared, own) = (Arc::clone(&self.shared), self.own.clone());
        let work = move || {
            // Of this thread alone. Where it is refused, joining takes its share of the cores like everything else.
            if let Err(error) = rustix::process::nice(NICE) {
                tracing::debug!(%error, "data files are joined at the priority of queries");
            }
            let done = unless_it_panics(|| job.run(&shared).map_err(|error| with_causes(&error)));
            match &done {
                Ok(()) => shared.counters.compactions.add(1),
                Err(_) if shared.is_closing() => {}
                Err(error) => {
                    tracing::error!(error, "data files cannot be joined; they stay as they are");
                    shared.counters.compaction_errors.add(1);
                }
            }
            own.send(Command::Compacted(done.is_ok())).unwrap_or_default();
        };
        match std::thread::Builder::new().name("weir-compact".into()).spawn(work) {
            Ok(compactor) => self.compactor = Some(compactor),
            Err(error) => tracing::error!(%error, "no thread to join data files"),
        }
    }

    /// After an error nothing is tried again before there are new files.
    fn compacted(&mut self, again: bool) {
        self.compactor = None;
        self.files_changed |= again;
    }

    /// Removes expired files that no query reads any more.
    fn remove_doomed(&self) {
        let unread = |file: &mut Arc<_>| Arc::strong_count(file) == 1;
        let removed: Vec<_> = self.shared.doomed().extract_if(.., unread).collect();
        for file in removed {
            let now = self.shared.state().file(&file.name).map(Arc::clone);
            flush::remove_unless(&self.shared, &file, now.as_deref());
        }
    }

    /// The last flush, and the end of a running one.
    fn finish(&mut self) {
        self.join_flusher();
        if self.shared.settings.flush_on_close && self.shared.state().live_rows() > 0 && self.shared.is_closing() {
            self.begin_flush();
            self.join_flusher();
        }
        self.remove_doomed();
    }

    fn join_flusher(&mut self) {
        while self.flusher.is_some() || self.compactor.is_some() {
            match self.commands.recv() {
                Ok(Command::Flushed(result)) => self.flushed(&result),
                Ok(Command::Compacted(_)) => self.compactor = None,
                // Dropping the reply tells whoever waits that the store is closed.
                Ok(_) => {}
                Err(_) => return,
            }
        }
    }
}

/// What `work` says; a panic is an error too, as the committer waits for an end of every thread that it began.
fn unless_it_panics(work: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
    caught.unwrap_or_else(|_| Err("it panicked: see the message above, and please report it".to_owned()))
}

fn note_unsorted(applied: Result<(), ArrowError>) {
    if let Err(error) = applied {
        tracing::error!(%error, "rows are in the log but cannot be sorted");
    }
}

/// An error with its causes, in one line.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
