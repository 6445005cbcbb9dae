//! Reads the journal that `powercut/journal.c` writes; `powercut/journal.h` describes it.

use anyhow::{Context, bail};

/// Something that the daemon did to its folder, or said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Record<'a> {
    /// A new empty file.
    Create { path: &'a str, inode: u64 },
    /// Bytes of a file, replaced or appended.
    Write { inode: u64, offset: u64, data: &'a [u8] },
    /// A file has this length now.
    Truncate { inode: u64, length: u64 },
    /// A sync of a file or folder begins: what was done before is covered.
    SyncBegin { inode: u64, sync: u64 },
    /// It has ended: what it covers is durable.
    SyncEnd { sync: u64 },
    /// A name moves.
    Rename { from: &'a str, to: &'a str },
    /// A second name.
    Link { from: &'a str, to: &'a str },
    /// A name of a file goes.
    Unlink { path: &'a str },
    /// A new folder.
    MakeFolder { path: &'a str, inode: u64 },
    /// An empty folder goes.
    RemoveFolder { path: &'a str },
    /// An answer 2xx leaves for a port of this machine.
    Answer { port: u16 },
    /// The power fails.
    Cut,
}

/// Bytes of a record before its paths and data.
const HEADER_BYTES: usize = 48;

/// Reads a journal to its end, which may be torn where the process was killed from outside.
#[derive(Debug)]
pub(crate) struct Journal<'a> {
    rest: &'a [u8],
}

impl<'a> Journal<'a> {
    /// The journal in `bytes`.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    fn record(&mut self) -> anyhow::Result<Option<Record<'a>>> {
        let Some(header) = self.take(HEADER_BYTES) else { return Ok(None) };
        let small = |at: usize| header[at..at + 4].try_into().map(u32::from_le_bytes);
        let large = |at: usize| header[at..at + 8].try_into().map(u64::from_le_bytes);
        let (kind, inode, offset, extra) = (small(0)?, large(8)?, large(16)?, large(24)?);
        let sizes = [small(32)? as usize, small(36)? as usize, usize::try_from(large(40)?)?];
        let [Some(path), Some(to), Some(data)] = sizes.map(|size| self.take(size)) else { return Ok(None) };
        let (path, to) = (std::str::from_utf8(path)?, std::str::from_utf8(to)?);
        Ok(Some(match kind {
            1 => Record::Create { path, inode },
            2 => Record::Write { inode, offset, data },
            3 => Record::Truncate { inode, length: offset },
            4 => Record::SyncBegin { inode, sync: extra },
            5 => Record::SyncEnd { sync: extra },
            6 => Record::Rename { from: path, to },
            7 => Record::Link { from: path, to },
            8 => Record::Unlink { path },
            9 => Record::MakeFolder { path, inode },
            10 => Record::RemoveFolder { path },
            11 => Record::Answer { port: u16::try_from(extra).context("a port")? },
            12 => bail!("the daemon does what this test cannot follow: {path}; teach powercut/ and disk.rs"),
            13 => Record::Cut,
            _ => bail!("a journal record of kind {kind}: powercut/ and journal.rs do not fit together"),
        }))
    }
}

impl<'a> Iterator for Journal<'a> {
    type Item = anyhow::Result<Record<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.record().transpose()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A record as the library writes it.
    pub(crate) fn encoded(record: Record<'_>) -> Vec<u8> {
        let (kind, inode, offset, extra, path, to, data): (u32, u64, u64, u64, &str, &str, &[u8]) = match record {
            Record::Create { path, inode } => (1, inode, 0, 0, path, "", &[]),
            Record::Write { inode, offset, data } => (2, inode, offset, 0, "", "", data),
            Record::Truncate { inode, length } => (3, inode, length, 0, "", "", &[]),
            Record::SyncBegin { inode, sync } => (4, inode, 0, sync, "", "", &[]),
            Record::SyncEnd { sync } => (5, 0, 0, sync, "", "", &[]),
            Record::Rename { from, to } => (6, 0, 0, 0, from, to, &[]),
            Record::Link { from, to } => (7, 0, 0, 0, from, to, &[]),
            Record::Unlink { path } => (8, 0, 0, 0, path, "", &[]),
            Record::MakeFolder { path, inode } => (9, inode, 0, 0, path, "", &[]),
            Record::RemoveFolder { path } => (10, 0, 0, 0, path, "", &[]),
            Record::Answer { port } => (11, 0, 0, port.into(), "", "", b"HTTP/1.1 204"),
            Record::Cut => (13, 0, 0, 0, "", "", &[]),
        };
        let mut out = Vec::new();
        out.extend(kind.to_le_bytes());
        out.extend(0_u32.to_le_bytes());
        [inode, offset, extra].iter().for_each(|number| out.extend(number.to_le_bytes()));
        [path, to].iter().for_each(|text| out.extend((text.len() as u32).to_le_bytes()));
        out.extend((data.len() as u64).to_le_bytes());
        [path.as_bytes(), to.as_bytes(), data].iter().for_each(|bytes| out.extend(*bytes));
        out
    }

    #[test]
    fn records_are_read_up_to_a_torn_end() {
        let records = [
            Record::Create { path: "/r/a", inode: 7 },
            Record::Write { inode: 7, offset: 3, data: b"abc" },
            Record::Rename { from: "/r/a", to: "/r/b" },
            Record::Answer { port: 4_711 },
            Record::Cut,
        ];
        let bytes: Vec<u8> = records.into_iter().flat_map(encoded).collect();
        let read: Vec<_> = Journal::new(&bytes).map(Result::unwrap).collect();
        assert_eq!(read, records);
        assert_eq!(Journal::new(&bytes[..bytes.len() - 1]).count(), 4);
        let mut unknown = encoded(Record::Cut);
        unknown[0] = 99;
        assert!(Journal::new(&unknown).next().unwrap().is_err());
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_are_no_journal_and_no_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            Journal::new(&bytes).take(20).for_each(drop);
        }
    }
}
