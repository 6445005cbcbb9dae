//! A request's batch while it is being decoded.

use std::sync::Arc;

use weir_model::{
    observation::{Batch, Samples, Series, TableName},
    time::UnixNanos,
};

use super::{
    Counts, DecodeError, Decoded, Decoder, FUTURE_MAX, SeriesProblem,
    error::Fault,
    exemplar::{Exemplar, ExemplarRows},
    histogram::{FIELDS, HistogramRows, NativeHistogram},
    labels,
    metadata::{Metadata, MetadataRows},
    rejections::{Reason, Rejections},
    start_time::StartTimeRows,
    wide,
    wire::Fields,
};
use crate::series_cache::Dialect;

/// Bytes of a series on the wire that vectors are made for: a usual one has 250.
const USUAL_SERIES_BYTES: usize = 128;

/// Bytes of a sample in a batch: 4 of index, 8 of time, 8 of value.
const SAMPLE_BYTES: usize = 20;

/// Bytes of a series in a batch.
const SERIES_BYTES: usize = size_of::<Series>();

/// Bytes of a row of a few fields by itself, without labels and text: a dozen allocations of 50.
const ROW_BYTES: usize = 600;

/// Text that a byte of a histogram becomes at most: a float of 8 bytes has 24 digits.
const HISTOGRAM_TEXT: usize = 3;

const NANOS_PER_MS: i64 = 1_000_000;

/// A sample as sent; `start_time_ms` is 0 when not known.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    pub(super) timestamp_ms: i64,
    pub(super) value: f64,
    pub(super) start_time_ms: i64,
}

/// What a series has, but for its labels. Histograms and exemplars are few, and looked into later.
#[derive(Debug, Default)]
pub(super) struct Parts<'a> {
    pub(super) samples: Vec<Sample>,
    pub(super) histograms: Vec<&'a [u8]>,
    pub(super) exemplars: Vec<&'a [u8]>,
}

impl Parts<'_> {
    pub(super) fn clear(&mut self) {
        self.samples.clear();
        self.histograms.clear();
        self.exemplars.clear();
    }

    pub(super) fn len(&self) -> usize {
        self.samples.len() + self.histograms.len() + self.exemplars.len()
    }
}

/// What was decoded so far.
#[derive(Debug)]
pub(super) struct Gathered<'d> {
    pub(super) decoder: &'d Decoder,
    now: UnixNanos,
    latest: UnixNanos,
    /// Bytes that the batch may still take.
    room: usize,
    /// How many of them exemplars, metadata and start times may take: the other half is for samples, which are
    /// not refused on account of those.
    room_beside: usize,
    left_out: u64,
    /// Series so far: the number of the next one.
    pub(super) index: usize,
    seen: Counts,
    samples: Samples,
    histograms: HistogramRows,
    exemplars: ExemplarRows,
    metadata: MetadataRows,
    start_times: StartTimeRows,
    rejected: Rejections,
}

impl<'d> Gathered<'d> {
    pub(super) fn new(decoder: &'d Decoder, now: UnixNanos, message_bytes: usize) -> Self {
        let expected = (message_bytes / USUAL_SERIES_BYTES).min(decoder.limits.series);
        let samples = Samples {
            series: Vec::with_capacity(expected),
            index: Vec::with_capacity(expected),
            time: Vec::with_capacity(expected),
            value: Vec::with_capacity(expected),
        };
        let room = decoder.memory_bytes(message_bytes).saturating_sub(message_bytes);
        Self {
            decoder,
            now,
            latest: now + FUTURE_MAX,
            room,
            room_beside: room / 2,
            left_out: 0,
            index: 0,
            seen: Counts::default(),
            samples,
            histograms: HistogramRows::default(),
            exemplars: ExemplarRows::default(),
            metadata: MetadataRows::default(),
            start_times: StartTimeRows::default(),
            rejected: Rejections::default(),
        }
    }

    /// Whether a series is small enough to be looked into; if not, that is noted.
    pub(super) fn admit_size(&mut self, message: &[u8]) -> Result<bool, DecodeError> {
        let limit = self.decoder.limits.series_bytes;
        if message.len() <= limit {
            return Ok(true);
        }
        self.admit(&Parts::default())?;
        // Samples, and histograms and exemplars in one order or the other.
        let mut elements = 0;
        let mut fields = Fields::new(message);
        while let Some((field, _)) = fields.next()? {
            elements += usize::from((2..=4).contains(&field));
        }
        self.reject_series(&SeriesProblem::TooLarge(limit), elements);
        Ok(false)
    }

    /// Takes memory for what is added to the batch.
    fn take(&mut self, bytes: usize) -> Result<(), DecodeError> {
        self.room = self.room.checked_sub(bytes).ok_or(DecodeError::TooMuchMemory)?;
        Ok(())
    }

    /// Takes memory for what is told beside samples; where there is none it is left out, and counted. Metadata and
    /// start times come again with the next request.
    fn take_beside(&mut self, bytes: usize) -> bool {
        let is_room = bytes <= self.room.min(self.room_beside);
        if is_room {
            self.room -= bytes;
            self.room_beside -= bytes;
        } else {
            self.left_out += 1;
        }
        is_room
    }

    /// Counts a series in.
    ///
    /// # Errors
    /// When the request has more of something than it may.
    pub(super) fn admit(&mut self, parts: &Parts<'_>) -> Result<(), DecodeError> {
        let limits = &self.decoder.limits;
        let seen = &mut self.seen;
        seen.samples += parts.samples.len() as u64;
        seen.histograms += parts.histograms.len() as u64;
        seen.exemplars += parts.exemplars.len() as u64;
        self.index += 1;
        for (what, seen, limit) in [
            ("series", self.index as u64, limits.series),
            ("samples", seen.samples, limits.samples),
            ("histograms", seen.histograms, limits.histograms),
            ("exemplars", seen.exemplars, limits.exemplars),
        ] {
            if seen > limit as u64 {
                return Err(DecodeError::TooMany { what, limit });
            }
        }
        self.take(SERIES_BYTES + SAMPLE_BYTES * parts.samples.len())
    }

    /// The handle of a series with these label fields, and its key; `None` when it is none, which is noted.
    pub(super) fn series(&mut self, fields: &[u8], parts: &Parts<'_>) -> Result<Option<(Series, u128)>, DecodeError> {
        let Decoder { limits, cache, .. } = self.decoder;
        let key = cache.key_of(Dialect::RemoteWrite, fields);
        match cache.get_or_insert_with(key, || labels::series(fields, limits, cache)) {
            Ok(series) => Ok(Some((series, key))),
            Err(fault) => self.reject(fault, parts.len()).map(|()| None),
        }
    }

    /// Notes that `elements` of the newest series are left out.
    pub(super) fn reject(&mut self, fault: Fault, elements: usize) -> Result<(), DecodeError> {
        match fault {
            Fault::Malformed(malformed) => Err(malformed.into()),
            Fault::Expanded(limit) => Err(DecodeError::ExpandedTooLarge(limit)),
            Fault::Problem(problem) => {
                self.reject_series(&problem, elements);
                Ok(())
            }
        }
    }

    pub(super) fn reject_series(&mut self, problem: &SeriesProblem, elements: usize) {
        self.rejected.add_series(self.index - 1, problem, elements);
    }

    /// Appends the samples and histograms of a series.
    pub(super) fn push(&mut self, series: Series, key: u128, parts: &Parts<'_>) -> Result<(), DecodeError> {
        for histogram in &parts.histograms {
            self.take(HISTOGRAM_TEXT * histogram.len() + size_of::<Option<Arc<str>>>() * FIELDS.len())?;
            let histogram = NativeHistogram::decode(histogram)?;
            let checked = histogram.check().map_err(Reason::from);
            match checked.and_then(|()| self.nanos(histogram.timestamp_ms)) {
                Ok(time) => self.histograms.push(&series, time, &histogram),
                Err(reason) => self.rejected.add(series.table(), reason, 1),
            }
        }
        if parts.samples.iter().any(|sample| sample.start_time_ms != 0) {
            self.push_start_times(&series, key, &parts.samples);
        }
        if parts.samples.iter().any(|sample| self.nanos(sample.timestamp_ms).is_err()) {
            self.push_timely(series, &parts.samples);
        } else if !parts.samples.is_empty() {
            let index = self.samples.push_series(series);
            for sample in &parts.samples {
                self.samples.push(index, sample.timestamp_ms * NANOS_PER_MS, sample.value);
            }
        }
        Ok(())
    }

    /// Appends samples of which some are out of time.
    fn push_timely(&mut self, series: Series, samples: &[Sample]) {
        let mut timely = Vec::new();
        for sample in samples {
            match self.nanos(sample.timestamp_ms) {
                Ok(time) => timely.push((time, sample.value)),
                Err(reason) => self.rejected.add(series.table(), reason, 1),
            }
        }
        if !timely.is_empty() {
            let index = self.samples.push_series(series);
            timely.into_iter().for_each(|(time, value)| self.samples.push(index, time, value));
        }
    }

    fn push_start_times(&mut self, series: &Series, key: u128, samples: &[Sample]) {
        let Decoder { cache, start_times, .. } = self.decoder;
        for sample in samples.iter().filter(|sample| sample.start_time_ms != 0) {
            let Ok(time) = self.nanos(sample.timestamp_ms) else { continue };
            let mut identity = [0; 24];
            identity[..16].copy_from_slice(&key.to_le_bytes());
            identity[16..].copy_from_slice(&sample.start_time_ms.to_le_bytes());
            let fact = cache.key_of(Dialect::RemoteWrite, &identity);
            if start_times.is_known(fact) || self.start_times.facts.last() == Some(&fact) {
                continue;
            }
            if !self.take_beside(ROW_BYTES + wide::bytes(series)) {
                return;
            }
            self.start_times.push(series, time, sample.start_time_ms, fact);
        }
    }

    /// Appends an exemplar of a series.
    pub(super) fn push_exemplar(&mut self, series: &Series, exemplar: &Exemplar<'_>) {
        // Labels of a few bytes become quoted text, in which a byte may take six.
        let text: usize = exemplar.labels.iter().map(|(name, value)| 16 + 6 * (name.len() + value.len())).sum();
        if !self.take_beside(ROW_BYTES + wide::bytes(series) + text) {
            return;
        }
        match self.nanos(exemplar.timestamp_ms) {
            Ok(time) => self.exemplars.push(series, time, exemplar),
            Err(reason) => self.rejected.add(&ExemplarRows::table(), reason, 1),
        }
    }

    /// Appends what is said of a metric, if it is new.
    pub(super) fn push_metadata(&mut self, metadata: &Metadata<'_>) {
        let Decoder { limits, cache, metadata: known, .. } = self.decoder;
        let fact = cache.key_of(Dialect::RemoteWrite, metadata.identity().as_bytes());
        if metadata.is_empty() || known.is_known(fact) {
            return;
        }
        if self.metadata.len() == limits.metadata {
            self.left_out += 1;
        } else if self.take_beside(ROW_BYTES + metadata.metric.len() + metadata.help.len() + metadata.unit.len()) {
            self.metadata.push(self.now, fact, metadata, limits.value_bytes);
        }
    }

    #[inline]
    fn nanos(&self, timestamp_ms: i64) -> Result<i64, Reason> {
        match timestamp_ms.checked_mul(NANOS_PER_MS) {
            Some(nanos) if nanos <= self.latest.0 => Ok(nanos),
            None if timestamp_ms < 0 => Err(Reason::OutOfRange),
            _ => Err(Reason::TooFarAhead),
        }
    }

    pub(super) fn finish(self) -> Decoded {
        let histogram_tables: Vec<(TableName, u64)> = self.histograms.counts();
        let sent = Counts {
            samples: self.samples.len() as u64,
            histograms: histogram_tables.iter().map(|(_, count)| count).sum(),
            exemplars: self.exemplars.len() as u64,
        };
        let (metadata_facts, start_time_facts) = (self.metadata.facts(), self.start_times.facts.clone());
        let rows = self.histograms.into_rows().chain(self.exemplars.into_rows());
        let rows = rows.chain(self.metadata.into_rows()).chain(self.start_times.into_rows()).collect();
        Decoded {
            batch: Batch { samples: self.samples, rows },
            sent,
            rejected: self.rejected,
            left_out: self.left_out,
            histogram_tables,
            metadata_facts,
            start_time_facts,
        }
    }
}
