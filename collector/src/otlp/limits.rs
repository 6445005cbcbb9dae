//! What one request may bring. SDKs send 512 log records or a few thousand data points at a time,
//! the OpenTelemetry collector 8,192 by default (`send_batch_size`), so all of these are far from
//! an honest sender.

/// Bytes of the body as sent.
pub(super) const BODY_BYTES_MAX: usize = 8 << 20;

/// Bytes of the message inside: what 8 MiB become at four times; gzip reaches about ten on labels,
/// so this is what bounds compressed requests (4 x 8 MiB = 32 MiB).
pub(super) const MESSAGE_BYTES_MAX: usize = 32 << 20;

/// Bytes of a JSON text. It is parsed whole, and so has less room than protobuf.
pub(super) const JSON_BYTES_MAX: usize = 8 << 20;

/// Objects in a JSON text: `{}` takes 3 bytes and at most 256 in memory (a data point), so
/// 250,000 x 256 = 64 MB. With 33 bytes each they fill the text (250,000 x 33 = 8 MB).
pub(super) const JSON_OBJECTS_MAX: usize = 250_000;

/// Bytes of one resource or scope, and of a data point or log record that is not left out. An empty attribute takes 2 bytes on the
/// wire and 64 in memory, so one full of them takes 512 KiB x 32 = 16 MiB while it is looked at.
pub(super) const PART_BYTES_MAX: usize = 512 << 10;

/// Data points or log records. One of 160 bytes is small; 200,000 of them fill the message (32 MB).
pub(super) const ITEMS_MAX: usize = 200_000;

/// Samples that they become, 24 bytes each: 1,000,000 take 24 MB. A histogram becomes one for each
/// bucket and two more.
pub(super) const SAMPLES_MAX: usize = 1_000_000;

/// As how many samples a row of an exponential histogram counts: 15 columns of about 100 bytes
/// (15 x 100 / 24 = 62).
pub(super) const SAMPLES_OF_ROW: usize = 64;

/// Labels of all series together, two pointers (32 bytes) each: 2,000,000 take 64 MB, which is
/// 100,000 series of 20 labels.
pub(super) const LABELS_TOTAL_MAX: usize = 2_000_000;

/// Labels of one series; the store takes as many.
pub(super) const LABELS_MAX: usize = 64;

/// Bytes of a metric's or a label's name.
pub(super) const NAME_BYTES_MAX: usize = 1 << 10;

/// Bytes of a label's value.
pub(super) const VALUE_BYTES_MAX: usize = 4 << 10;

/// Bytes of a log record's body, and of its attributes as JSON; the store takes as many.
pub(super) const TEXT_BYTES_MAX: usize = 64 << 10;

/// Buckets of one histogram, explicit or exponential: SDKs have 16 and 160 by default.
pub(super) const BUCKETS_MAX: usize = 4_096;

/// Those that tests lower.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Bytes of the body as sent.
    pub(super) body_bytes: usize,
    /// Bytes of the message inside.
    pub(super) message_bytes: usize,
    /// Objects in a JSON text.
    pub(super) json_objects: usize,
    /// Bytes of a data point, log record, resource or scope.
    pub(super) part_bytes: usize,
    /// Data points or log records.
    pub(super) items: usize,
    /// Samples that they become.
    pub(super) samples: usize,
    /// Labels of all series together.
    pub(super) labels_total: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: BODY_BYTES_MAX,
            message_bytes: MESSAGE_BYTES_MAX,
            json_objects: JSON_OBJECTS_MAX,
            part_bytes: PART_BYTES_MAX,
            items: ITEMS_MAX,
            samples: SAMPLES_MAX,
            labels_total: LABELS_TOTAL_MAX,
        }
    }
}
