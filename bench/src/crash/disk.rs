//! A disk that keeps what was synced, and of the rest what it likes.
//!
//! A file keeps its bytes and its length as of the last fsync or fdatasync of that file; a folder its
//! names as of its last fsync. So a file that was synced before its name was is not found again, and
//! the other way round it is found without its bytes: what POSIX allows, whatever usual file systems do.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, ensure};

use super::journal::Record;

mod content;
mod image;

pub(crate) use content::Content;
pub(crate) use image::Image;

/// A file or folder. Inodes of removed files come again, these never do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Id(u64);

/// A change of names in one folder.
#[derive(Clone, Debug)]
enum Renaming {
    Put { name: String, id: Id },
    Remove { name: String },
    Move { from: String, to: String, id: Id },
}

type Names = BTreeMap<String, Id>;

impl Renaming {
    fn apply(&self, names: &mut Names) {
        match self {
            Self::Put { name, id } => drop(names.insert(name.clone(), *id)),
            Self::Remove { name } => drop(names.remove(name)),
            Self::Move { from, to, id } => {
                names.remove(from);
                names.insert(to.clone(), *id);
            }
        }
    }
}

#[derive(Debug, Default)]
struct Folder {
    live: Names,
    durable: Names,
    /// What is live and not durable, in order.
    pending: Vec<Renaming>,
    /// Changes before `pending`.
    before: usize,
}

impl Folder {
    fn change(&mut self, renaming: Renaming) {
        renaming.apply(&mut self.live);
        self.pending.push(renaming);
    }

    fn keep(&mut self, end: usize) {
        let count = end.saturating_sub(self.before);
        self.pending.drain(..count).for_each(|renaming| renaming.apply(&mut self.durable));
        self.before += count;
    }
}

/// A sync that has begun: what it covers.
#[derive(Clone, Copy, Debug)]
struct Sync {
    id: Id,
    end: usize,
}

/// The folder that is watched, on that disk.
#[derive(Debug)]
pub(crate) struct Disk {
    root: PathBuf,
    ids: HashMap<u64, Id>,
    next: u64,
    files: HashMap<Id, Content>,
    folders: HashMap<Id, Folder>,
    syncs: HashMap<u64, Sync>,
}

/// The root's id.
const ROOT: Id = Id(0);

impl Disk {
    /// What is in the folder `root` now, all of it durable.
    pub(crate) fn load(root: &Path) -> anyhow::Result<Self> {
        let mut disk = Self {
            root: root.to_owned(),
            ids: HashMap::from([(fs::metadata(root)?.ino(), ROOT)]),
            next: ROOT.0 + 1,
            files: HashMap::new(),
            folders: HashMap::from([(ROOT, Folder::default())]),
            syncs: HashMap::new(),
        };
        disk.load_folder(ROOT, root)?;
        Ok(disk)
    }

    fn load_folder(&mut self, folder: Id, path: &Path) -> anyhow::Result<()> {
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            let (inode, is_folder) = (entry.metadata()?.ino(), entry.file_type()?.is_dir());
            let id = match self.ids.get(&inode) {
                Some(id) => *id,
                None => self.new_id(inode),
            };
            if is_folder {
                self.folders.insert(id, Folder::default());
                self.load_folder(id, &entry.path())?;
            } else {
                self.files.insert(id, Content::durable(fs::read(entry.path())?));
            }
            let name = entry.file_name().into_string().ok().context("a name in UTF-8")?;
            let names = self.folder(folder)?;
            names.live.insert(name.clone(), id);
            names.durable.insert(name, id);
        }
        Ok(())
    }

    fn new_id(&mut self, inode: u64) -> Id {
        let id = Id(self.next);
        self.next += 1;
        self.ids.insert(inode, id);
        id
    }

    fn folder(&mut self, id: Id) -> anyhow::Result<&mut Folder> {
        self.folders.get_mut(&id).with_context(|| format!("{id:?} is not a folder"))
    }

    fn id(&self, inode: u64) -> anyhow::Result<Id> {
        self.ids.get(&inode).copied().with_context(|| format!("inode {inode} was made by nobody"))
    }

    /// The folder that `path` is in now, and its name there.
    fn place<'a>(&self, path: &'a str) -> anyhow::Result<(Id, &'a str)> {
        let inside = self.root.to_str().and_then(|root| path.strip_prefix(root)?.strip_prefix('/'));
        let inside = inside.with_context(|| format!("{path} is not in the watched folder"))?;
        let (folder, name) = inside.rsplit_once('/').unwrap_or(("", inside));
        let parts = folder.split('/').filter(|part| !part.is_empty());
        let folder = parts.into_iter().try_fold(ROOT, |at, part| self.folders.get(&at)?.live.get(part).copied());
        Ok((folder.with_context(|| format!("the folder of {path} was made by nobody"))?, name))
    }

    fn live(&self, path: &str) -> anyhow::Result<(Id, &str, Id)>
    where
        Self: Sized,
    {
        let (folder, name) = self.place(path)?;
        let found = self.folders.get(&folder).and_then(|folder| folder.live.get_key_value(name));
        let (name, id) = found.with_context(|| format!("{path} was made by nobody"))?;
        Ok((folder, name, *id))
    }

    /// Does what the daemon did. Answers with the file or folder that became more durable by it.
    pub(crate) fn apply(&mut self, record: &Record<'_>) -> anyhow::Result<Option<Id>> {
        match *record {
            Record::Create { path, inode } => {
                let id = self.new_id(inode);
                self.files.insert(id, Content::default());
                self.put(path, id)?;
            }
            Record::MakeFolder { path, inode } => {
                let id = self.new_id(inode);
                self.folders.insert(id, Folder::default());
                self.put(path, id)?;
            }
            Record::Write { inode, offset, data } => self.file_of(inode)?.write(offset, data),
            Record::Truncate { inode, length } => self.file_of(inode)?.set_length(length),
            Record::SyncBegin { inode, sync } => self.begin_sync(inode, sync)?,
            Record::SyncEnd { sync } => return self.end_sync(sync).map(Some),
            Record::Rename { from, to } => self.rename(from, to)?,
            Record::Link { from, to } => self.put(to, self.live(from)?.2)?,
            Record::Unlink { path } | Record::RemoveFolder { path } => {
                let (folder, name, _) = self.live(path)?;
                let name = name.to_owned();
                self.folder(folder)?.change(Renaming::Remove { name });
            }
            Record::Answer { .. } | Record::Cut => {}
        }
        Ok(None)
    }

    fn file_of(&mut self, inode: u64) -> anyhow::Result<&mut Content> {
        let id = self.id(inode)?;
        self.files.get_mut(&id).with_context(|| format!("inode {inode} is no file"))
    }

    fn put(&mut self, path: &str, id: Id) -> anyhow::Result<()> {
        let (folder, name) = self.place(path)?;
        self.folder(folder)?.change(Renaming::Put { name: name.to_owned(), id });
        Ok(())
    }

    fn rename(&mut self, from: &str, to: &str) -> anyhow::Result<()> {
        let (from_folder, from, id) = self.live(from)?;
        let (to_folder, to) = self.place(to)?;
        let (from, to) = (from.to_owned(), to.to_owned());
        if from_folder == to_folder {
            self.folder(to_folder)?.change(Renaming::Move { from, to, id });
        } else {
            self.folder(from_folder)?.change(Renaming::Remove { name: from });
            self.folder(to_folder)?.change(Renaming::Put { name: to, id });
        }
        Ok(())
    }

    fn begin_sync(&mut self, inode: u64, sync: u64) -> anyhow::Result<()> {
        let id = self.id(inode)?;
        let end = match (self.files.get(&id), self.folders.get(&id)) {
            (Some(file), _) => file.end(),
            (None, Some(folder)) => folder.before + folder.pending.len(),
            (None, None) => anyhow::bail!("inode {inode} is nothing"),
        };
        self.syncs.insert(sync, Sync { id, end });
        Ok(())
    }

    fn end_sync(&mut self, sync: u64) -> anyhow::Result<Id> {
        let Sync { id, end } = self.syncs.remove(&sync).context("a sync ends that never began")?;
        match self.files.get_mut(&id) {
            Some(file) => file.keep(end),
            None => self.folder(id)?.keep(end),
        }
        Ok(id)
    }

    /// What a sync made durable is told of [`Content::newest`].
    pub(crate) fn file(&self, id: Id) -> Option<&Content> {
        self.files.get(&id)
    }

    /// Where a file is found after a power cut: a durable path to it.
    pub(crate) fn durable_path(&self, id: Id) -> Option<String> {
        self.path_below(ROOT, id)
    }

    fn path_below(&self, folder: Id, wanted: Id) -> Option<String> {
        self.folders.get(&folder)?.durable.iter().find_map(|(name, id)| match *id == wanted {
            true => Some(name.clone()),
            false => self.path_below(*id, wanted).map(|below| format!("{name}/{below}")),
        })
    }

    /// Fails when the folder as the process left it, in the page cache, is not what the journal says: then
    /// something was done that the journal did not see, and nothing that follows from it means anything.
    pub(crate) fn check_against(&self, root: &Path) -> anyhow::Result<()> {
        let (journal, found) = (self.live_image(), Image::read(root)?);
        let differs = journal.first_difference(&found);
        ensure!(
            differs.is_none(),
            "the journal does not lead to the folder that was left: {}",
            differs.unwrap_or_default()
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests;
