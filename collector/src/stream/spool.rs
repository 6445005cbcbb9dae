//! Batches on disk while the daemon is away: files of consecutive batches, named by the first and
//! last sequence number in them.

use std::{
    collections::VecDeque,
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use prost::Message;

use super::proto::Batch;

/// The spool's folder could not be used.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {doing}")]
pub struct SpoolError {
    path: String,
    doing: &'static str,
    #[source]
    source: io::Error,
}

/// One file: a run of batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    first: u64,
    last: u64,
    bytes: u64,
}

impl Run {
    fn name(&self) -> String {
        format!("{:020}-{:020}.batches", self.first, self.last)
    }

    fn parse(name: &str, bytes: u64) -> Option<Self> {
        let (first, last) = name.strip_suffix(".batches")?.split_once('-')?;
        Some(Self { first: first.parse().ok()?, last: last.parse().ok()?, bytes })
    }
}

/// A folder of batches. The oldest are dropped, and counted, when it grows over its limit.
#[derive(Debug)]
pub struct Spool {
    folder: PathBuf,
    bytes_max: u64,
    bytes: u64,
    /// Ascending.
    runs: VecDeque<Run>,
    /// The batches of the run last read.
    read: Vec<Batch>,
    dropped: u64,
}

impl Spool {
    /// Opens `folder`, making it when needed; what is in it from before is kept and sent first.
    ///
    /// # Errors
    /// When the folder cannot be made or read.
    pub fn open(folder: &Path, bytes_max: u64) -> Result<Self, SpoolError> {
        let error = |doing| move |source| SpoolError { path: folder.display().to_string(), doing, source };
        fs::create_dir_all(folder).map_err(error("making the spool's folder"))?;
        let mut runs = Vec::new();
        for entry in fs::read_dir(folder).map_err(error("reading the spool's folder"))? {
            let entry = entry.map_err(error("reading the spool's folder"))?;
            let bytes = entry.metadata().map_err(error("reading the spool's folder"))?.len();
            runs.extend(entry.file_name().to_str().and_then(|name| Run::parse(name, bytes)));
        }
        runs.sort_unstable_by_key(|run| run.first);
        let bytes = runs.iter().map(|run| run.bytes).sum();
        Ok(Self { folder: folder.to_owned(), bytes_max, bytes, runs: runs.into(), read: Vec::new(), dropped: 0 })
    }

    /// The highest sequence number held.
    pub fn newest(&self) -> Option<u64> {
        self.runs.back().map(|run| run.last)
    }

    /// How many batches are held at most: those acknowledged within a run still count.
    pub fn len(&self) -> u64 {
        self.runs.iter().map(|run| run.last - run.first + 1).sum()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Batches dropped because the spool was full or a file could not be read.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Keeps a run of batches, ascending, durably: one file and one sync for all of them.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn push(&mut self, batches: &[Batch]) -> Result<(), SpoolError> {
        let (Some(first), Some(last)) = (batches.first(), batches.last()) else { return Ok(()) };
        let bytes: Vec<u8> = batches.iter().flat_map(Batch::encode_length_delimited_to_vec).collect();
        let run = Run { first: first.sequence, last: last.sequence, bytes: bytes.len() as u64 };
        let path = self.folder.join(run.name());
        let aside = path.with_extension("new");
        let write = || -> io::Result<()> {
            let mut file = File::create(&aside)?;
            file.write_all(&bytes)?;
            file.sync_all()?;
            fs::rename(&aside, &path)?;
            File::open(&self.folder)?.sync_all()
        };
        write().map_err(|source| {
            // What a full disk took of it is in the way of everything else.
            drop(fs::remove_file(&aside));
            SpoolError { path: path.display().to_string(), doing: "spooling batches", source }
        })?;
        self.runs.push_back(run);
        self.bytes += run.bytes;
        while self.bytes > self.bytes_max && self.runs.len() > 1 {
            let oldest = self.runs[0];
            self.dropped += oldest.last - oldest.first + 1;
            self.pop();
        }
        Ok(())
    }

    /// The first batch above `sequence`. A file that holds no batches is skipped and counted as dropped.
    pub fn next_after(&mut self, sequence: u64) -> Option<Batch> {
        loop {
            if let Some(batch) =
                self.read.iter().find(|batch| batch.sequence > sequence && self.follows(batch, sequence))
            {
                return Some(batch.clone());
            }
            let at = self.runs.iter().position(|run| run.last > sequence)?;
            let run = self.runs[at];
            match fs::read(self.folder.join(run.name())).ok().and_then(|bytes| decode_run(&bytes, run)) {
                Some(batches) => self.read = batches,
                None => {
                    self.runs.remove(at);
                    self.bytes -= run.bytes;
                    self.dropped += run.last - run.first + 1;
                }
            }
        }
    }

    /// Whether a batch that was read is of the first run above `sequence`.
    fn follows(&self, batch: &Batch, sequence: u64) -> bool {
        let run = self.runs.iter().find(|run| run.last > sequence);
        run.is_some_and(|run| (run.first..=run.last).contains(&batch.sequence))
    }

    /// Forgets every run that ends at or below `sequence`.
    pub fn acknowledge(&mut self, sequence: u64) {
        while self.runs.front().is_some_and(|run| run.last <= sequence) {
            self.pop();
        }
    }

    fn pop(&mut self) {
        if let Some(run) = self.runs.pop_front() {
            self.bytes -= run.bytes;
            // A file that stays behind is sent again after a restart, which changes nothing.
            drop(fs::remove_file(self.folder.join(run.name())));
        }
    }
}

fn decode_run(mut bytes: &[u8], run: Run) -> Option<Vec<Batch>> {
    let mut batches = Vec::new();
    while !bytes.is_empty() {
        batches.push(Batch::decode_length_delimited(&mut bytes).ok()?);
    }
    let whole = batches.first()?.sequence == run.first && batches.last()?.sequence == run.last;
    whole.then_some(batches)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(sequences: std::ops::RangeInclusive<u64>) -> Vec<Batch> {
        sequences.map(|sequence| Batch { sequence, tables: vec![vec![7; 100]], after: None }).collect()
    }

    #[test]
    fn batches_survive_a_restart_in_order_and_garbage_is_skipped() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = Spool::open(folder.path(), 1 << 20).unwrap();
        for sequences in [4..=5, 6..=6, 7..=9] {
            spool.push(&run(sequences)).unwrap();
        }
        fs::write(folder.path().join(spool.runs[1].name()), "rubbish").unwrap();
        let mut spool = Spool::open(folder.path(), 1 << 20).unwrap();
        let mut sent = Vec::new();
        while let Some(batch) = spool.next_after(sent.last().copied().unwrap_or(0)) {
            sent.push(batch.sequence);
        }
        assert_eq!((sent, spool.dropped(), spool.newest()), (vec![4, 5, 7, 8, 9], 1, Some(9)));
        spool.acknowledge(8);
        assert_eq!(spool.next_after(0).unwrap().sequence, 7, "a run stays until all of it is acknowledged");
        spool.acknowledge(9);
        assert!(spool.is_empty() && fs::read_dir(folder.path()).unwrap().count() == 1, "but for the rubbish");
    }

    #[test]
    fn the_oldest_go_when_it_is_full() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = Spool::open(folder.path(), 500).unwrap();
        for sequence in [1..=2, 3..=4, 5..=6] {
            spool.push(&run(sequence)).unwrap();
        }
        assert_eq!((spool.next_after(0).unwrap().sequence, spool.len(), spool.dropped()), (3, 4, 2));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
