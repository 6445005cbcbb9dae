//! From a request's body to a batch. Every limit is checked before the memory behind it is taken.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use weir_model::{
    observation::{Batch, TableName},
    time::UnixNanos,
};

use super::{
    DecodeError, Limits, exemplar::ExemplarRows, gathered::Gathered, metadata::MetadataRows, news::News,
    rejections::Rejections, start_time::StartTimeRows, version1, version2,
};
use crate::{
    series_cache::SeriesCache,
    sink::{Rejection, Written},
};

/// How far ahead of our clock a sample may be. Later ones come from a clock that is wrong, and
/// would hide the series' true samples until then.
pub const FUTURE_MAX: Duration = Duration::from_secs(3_600);

/// Buffers that are kept for the next requests, and the bytes each may have: 16 x 2 MiB = 32 MiB, where
/// the message of 2,000 series has half a megabyte.
const SPARE_MAX: usize = 16;
const SPARE_BYTES_MAX: usize = 2 << 20;

/// Memory that a request may take for each byte of its message, the message included: as a batch usual ones
/// take half of it.
const MEMORY_PER_BYTE: usize = 4;

/// Memory that any request may take: 16 MiB are 2,000 series (`max_samples_per_send`) with 8 KiB each, of which half
/// is for an exemplar, a start time and metadata of each: they take 1 to 2 KiB each.
const MEMORY_MIN: usize = 16 << 20;

/// What the content type says that a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// `prometheus.WriteRequest`.
    V1,
    /// `io.prometheus.write.v2.Request`.
    V2,
}

/// How many elements of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Float samples.
    pub samples: u64,
    /// Native histograms.
    pub histograms: u64,
    /// Exemplars.
    pub exemplars: u64,
}

/// What a request holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decoded {
    /// Samples bit for bit (NaN, infinities, staleness markers), in the order in which they were sent; histograms,
    /// exemplars, metadata and start times as rows.
    pub batch: Batch,
    /// What is in the batch.
    pub sent: Counts,
    /// What is left out.
    pub rejected: Rejections,
    /// Exemplars, metadata and start times for which there was no room beside the samples.
    pub left_out: u64,
    pub(super) histogram_tables: Vec<(TableName, u64)>,
    pub(super) metadata_facts: Vec<u128>,
    pub(super) start_time_facts: Vec<u128>,
}

/// Decodes requests, and remembers between them which series there are and what was said of metrics.
#[derive(Debug)]
pub struct Decoder {
    pub(super) limits: Limits,
    pub(super) cache: Arc<SeriesCache>,
    pub(super) metadata: News,
    pub(super) start_times: News,
    spare: Mutex<Vec<Buffers>>,
}

#[derive(Debug, Default)]
struct Buffers {
    message: Vec<u8>,
    labels: Vec<u8>,
}

impl Decoder {
    /// With these limits, and series from `cache`.
    pub fn new(limits: Limits, cache: Arc<SeriesCache>) -> Self {
        Self { limits, cache, metadata: News::default(), start_times: News::default(), spare: Mutex::default() }
    }

    /// How many bytes a body has when decompressed, as it says itself.
    ///
    /// # Errors
    /// When it is over a limit, or no snappy block.
    pub fn message_bytes(&self, body: &[u8]) -> Result<usize, DecodeError> {
        let Limits { compressed_bytes, decompressed_bytes, .. } = self.limits;
        if body.len() > compressed_bytes {
            return Err(DecodeError::CompressedTooLarge { bytes: body.len(), limit: compressed_bytes });
        }
        let bytes = snap::raw::decompress_len(body).map_err(DecodeError::Snappy)?;
        if bytes > decompressed_bytes {
            return Err(DecodeError::DecompressedTooLarge { bytes, limit: decompressed_bytes });
        }
        Ok(bytes)
    }

    /// The most memory that a message of so many bytes and its batch take. What would take more is refused.
    pub fn memory_bytes(&self, message_bytes: usize) -> usize {
        MEMORY_MIN.max(MEMORY_PER_BYTE * message_bytes)
    }

    /// Decodes a request's body: a snappy block of a protobuf message.
    ///
    /// The label `__name__` becomes the table in schema `metrics`; labels called `time` or `value`
    /// become `label_time` and `label_value`. Samples later than `now` by more than [`FUTURE_MAX`], series that
    /// cannot be and histograms that are none are left out and counted; order does not matter.
    ///
    /// # Errors
    /// When the body is malformed or over a limit; nothing of it is to be written then.
    pub fn decode(&self, version: Version, body: &[u8], now: UnixNanos) -> Result<Decoded, DecodeError> {
        let mut buffers = self.spare().pop().unwrap_or_default();
        let decoded = self.decode_with(&mut buffers, version, body, now);
        let is_usual = buffers.message.capacity() + buffers.labels.capacity() <= SPARE_BYTES_MAX;
        let mut spare = self.spare();
        if is_usual && spare.len() < SPARE_MAX {
            spare.push(buffers);
        }
        decoded
    }

    fn decode_with(
        &self,
        Buffers { message, labels }: &mut Buffers,
        version: Version,
        body: &[u8],
        now: UnixNanos,
    ) -> Result<Decoded, DecodeError> {
        let bytes = self.message_bytes(body)?;
        if message.len() < bytes {
            // Not kept: nothing of it is needed.
            *message = vec![0; bytes];
        }
        let bytes = snap::raw::Decoder::new().decompress(body, message).map_err(DecodeError::Snappy)?;
        let mut gathered = Gathered::new(self, now, bytes);
        match version {
            Version::V1 => version1::decode(&message[..bytes], &mut gathered, labels)?,
            Version::V2 => version2::decode(&message[..bytes], &mut gathered, labels)?,
        }
        Ok(gathered.finish())
    }

    fn spare(&self) -> MutexGuard<'_, Vec<Buffers>> {
        // A list of buffers is whole after any panic.
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is left of a request when its batch is in the sink.
#[derive(Debug, Default)]
pub(super) struct Sent {
    counts: Counts,
    pub(super) rejected: Rejections,
    pub(super) left_out: u64,
    histogram_tables: Vec<(TableName, u64)>,
    metadata_facts: Vec<u128>,
    start_time_facts: Vec<u128>,
}

impl Decoded {
    /// The batch, and what is needed after it is written.
    pub(super) fn split(self) -> (Batch, Sent) {
        let Self { batch, sent, rejected, left_out, histogram_tables, metadata_facts, start_time_facts } = self;
        (batch, Sent { counts: sent, rejected, left_out, histogram_tables, metadata_facts, start_time_facts })
    }
}

impl Sent {
    /// How many elements of each kind are written; the store's rejections are noted.
    ///
    /// Facts that it rejects are no element that the sender counts, and are not tried again with every request.
    pub(super) fn written(&mut self, decoder: &Decoder, written: Written) -> Counts {
        let mut counts = self.counts;
        decoder.metadata.remember(&self.metadata_facts);
        decoder.start_times.remember(&self.start_time_facts);
        let is_fact =
            |rejection: &Rejection| [MetadataRows::table(), StartTimeRows::table()].contains(&rejection.table);
        let (facts, elements): (Vec<_>, Vec<_>) = written.rejected.into_iter().partition(is_fact);
        for Rejection { table, rows, reason } in &facts {
            tracing::warn!(%table, rows, reason, "the store rejects what remote write says of metrics");
            self.left_out += rows;
        }
        for Rejection { table, rows, .. } in &elements {
            self.subtract(&mut counts, table, *rows);
        }
        self.rejected.add_stores(elements);
        counts
    }

    /// A table has samples or histograms; of one that has both, histograms are counted as the rejected ones first.
    fn subtract(&mut self, counts: &mut Counts, table: &TableName, rows: u64) {
        if *table == ExemplarRows::table() {
            counts.exemplars = counts.exemplars.saturating_sub(rows);
            return;
        }
        let known = self.histogram_tables.iter_mut().find(|(name, _)| name == table);
        let histograms = known.map_or(0, |(_, left)| {
            let taken = rows.min(*left);
            *left -= taken;
            taken
        });
        counts.histograms -= histograms;
        counts.samples = counts.samples.saturating_sub(rows - histograms);
    }
}
