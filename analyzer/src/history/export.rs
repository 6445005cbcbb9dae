//! Sending data files, one after the other, on a thread of its own.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    io,
    sync::Arc,
    thread::JoinHandle,
    time::Duration,
};

use roaring::RoaringBitmap;
use tokio::{sync::watch, time::sleep};
use weir_model::observation::{Labels, TableName};

use super::{
    Columns, History,
    complete::rows,
    remote::{Remote, RemoteError},
};
use crate::{
    catalog::{Catalog, SeriesId, Shape, TableId, table::Table},
    data_file::DataFile,
    store::Shared,
};

/// The longest pause after failures.
pub(crate) const RETRY_MAX: Duration = Duration::from_secs(300);
/// How often the registry is read when nothing else is to be done: others may have new tables there.
const REFRESH: Duration = Duration::from_secs(300);
/// Files after which progress is written: as many are sent again after a crash.
const FILES_BETWEEN_WRITES: usize = 16;

/// The exporter's thread. Dropping it stops it at once: what was half sent is sent again.
#[derive(Debug)]
pub(crate) struct Exporter {
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Exporter {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the exporter of history panicked");
        }
    }
}

/// Starts exporting, when it is configured.
pub(crate) fn start(shared: &Arc<Shared>) -> io::Result<Option<Exporter>> {
    if shared.history.is_none() {
        return Ok(None);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (stop, mut stopped) = watch::channel(false);
    let shared = Arc::clone(shared);
    let work = move || {
        let Some(history) = &shared.history else { return };
        let export = Export { shared: &shared, history, remote: Remote::new(&history.settings), ready: HashSet::new() };
        runtime.block_on(async {
            tokio::select! {
                () = export.run() => {}
                // An error is the exporter's end too.
                _ = stopped.wait_for(|stop| *stop) => {}
            }
        });
    };
    let thread = std::thread::Builder::new().name("weir-history".into()).spawn(work)?;
    Ok(Some(Exporter { stop, thread: Some(thread) }))
}

struct Export<'a> {
    shared: &'a Shared,
    history: &'a History,
    remote: Remote,
    /// Tables whose columns were compared with the server's since the last error with them.
    ready: HashSet<TableName>,
}

/// What is sent of one table.
struct Part {
    table: TableName,
    columns: Columns,
    series: Arc<RoaringBitmap>,
    labels: HashMap<u32, Labels>,
    older: Vec<Arc<DataFile>>,
}

impl Export<'_> {
    async fn run(mut self) {
        let retry_min = self.history.settings.retry_min;
        let mut pause = retry_min;
        loop {
            let before = self.history.rounds.borrow().files;
            match self.round().await {
                Ok(()) => {
                    pause = retry_min;
                    self.history.rounds.send_modify(|rounds| rounds.complete += 1);
                    tokio::select! {
                        () = self.history.wake.notified() => {}
                        () = sleep(REFRESH) => {}
                    }
                }
                Err(error) => {
                    if self.history.rounds.borrow().files > before {
                        pause = retry_min;
                    }
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, pause_s = pause.as_secs_f64(), "history is not exported; it is kept here");
                    self.shared.counters.history_errors.add(1);
                    self.history.rounds.send_modify(|rounds| rounds.failed += 1);
                    sleep(pause).await;
                    pause = (pause * 2).min(RETRY_MAX);
                }
            }
        }
    }

    /// Sends every file that waits. One that the server refuses holds no other up.
    async fn round(&mut self) -> Result<(), RemoteError> {
        self.history.set_registry(self.remote.registry().await?);
        let mut refused = None;
        let mut unwritten = 0;
        for file in self.waiting() {
            match self.send(&file).await {
                Ok(rows) => {
                    self.history.exported().insert(file.name.clone());
                    self.shared.counters.history_rows.add(rows);
                    self.shared.counters.history_files.add(1);
                    self.shared.counters.history_files_waiting.subtract(1);
                    self.history.rounds.send_modify(|rounds| rounds.files += 1);
                    unwritten += 1;
                }
                Err(error) if error.concerns_all() => {
                    refused = Some(error);
                    break;
                }
                Err(error) => {
                    tracing::warn!(file = file.name, error = &error as &dyn std::error::Error, "not exported");
                    refused = refused.or(Some(error));
                }
            }
            if unwritten >= FILES_BETWEEN_WRITES {
                self.write_progress();
                unwritten = 0;
            }
        }
        self.write_progress();
        refused.map_or(Ok(()), Err)
    }

    fn waiting(&self) -> Vec<Arc<DataFile>> {
        let mut files = self.shared.state().files();
        files.retain(|file| !self.history.is_exported(file));
        self.shared.counters.history_files_waiting.set(files.len() as u64);
        files
    }

    fn write_progress(&self) {
        let there: BTreeSet<String> = self.shared.state().files().iter().map(|file| file.name.clone()).collect();
        let mut exported = self.history.exported();
        exported.retain(|file| there.contains(file));
        if let Err(error) = exported.write(&self.shared.layout.exported()) {
            tracing::warn!(%error, "progress of the export is not on disk; a restart sends files again");
        }
    }

    /// Sends the rows of a file; answers with how many there were.
    async fn send(&mut self, file: &Arc<DataFile>) -> Result<u64, RemoteError> {
        let tables: Vec<TableId> = tables_of(&self.shared.catalog(), file);
        // Files that rows of this one may take fields from.
        let older = if file.late.is_some() { self.shared.state().files() } else { Vec::new() };
        let mut total = 0;
        for id in tables {
            let part = self.part(id, file, &older);
            let sent = self.send_part(&part, file).await;
            if sent.is_err() {
                self.ready.remove(&part.table);
            }
            total += sent?;
        }
        Ok(total)
    }

    async fn send_part(&mut self, part: &Part, file: &DataFile) -> Result<u64, RemoteError> {
        let Part { table, columns, series, labels, older } = part;
        let known = self.history.columns(table);
        if !self.ready.contains(table) || known.as_ref().is_none_or(|known| !known.has(columns)) {
            self.remote.define(table, columns, known.as_ref()).await?;
            self.history.set_columns(table, known.unwrap_or_default().joined(columns));
            self.ready.insert(table.clone());
        }
        let rows = rows(self.shared, file, older, &columns.fields, series)?;
        self.remote.insert(table, &columns.fields, labels, file.sequence, rows).await
    }

    fn part(&self, id: TableId, file: &DataFile, older: &[Arc<DataFile>]) -> Part {
        let catalog = self.shared.catalog();
        let table = catalog.table(id);
        let mut series = table.all().clone();
        series.remove_range(..file.series.0);
        series.remove_range((std::ops::Bound::Excluded(file.series.1), std::ops::Bound::Unbounded));
        let labels: HashMap<u32, Labels> =
            series.iter().filter_map(|id| Some((id, catalog.labels(SeriesId(id))?.clone()))).collect();
        let names = labels.values().flat_map(Labels::iter).map(|(name, _)| Arc::clone(name)).collect();
        let columns = Columns { labels: names, fields: table.fields.clone() };
        let shapes = table.shapes();
        let older = older.iter().filter(|file| shapes.contains(&file.shape())).cloned().collect();
        Part { table: table.name.clone(), columns, series: Arc::new(series), labels, older }
    }
}

/// The tables that have series in `file`.
fn tables_of(catalog: &Catalog, file: &DataFile) -> Vec<TableId> {
    match file.shape() {
        Shape::Table(table) => vec![table],
        Shape::Value => {
            let (min, max) = file.series;
            let has_series = |table: &&Table| table.all().range(min..=max).next().is_some();
            catalog.tables().filter(has_series).map(|table| table.id).collect()
        }
    }
}
