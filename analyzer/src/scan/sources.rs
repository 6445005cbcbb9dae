//! What a scan reads, and which of it must be merged.
//!
//! A source can contradict an older one only with rows that came late ([`crate::chunk::Chunk::late`]).
//! When rows arrive in order, as they nearly always do, no two sources have a (series, time) in
//! common, and each is read on its own.

use std::{path::PathBuf, sync::Arc};

use arrow::error::ArrowError;

use crate::{
    chunk::Chunk,
    data_file::{DataFile, Selection, cache::FileCache, read::read, select::from_chunk},
    deletion::Mask,
    fields::{Field, physical_schema},
    merge::{Batches, Merge},
    state::Snapshot,
    time_range::TimeRange,
};

/// Where data files are, and what is known of them.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    pub(crate) folder: PathBuf,
    pub(crate) cache: Arc<FileCache>,
}

/// Sorted rows.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    Chunk(Arc<Chunk>),
    /// With what of it is not shown.
    File(Arc<DataFile>, Mask),
}

impl Source {
    fn sequence(&self) -> u64 {
        match self {
            Self::Chunk(chunk) => chunk.sequence,
            Self::File(file, _) => file.sequence,
        }
    }

    pub(crate) fn time(&self) -> TimeRange {
        match self {
            Self::Chunk(chunk) => chunk.time,
            Self::File(file, _) => file.time,
        }
    }

    fn late(&self) -> Option<TimeRange> {
        match self {
            Self::Chunk(chunk) => chunk.late,
            // There is nothing left that could be told apart from older rows.
            Self::File(file, _) => file.late.filter(|_| self.has_rows()),
        }
    }

    /// Whether it has rows, and not only what they come to.
    pub(crate) fn has_rows(&self) -> bool {
        !matches!(self, Self::File(file, _) if file.is_rolled_up)
    }

    fn rows(&self) -> u64 {
        match self {
            Self::Chunk(chunk) => chunk.rows() as u64,
            Self::File(file, _) => file.rows,
        }
    }

    fn series(&self) -> (u32, u32) {
        match self {
            Self::Chunk(chunk) => chunk.series(),
            Self::File(file, _) => file.series,
        }
    }

    /// About how many of its rows are selected, were they spread evenly.
    fn estimate(&self, selection: &Selection) -> u64 {
        let (time, (min, max)) = (self.time(), self.series());
        let share = |part: f64, whole: f64| (part / whole.max(1.0)).min(1.0);
        let length = |time: TimeRange| time.max as f64 - time.min as f64 + 1.0;
        let timely = share(length(time.intersect(selection.time)).max(0.0), length(time));
        let wanted = share(selection.series.range_cardinality(min..=max) as f64, f64::from(max - min) + 1.0);
        (self.rows() as f64 * timely * wanted) as u64
    }

    fn open(&self, place: &Files, fields: &[Field], selection: &Selection) -> Result<Batches, ArrowError> {
        match self {
            Self::Chunk(chunk) => from_chunk(&chunk.batch, fields, selection),
            Self::File(file, _) if file.is_rolled_up => Ok(Box::new(std::iter::empty())),
            Self::File(file, mask) => {
                Ok(mask.shown(read(file.place(&place.folder), fields, selection, Some(&place.cache))?))
            }
        }
    }
}

/// Sources that are read together: one, or several that may contradict each other, oldest first.
#[derive(Clone, Debug)]
pub(crate) struct Cluster(pub(crate) Vec<Source>);

impl Cluster {
    /// The selected rows, sorted, each (series, time) once.
    pub(crate) fn open(&self, place: &Files, fields: &[Field], selection: &Selection) -> Result<Batches, ArrowError> {
        if let [only] = &self.0[..] {
            return only.open(place, fields, selection);
        }
        let sources = self.0.iter().map(|source| source.open(place, fields, selection));
        Ok(Box::new(Merge::new(physical_schema(fields), sources.collect::<Result<_, _>>()?)))
    }
}

/// The sources of `snapshots` with wanted rows, in clusters.
pub(crate) fn clusters(snapshots: Vec<Snapshot>, selection: &Selection) -> Vec<Cluster> {
    let mut all = Vec::new();
    // A table's samples are older than its other rows.
    for Snapshot { chunks, files } in snapshots {
        let mut sources = Vec::new();
        let files = files.into_iter().filter(|(file, _)| selection.wants(file));
        sources.extend(files.map(|(file, mask)| Source::File(file, mask)));
        let timely = |chunk: &Arc<Chunk>| selection.wants_chunk(chunk);
        sources.extend(chunks.into_iter().filter(timely).map(Source::Chunk));
        sources.sort_by_key(Source::sequence);
        all.append(&mut sources);
    }
    let sources = all;
    // Per source the oldest source of its cluster; clusters are joined by renaming.
    let mut roots: Vec<usize> = (0..sources.len()).collect();
    for (newer, source) in sources.iter().enumerate() {
        let Some(late) = source.late().map(|late| late.intersect(selection.time)) else { continue };
        let is_met = |older: &usize| late.overlaps(sources[*older].time()) && sources[*older].has_rows();
        for older in (0..newer).filter(is_met) {
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

/// `selection` in up to `count` parts with about as many series each, and about `rows_min` rows at least.
pub(crate) fn partitions(
    clusters: &[Cluster],
    selection: &Selection,
    (count, rows_min): (usize, u64),
) -> Vec<Selection> {
    let rows: u64 = clusters.iter().flat_map(|cluster| &cluster.0).map(|source| source.estimate(selection)).sum();
    let series = selection.series.len();
    let count = (count as u64).min(series).min(rows / rows_min + 1).max(1);
    let ends = (1..=count).map(|part| series * part / count);
    let mut rest = selection.series.iter();
    let mut taken = 0;
    ends.map(|end| {
        let part = rest.by_ref().take((end - std::mem::replace(&mut taken, end)) as usize);
        Selection::new(part.collect(), selection.time)
    })
    .collect()
}
