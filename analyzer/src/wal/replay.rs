//! Reading the log back.
//!
//! A crash can tear the end of the newest segment: nothing there was acknowledged, so it is cut off. That
//! end is the last group of records, of which a disk may have written back any pages, the last ones first.
//! Damage anywhere else, so before the beginning of another group, is damage: it is reported with file and
//! offset, the segment is set aside, and every other sound record is used all the same.

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
    /// Where the torn end begins that may be cut off: no group begins behind it.
    pub(crate) torn_at: Option<u64>,
}

/// Hands every sound record of a segment to `apply`, in order. `newest` when the segment is the last
/// one, whose end a crash may have torn. `apply` says what contradicts the records before it.
pub(crate) fn segment(bytes: &[u8], newest: bool, mut apply: impl FnMut(Record) -> Result<(), &'static str>) -> Found {
    let (mut found, mut offset) = (Found::default(), 0);
    loop {
        match frame::read(bytes, offset) {
            Frame::End => return found,
            Frame::Sound { payload, end, .. } => {
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
                if newest && !begins_group(bytes, next) {
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

/// Whether a group begins at `at`, where a sound frame is, or behind it.
fn begins_group(bytes: &[u8], mut at: Option<usize>) -> bool {
    while let Some(offset) = at {
        at = match frame::read(bytes, offset) {
            Frame::Sound { begins_group: true, .. } => return true,
            Frame::Sound { end, .. } => Some(end),
            Frame::Damaged { .. } => next_record(bytes, offset + 1),
            Frame::End => None,
        };
    }
    false
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

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    /// Groups of so many empty records; where each record begins.
    fn log(groups: &[usize]) -> (Vec<u8>, Vec<usize>) {
        let (mut bytes, mut offsets) = (Vec::new(), Vec::new());
        for records in groups {
            let mut group = Vec::new();
            for _ in 0..*records {
                offsets.push(bytes.len() + group.len());
                frame::push(&mut group, |out| record::encode(&[], &record::Values::default(), &[], out));
            }
            bytes.extend(group);
        }
        (bytes, offsets)
    }

    fn check(groups: &[usize], lost: usize, newest: bool, expect: Expect) {
        let (mut bytes, offsets) = log(groups);
        let end = offsets.get(lost + 1).copied().unwrap_or(bytes.len());
        // A page that was never written back.
        bytes[offsets[lost]..end].fill(0);
        let Found { records, damage, torn_at } = segment(&bytes, newest, |_| Ok(()));
        let at = |offset: u64| offsets.iter().position(|known| *known as u64 == offset);
        let damaged: Vec<_> = damage.iter().map(|damage| at(damage.offset)).collect();
        expect.assert_eq(&format!("{records} records, damaged {damaged:?}, torn {:?}", torn_at.map(at)));
    }

    #[test]
    fn the_last_group_is_torn_anywhere_and_any_other_is_damaged() {
        check(&[1, 3], 1, true, expect!["1 records, damaged [], torn Some(Some(1))"]);
        check(&[1, 3], 2, true, expect!["2 records, damaged [], torn Some(Some(2))"]);
        check(&[1, 3], 3, true, expect!["3 records, damaged [], torn Some(Some(3))"]);
        // Synced, as the group behind it shows.
        check(&[1, 3, 1], 1, true, expect!["4 records, damaged [Some(1)], torn None"]);
        check(&[1, 3, 2], 2, true, expect!["5 records, damaged [Some(2)], torn None"]);
        // Synced before the newer segment was made.
        check(&[1, 3], 2, false, expect!["3 records, damaged [Some(2)], torn None"]);
    }
}
