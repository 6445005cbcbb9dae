//! Frames: a payload with its length and checksum, in log and series segments.
//!
//! Frames that are written at once are a group; all of it is synced before the next is written. The sum of
//! the first is kept as it is, those of the others inverted, so that a reader sees where groups begin.

/// Length and checksum.
pub(crate) const HEADER_BYTES: usize = 8;

/// No payload is longer: a batch is bounded by what one request may carry (tens of MiB), and a
/// length beyond this is damage, not data.
pub(crate) const PAYLOAD_BYTES_MAX: usize = 1 << 30;

/// Appends a frame around what `write` appends; the first in `out` begins a group.
pub(crate) fn push(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend([0; HEADER_BYTES]);
    write(out);
    let payload = &out[start + HEADER_BYTES..];
    let (length, sum) = (payload.len() as u32, crc32fast::hash(payload));
    let sum = if start == 0 { sum } else { !sum };
    out[start..start + 4].copy_from_slice(&length.to_le_bytes());
    out[start + 4..start + HEADER_BYTES].copy_from_slice(&sum.to_le_bytes());
}

/// What is at an offset.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Frame<'a> {
    /// A sound payload; `end` is where the next frame begins. What is before a frame that `begins_group`
    /// was synced before this one was written.
    Sound { payload: &'a [u8], end: usize, begins_group: bool },
    /// The end of the bytes.
    End,
    /// No sound frame. When its length can be believed, `end` is where the next one would begin.
    Damaged { reason: &'static str, end: Option<usize> },
}

/// Reads the frame at `offset`.
pub(crate) fn read(bytes: &[u8], offset: usize) -> Frame<'_> {
    let rest = &bytes[offset..];
    if rest.is_empty() {
        return Frame::End;
    }
    let Some((header, rest)) = rest.split_first_chunk::<HEADER_BYTES>() else {
        return Frame::Damaged { reason: "the frame's header is cut off", end: None };
    };
    let [l0, l1, l2, l3, s0, s1, s2, s3] = *header;
    let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
    if length == 0 || length > PAYLOAD_BYTES_MAX {
        return Frame::Damaged { reason: "the frame's length is impossible", end: None };
    }
    let Some(payload) = rest.get(..length) else {
        return Frame::Damaged { reason: "the frame is cut off", end: None };
    };
    let end = offset + HEADER_BYTES + length;
    let (sum, kept) = (crc32fast::hash(payload), u32::from_le_bytes([s0, s1, s2, s3]));
    if sum != kept && !sum != kept {
        return Frame::Damaged { reason: "the checksum does not match", end: Some(end) };
    }
    Frame::Sound { payload, end, begins_group: sum == kept }
}

/// What the frame at `offset` would hold, going by its length; the sum is not looked at.
pub(crate) fn claimed(bytes: &[u8], offset: usize) -> Option<&[u8]> {
    let (length, rest) = bytes.get(offset..)?.split_first_chunk::<4>()?;
    let length = u32::from_le_bytes(*length) as usize;
    rest.get(HEADER_BYTES - 4..)?.get(..length).filter(|_| (1..=PAYLOAD_BYTES_MAX).contains(&length))
}
