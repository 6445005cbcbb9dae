//! What a scan reads, and which of it must be merged.
//!
//! A source can contradict an older one only with rows that came late ([`crate::chunk::Chunk::late`]).
//! When rows arrive in order, as they nearly always do, no two sources have a (series, time) in
//! common, and each is read on its own.

use std::{path::Path, sync::Arc};

use arrow::error::ArrowError;

use crate::{
    chunk::Chunk,
    data_file::{DataFile, Selection, read::read, select::from_chunk},
    fields::{Field, physical_schema},
    merge::{Batches, Merge},
    state::Snapshot,
    time_range::TimeRange,
};

/// Sorted rows.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    Chunk(Arc<Chunk>),
    File(Arc<DataFile>),
}

impl Source {
    fn sequence(&self) -> u64 {
        match self {
            Self::Chunk(chunk) => chunk.sequence,
            Self::File(file) => file.sequence,
        }
    }

    fn time(&self) -> TimeRange {
        match self {
            Self::Chunk(chunk) => chunk.time,
            Self::File(file) => file.time,
        }
    }

    fn late(&self) -> Option<TimeRange> {
        match self {
            Self::Chunk(chunk) => chunk.late,
            Self::File(file) => file.late,
        }
    }

    pub(crate) fn rows(&self) -> u64 {
        match self {
            Self::Chunk(chunk) => chunk.batch.num_rows() as u64,
            Self::File(file) => file.rows,
        }
    }

    fn open(&self, folder: &Path, fields: &[Field], selection: &Selection) -> Result<Batches, ArrowError> {
        match self {
            Self::Chunk(chunk) => from_chunk(&chunk.batch, fields, selection),
            Self::File(file) => Ok(read(&folder.join(&file.name), fields, selection)?),
        }
    }
}

/// Sources that are read together: one, or several that may contradict each other, oldest first.
#[derive(Clone, Debug)]
pub(crate) struct Cluster(pub(crate) Vec<Source>);

impl Cluster {
    /// The selected rows, sorted, each (series, time) once.
    pub(crate) fn open(&self, folder: &Path, fields: &[Field], selection: &Selection) -> Result<Batches, ArrowError> {
        if let [only] = &self.0[..] {
            return only.open(folder, fields, selection);
        }
        let sources = self.0.iter().map(|source| source.open(folder, fields, selection));
        Ok(Box::new(Merge::new(physical_schema(fields), sources.collect::<Result<_, _>>()?)))
    }

    pub(crate) fn rows(&self) -> u64 {
        self.0.iter().map(Source::rows).sum()
    }
}

/// The sources of `snapshots` with wanted rows, in clusters.
pub(crate) fn clusters(snapshots: Vec<Snapshot>, selection: &Selection) -> Vec<Cluster> {
    let mut sources = Vec::new();
    for Snapshot { chunks, files } in snapshots {
        sources.extend(files.into_iter().filter(|file| selection.wants(file)).map(Source::File));
        let timely = |chunk: &Arc<Chunk>| chunk.time.overlaps(selection.time);
        sources.extend(chunks.into_iter().filter(timely).map(Source::Chunk));
    }
    sources.sort_by_key(Source::sequence);
    // Per source the oldest source of its cluster; clusters are joined by renaming.
    let mut roots: Vec<usize> = (0..sources.len()).collect();
    for (newer, source) in sources.iter().enumerate() {
        let Some(late) = source.late().map(|late| late.intersect(selection.time)) else { continue };
        for older in (0..newer).filter(|older| late.overlaps(sources[*older].time())) {
            let (from, to) = (roots[newer].max(roots[older]), roots[newer].min(roots[older]));
            roots.iter_mut().filter(|root| **root == from).for_each(|root| *root = to);
        }
    }
    let mut clusters: std::collections::BTreeMap<usize, Vec<Source>> = std::collections::BTreeMap::new();
    for (root, source) in roots.into_iter().zip(sources) {
        clusters.entry(root).or_default().push(source);
    }
    clusters.into_values().map(Cluster).collect()
}

/// Clusters spread over `count` partitions, each about as many rows.
pub(crate) fn partitions(mut clusters: Vec<Cluster>, count: usize) -> Vec<Vec<Cluster>> {
    clusters.sort_by_key(|cluster| std::cmp::Reverse(cluster.rows()));
    let mut partitions: Vec<(u64, Vec<Cluster>)> = vec![(0, Vec::new()); count.clamp(1, clusters.len().max(1))];
    for cluster in clusters {
        if let Some((rows, smallest)) = partitions.iter_mut().min_by_key(|(rows, _)| *rows) {
            *rows += cluster.rows();
            smallest.push(cluster);
        }
    }
    partitions.into_iter().map(|(_, clusters)| clusters).collect()
}
