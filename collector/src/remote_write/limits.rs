//! What one request may bring. Prometheus sends 2,000 samples at a time by default
//! (`max_samples_per_send`), so all of these are far from an honest sender.

/// Bytes of the body as sent.
pub(super) const COMPRESSED_BYTES_MAX: usize = 8 << 20;

/// Bytes of the message inside: what 8 MiB become at four times, where snappy reaches two to
/// three on labels (4 x 8 MiB = 32 MiB).
pub(super) const DECOMPRESSED_BYTES_MAX: usize = 32 << 20;

/// Series: 100,000 of 300 bytes fill the message (100,000 x 300 = 30 MB).
pub(super) const SERIES_MAX: usize = 100_000;

/// Samples: at least 16 bytes each on the wire, so 1,000,000 take half of the message.
pub(super) const SAMPLES_MAX: usize = 1_000_000;

/// Native histograms. An empty one takes 2 bytes on the wire and a row of 16 fields of 16 bytes,
/// so 100,000 take 100,000 x 16 x 16 = 25.6 MB.
pub(super) const HISTOGRAMS_MAX: usize = 100_000;

/// Exemplars; senders add one to a series at most. A row of one takes about 200 bytes: 20 MB.
pub(super) const EXEMPLARS_MAX: usize = 100_000;

/// Metadata of a 1.0 request; Prometheus sends 2,000 at a time (`max_samples_per_send`).
pub(super) const METADATA_MAX: usize = 100_000;

/// Symbols of a 2.0 request: ten for each of 100,000 series. A reference to each takes 16 bytes: 16 MB.
pub(super) const SYMBOLS_MAX: usize = 1_000_000;

/// Bytes of all labels, exemplars and help texts of a 2.0 request with the symbols written out,
/// which a request of 32 MiB could make terabytes. Four times what a 1.0 request may have:
/// 100,000 series of 1,342 bytes.
pub(super) const EXPANDED_BYTES_MAX: usize = 4 * DECOMPRESSED_BYTES_MAX;

/// Bytes of one series. An empty label takes 2 bytes on the wire and 32 in memory, so a series
/// full of them takes 512 KiB x 16 = 8 MiB while it is looked at.
pub(super) const SERIES_BYTES_MAX: usize = 512 << 10;

/// Labels of one series; Prometheus users set 30 to 60 as their `label_limit`.
pub(super) const LABELS_MAX: usize = 64;

/// Bytes of a label's name.
pub(super) const NAME_BYTES_MAX: usize = 1 << 10;

/// Bytes of a label's value; 64 labels of 4 KiB are 256 KiB, within a series' bytes. Also of the
/// labels of an exemplar together (OpenMetrics allows 128 characters), and of a help text.
pub(super) const VALUE_BYTES_MAX: usize = 4 << 10;

/// All of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the body as sent.
    pub compressed_bytes: usize,
    /// Bytes of the message inside.
    pub decompressed_bytes: usize,
    /// Series of a request.
    pub series: usize,
    /// Samples of a request.
    pub samples: usize,
    /// Native histograms of a request.
    pub histograms: usize,
    /// Exemplars of a request.
    pub exemplars: usize,
    /// Metadata of a request.
    pub metadata: usize,
    /// Symbols of a request.
    pub symbols: usize,
    /// Bytes of a request with symbols written out.
    pub expanded_bytes: usize,
    /// Bytes of one series.
    pub series_bytes: usize,
    /// Labels of one series.
    pub labels: usize,
    /// Bytes of a label's name.
    pub name_bytes: usize,
    /// Bytes of a label's value, of an exemplar's labels, of a help text.
    pub value_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            compressed_bytes: COMPRESSED_BYTES_MAX,
            decompressed_bytes: DECOMPRESSED_BYTES_MAX,
            series: SERIES_MAX,
            samples: SAMPLES_MAX,
            histograms: HISTOGRAMS_MAX,
            exemplars: EXEMPLARS_MAX,
            metadata: METADATA_MAX,
            symbols: SYMBOLS_MAX,
            expanded_bytes: EXPANDED_BYTES_MAX,
            series_bytes: SERIES_BYTES_MAX,
            labels: LABELS_MAX,
            name_bytes: NAME_BYTES_MAX,
            value_bytes: VALUE_BYTES_MAX,
        }
    }
}
