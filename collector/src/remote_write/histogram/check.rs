//! What a histogram must fulfil to be one. Those that do not would answer every question wrongly
//! (the rules that Prometheus applies before it stores one: model/histogram/generic.go).

use super::{Buckets, Count, NativeHistogram};

/// The schema in which `custom_values` are the buckets' bounds.
const CUSTOM_SCHEMA: i32 = -53;

/// Why something is no histogram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum HistogramProblem {
    /// Float buckets in an integer histogram, or the reverse.
    #[error("a histogram's buckets are of another kind than its count")]
    MixedKinds,
    /// Spans and buckets do not match.
    #[error("a histogram's spans name more or fewer buckets than there are")]
    SpanLengths,
    /// A span that goes back.
    #[error("a histogram's spans overlap")]
    SpanOffsets,
    /// A bucket of less than nothing.
    #[error("a histogram's bucket has a negative count")]
    NegativeCount,
    /// The parts do not make the whole.
    #[error("a histogram's count is not the sum of its buckets")]
    CountMismatch,
    /// Bounds that do not rise, or buckets that bounds do not allow.
    #[error("a histogram's custom buckets are not in order")]
    CustomBuckets,
}

impl NativeHistogram {
    /// Whether it can be one.
    ///
    /// # Errors
    /// When its parts contradict each other.
    pub fn check(&self) -> Result<(), HistogramProblem> {
        self.check_kinds()?;
        self.negative.check_spans()?;
        self.positive.check_spans()?;
        if self.schema == CUSTOM_SCHEMA {
            self.check_custom()?;
        }
        let in_buckets = self.negative.observations()?.checked_add(self.positive.observations()?);
        if let Some(Count::Int(count)) = self.count {
            let zero = if let Some(Count::Int(zero)) = self.zero_count { zero } else { 0 };
            let all = in_buckets.and_then(|sum| sum.checked_add(u128::from(zero)));
            let count = u128::from(count);
            // Observations of NaN are counted and in no bucket; their sum is NaN.
            let is_sum = all.is_some_and(|all| if self.sum.is_nan() { all <= count } else { all == count });
            if !is_sum {
                return Err(HistogramProblem::CountMismatch);
            }
        }
        Ok(())
    }

    fn check_kinds(&self) -> Result<(), HistogramProblem> {
        let is_float = matches!(self.count, Some(Count::Float(_)));
        let of_other_kind = [&self.negative, &self.positive].iter().any(|buckets| match is_float {
            true => !buckets.deltas.is_empty(),
            false => !buckets.counts.is_empty(),
        });
        let zero_is_float = matches!(self.zero_count, Some(Count::Float(_)));
        if of_other_kind || self.zero_count.is_some() && zero_is_float != is_float {
            return Err(HistogramProblem::MixedKinds);
        }
        let counts = [self.count, self.zero_count];
        match counts.iter().any(|count| matches!(count, Some(Count::Float(count)) if *count < 0.0)) {
            true => Err(HistogramProblem::NegativeCount),
            false => Ok(()),
        }
    }

    fn check_custom(&self) -> Result<(), HistogramProblem> {
        let rise = self.custom_values.windows(2).all(|pair| pair[0] < pair[1]);
        let last: i64 = self.positive.spans.iter().map(|span| i64::from(span.offset) + i64::from(span.length)).sum();
        // One more bucket than bounds: up to infinity.
        let fits = last <= self.custom_values.len() as i64 + 1;
        match rise && fits && self.negative.spans.is_empty() {
            true => Ok(()),
            false => Err(HistogramProblem::CustomBuckets),
        }
    }
}

impl Buckets {
    fn check_spans(&self) -> Result<(), HistogramProblem> {
        if self.spans.iter().skip(1).any(|span| span.offset < 0) {
            return Err(HistogramProblem::SpanOffsets);
        }
        let named: u64 = self.spans.iter().map(|span| u64::from(span.length)).sum();
        match named == (self.deltas.len() + self.counts.len()) as u64 {
            true => Ok(()),
            false => Err(HistogramProblem::SpanLengths),
        }
    }

    /// The observations of an integer histogram's buckets; 0 of a float histogram's.
    fn observations(&self) -> Result<u128, HistogramProblem> {
        if self.counts.iter().any(|count| *count < 0.0) {
            return Err(HistogramProblem::NegativeCount);
        }
        let mut bucket = 0i64;
        let mut sum = 0u128;
        for delta in &self.deltas {
            bucket = bucket.checked_add(*delta).ok_or(HistogramProblem::NegativeCount)?;
            // At most 2^24 buckets fit into a message, of less than 2^63 each.
            sum += u128::try_from(bucket).map_err(|_| HistogramProblem::NegativeCount)?;
        }
        Ok(sum)
    }
}
