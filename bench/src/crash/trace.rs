//! Whether each acknowledgement follows the sync that covers it.
//!
//! What is checked, of the journal alone: when an answer 2xx to a write is about to leave, each value of
//! that request lies in bytes of the log (`wal/`) that a completed sync has made durable, in a file whose
//! name is durable as well. Values are unique, and the log holds their bits as they are.

use std::collections::{HashMap, HashSet};

use anyhow::ensure;

use super::{
    disk::{Disk, Id},
    journal::Record,
    sample::values_in,
};

/// The values of the requests of a connection that were answered 2xx, or not any more, in order.
pub(crate) type Asked = HashMap<u16, Vec<Vec<u64>>>;

/// Follows the journal.
#[derive(Debug)]
pub(crate) struct Trace<'a> {
    asked: &'a Asked,
    /// Answers so far of each connection.
    answered: HashMap<u16, usize>,
    durable: HashSet<u64>,
    /// Values in bytes that were synced, wherever.
    synced: u64,
    /// Durable bytes of a file whose name is not durable yet.
    nameless: Vec<(Id, Vec<u64>)>,
    /// Answers to writes.
    pub(crate) answers: u64,
    /// Answers that left before what they promise was durable.
    pub(crate) early: u64,
}

impl<'a> Trace<'a> {
    /// A trace of a daemon that was `asked` this.
    pub(crate) fn new(asked: &'a Asked) -> Self {
        Self {
            asked,
            answered: HashMap::new(),
            durable: HashSet::new(),
            synced: 0,
            nameless: Vec::new(),
            answers: 0,
            early: 0,
        }
    }

    /// After `disk` was told of `record`, by which `synced` became more durable.
    pub(crate) fn follow(&mut self, disk: &Disk, record: &Record<'_>, synced: Option<Id>) {
        if let Some(id) = synced {
            if let Some(file) = disk.file(id) {
                let values: Vec<u64> = values_in(file.newest()).collect();
                self.synced += values.len() as u64;
                if !values.is_empty() {
                    self.nameless.push((id, values));
                }
            }
            let is_named = |id: Id| disk.durable_path(id).is_some_and(|path| path.contains("wal/"));
            for (_, values) in self.nameless.extract_if(.., |(id, _)| is_named(*id)) {
                self.durable.extend(values);
            }
        }
        if let Record::Answer { port } = record {
            self.answer(*port);
        }
    }

    fn answer(&mut self, port: u16) {
        let Some(requests) = self.asked.get(&port) else { return };
        let number = self.answered.entry(port).or_default();
        let Some(values) = requests.get(*number) else { return };
        *number += 1;
        self.answers += 1;
        self.early += u64::from(!values.iter().all(|value| self.durable.contains(value)));
    }

    /// Fails when no value was ever seen in what was synced: then nothing can be said of answers.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        ensure!(
            self.answers == 0 || self.synced > 0,
            "no value of {} acknowledged requests is in what was synced: does the log still hold values bit by bit?",
            self.answers
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{super::sample::value_of, *};

    #[test]
    fn an_answer_before_its_sync_is_early_and_one_after_it_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        std::fs::create_dir(root.join("wal")).unwrap();
        let path = root.join("wal/1").display().to_string();
        let wal = std::os::unix::fs::MetadataExt::ino(&std::fs::metadata(root.join("wal")).unwrap());
        let (values, inode) = ([value_of(1).to_bits(), value_of(2).to_bits()], u64::MAX);
        let bytes: Vec<Vec<u8>> = values.iter().map(|value| value.to_le_bytes().to_vec()).collect();
        let asked = Asked::from([(9, vec![vec![values[0]], vec![values[1]]])]);
        let made = Record::Create { path: &path, inode };
        let named = [Record::SyncBegin { inode: wal, sync: 1 }, Record::SyncEnd { sync: 1 }];
        let first = Record::Write { inode, offset: 0, data: &bytes[0] };
        let second = Record::Write { inode, offset: 8, data: &bytes[1] };
        let [begin, end] = [Record::SyncBegin { inode, sync: 2 }, Record::SyncEnd { sync: 2 }];
        let answer = Record::Answer { port: 9 };
        let early = |records: &[Record<'_>]| {
            let (mut disk, mut trace) = (Disk::load(&root).unwrap(), Trace::new(&asked));
            for record in records {
                let synced = disk.apply(record).unwrap();
                trace.follow(&disk, record, synced);
            }
            (trace.answers, trace.early)
        };
        let [name, named] = named;
        assert_eq!(early(&[made, name, named, first, begin, end, answer]), (1, 0));
        assert_eq!(early(&[made, first, begin, end, name, named, answer]), (1, 0));
        assert_eq!(early(&[made, first, begin, end, answer]), (1, 1), "its name is not durable");
        assert_eq!(early(&[made, name, named, first, begin, answer, end]), (1, 1));
        assert_eq!(early(&[made, name, named, first, begin, second, end, answer, answer]), (2, 1));
        assert_eq!(early(&[made, name, named, Record::Answer { port: 8 }]), (0, 0));
    }
}
