//! What one request may bring. Telegraf sends 1,000 lines at a time by default
//! (`metric_batch_size`), client libraries 5,000: about 0.3 and 1.5 MB.

/// Bytes of the body as sent when it is compressed: lines shrink to a fifth or less, so what fits
/// into [`BODY_BYTES_MAX`] fits here (32 / 5 = 6.4 MiB).
pub(super) const COMPRESSED_BYTES_MAX: usize = 8 << 20;

/// Bytes of the lines: 95,000 lines of 350 bytes.
pub(super) const BODY_BYTES_MAX: usize = 32 << 20;

/// Lines. A row takes 12 bytes beside its values (time 8, series 4), twice that while columns grow, and
/// 84 more when its series has other fields than in the line before: 2^19 x (24 + 84) = 54 MiB.
pub(super) const LINES_MAX: usize = 1 << 19;

/// Values: as many as 95,000 lines of 10 fields have. One takes 16 bytes, twice that while its column
/// grows, and a string 16 beside its text: 2^20 x 48 = 48 MiB, and the text at most the body's 32.
pub(super) const VALUES_MAX: usize = 1 << 20;

/// Distinct series. One takes about 180 bytes of bookkeeping: 2^17 x 180 = 23 MiB.
pub(super) const SERIES_MAX: usize = 1 << 17;

/// Tags of series that were not known before. One takes 32 bytes and two shared strings of about
/// 40: 2^19 x 112 = 56 MiB, if no string came twice.
pub(super) const NEW_TAGS_MAX: usize = 1 << 19;

/// Fields of all distinct lists of fields together. One takes about 250 bytes (name, column with
/// room for its first values, and its place in the list): 2^16 x 250 = 16 MiB.
pub(super) const COLUMNS_MAX: usize = 1 << 16;

/// Tags of one line: as many labels as the store keeps of a series.
pub(super) const TAGS_MAX: usize = 64;

/// Fields of one line: as many as the store keeps of a table.
pub(super) const FIELDS_MAX: usize = 1_000;

/// Bytes of a measurement's name, a tag's key or a field's key.
pub(super) const NAME_BYTES_MAX: usize = 1 << 10;

/// Bytes of a tag's value; 64 of them are 256 KiB.
pub(super) const TAG_VALUE_BYTES_MAX: usize = 4 << 10;

/// Bytes of a string: as the store keeps.
pub(super) const TEXT_BYTES_MAX: usize = 64 << 10;

/// All of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a compressed body as sent.
    pub compressed_bytes: usize,
    /// Bytes of the lines.
    pub body_bytes: usize,
    /// Lines of a request, comments and empty ones left out.
    pub lines: usize,
    /// Values of a request.
    pub values: usize,
    /// Distinct series of a request.
    pub series: usize,
    /// Tags of those series of a request that were not known before.
    pub new_tags: usize,
    /// Fields of all distinct lists of fields of a request.
    pub columns: usize,
    /// Tags of one line.
    pub tags: usize,
    /// Fields of one line.
    pub fields: usize,
    /// Bytes of a measurement's name, a tag's key or a field's key.
    pub name_bytes: usize,
    /// Bytes of a tag's value.
    pub tag_value_bytes: usize,
    /// Bytes of a string.
    pub text_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            compressed_bytes: COMPRESSED_BYTES_MAX,
            body_bytes: BODY_BYTES_MAX,
            lines: LINES_MAX,
            values: VALUES_MAX,
            series: SERIES_MAX,
            new_tags: NEW_TAGS_MAX,
            columns: COLUMNS_MAX,
            tags: TAGS_MAX,
            fields: FIELDS_MAX,
            name_bytes: NAME_BYTES_MAX,
            tag_value_bytes: TAG_VALUE_BYTES_MAX,
            text_bytes: TEXT_BYTES_MAX,
        }
    }
}
