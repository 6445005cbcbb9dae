//! Reading the log back.
//!
//! A crash can tear the end of the newest segment: nothing there was acknowledged, so it is cut off.
//! Damage anywhere else, so before any sound record, is damage: it is reported with file and offset,
//! the segment is set aside, and every other sound record is used all the same.

use super::{
    frame::{self, Frame},
    record::{self, Record},
};

/// Something that should have been a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Damage {
    pub(crate) offset: u64,
    pub(crate) reason: &'static str,
}

/// What was found in a segment.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) records: u64,
    pub(crate) damage: Vec<Damage>,
    /// Where the torn end begins that may be cut off: nothing sound is behind it.
    pub(crate) torn_at: Option<u64>,
}

/// Hands every sound record of a segment to `apply`, in order. `newest` when the segment is the last
/// one, whose end a crash may have torn. `apply` says what contradicts the records before it.
pub(crate) fn segment(bytes: &[u8], newest: bool, mut apply: impl FnMut(Record) -> Result<(), &'static str>) -> Found {
    let (mut found, mut offset) = (Found::default(), 0);
    loop {
        match frame::read(bytes, offset) {
            Frame::End => return found,
            Frame::Sound { payload, end } => {
                let applied = record::decode(payload).ok_or("the record is of another format").and_then(&mut apply);
                match applied {
                    Ok(()) => found.records += 1,
                    Err(reason) => found.damage.push(Damage { offset: offset as u64, reason }),
                }
                offset = end;
            }
            Frame::Damaged { reason, end } => {
                let next = end.filter(|end| matches!(frame::read(bytes, *end), Frame::Sound { .. }));
                let next = next.or_else(|| next_record(bytes, offset + 1));
                if next.is_none() && newest {
                    found.torn_at = Some(offset as u64);
                    return found;
                }
                found.damage.push(Damage { offset: offset as u64, reason });
                match next {
                    Some(next) => offset = next,
                    None => return found,
                }
            }
        }
    }
}

/// Where the next record begins whose frame is sound, at `from` or behind it.
///
/// Any four bytes may be a length, and checking the sums of all that could be meant would take hours for
/// a large segment; but what is no record is not one within its first few bytes.
fn next_record(bytes: &[u8], from: usize) -> Option<usize> {
    let is_record = |at: &usize| {
        frame::claimed(bytes, *at).and_then(record::decode).is_some()
            && matches!(frame::read(bytes, *at), Frame::Sound { .. })
    };
    (from..bytes.len()).find(is_record)
}
