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

/// Bytes of one series. An empty label takes 2 bytes on the wire and 48 in memory, so a series
/// full of them takes 512 KiB x 24 = 12 MiB while it is looked at.
pub(super) const SERIES_BYTES_MAX: usize = 512 << 10;

/// Labels of one series; Prometheus users set 30 to 60 as their `label_limit`.
pub(super) const LABELS_MAX: usize = 64;

/// Bytes of a label's name.
pub(super) const NAME_BYTES_MAX: usize = 1 << 10;

/// Bytes of a label's value; 64 labels of 4 KiB are 256 KiB, within a series' bytes.
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
    /// Bytes of one series.
    pub series_bytes: usize,
    /// Labels of one series.
    pub labels: usize,
    /// Bytes of a label's name.
    pub name_bytes: usize,
    /// Bytes of a label's value.
    pub value_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            compressed_bytes: COMPRESSED_BYTES_MAX,
            decompressed_bytes: DECOMPRESSED_BYTES_MAX,
            series: SERIES_MAX,
            samples: SAMPLES_MAX,
            series_bytes: SERIES_BYTES_MAX,
            labels: LABELS_MAX,
            name_bytes: NAME_BYTES_MAX,
            value_bytes: VALUE_BYTES_MAX,
        }
    }
}
