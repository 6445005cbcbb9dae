//! What is found in the folder when the power is back.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{Content, Disk, Folder, Id, Names, ROOT};

/// Files and folders by their paths.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Image {
    folders: Vec<PathBuf>,
    files: BTreeMap<PathBuf, Vec<u8>>,
    /// Names of files that have another name already.
    links: BTreeMap<PathBuf, PathBuf>,
}

/// Looks at a disk in some way.
struct View<N, B> {
    names: N,
    bytes: B,
    image: Image,
    placed: BTreeMap<Id, PathBuf>,
}

impl<N: FnMut(&Folder) -> Names, B: FnMut(&Content) -> Vec<u8>> View<N, B> {
    fn look(disk: &Disk, names: N, bytes: B) -> Image {
        let mut view = Self { names, bytes, image: Image::default(), placed: BTreeMap::new() };
        view.folder(disk, ROOT, Path::new(""));
        view.image.folders.sort();
        view.image
    }

    fn folder(&mut self, disk: &Disk, id: Id, path: &Path) {
        let Some(folder) = disk.folders.get(&id) else { return };
        for (name, id) in (self.names)(folder) {
            let path = path.join(name);
            if disk.folders.contains_key(&id) {
                self.image.folders.push(path.clone());
                self.folder(disk, id, &path);
            } else if let Some(first) = self.placed.get(&id) {
                self.image.links.insert(path, first.clone());
            } else if let Some(file) = disk.files.get(&id) {
                self.image.files.insert(path.clone(), (self.bytes)(file));
                self.placed.insert(id, path);
            }
        }
    }
}

impl Disk {
    /// What a process reads: the page cache.
    pub(super) fn live_image(&self) -> Image {
        View::look(self, |folder| folder.live.clone(), Content::live)
    }

    /// What is durable, and nothing else.
    pub(crate) fn durable_image(&self) -> Image {
        View::look(self, |folder| folder.durable.clone(), Content::kept)
    }

    /// What is durable, and of the rest what a disk happened to write back, in any order.
    pub(crate) fn written_back_image(&self, random: &mut ChaCha8Rng) -> Image {
        // Between a disk that wrote back nearly nothing, and nearly everything.
        let part = random.random_range(1..=9_u32);
        let mut of_names = ChaCha8Rng::seed_from_u64(random.next_u64());
        let names = |folder: &Folder| {
            let mut names = folder.durable.clone();
            let kept = folder.pending.iter().filter(|_| of_names.random_ratio(part, 10));
            kept.for_each(|renaming| renaming.apply(&mut names));
            names
        };
        View::look(self, names, |file| file.written_back(random))
    }
}

impl Image {
    /// What is in the folder `root`; hard links are files of their own here.
    pub(crate) fn read(root: &Path) -> anyhow::Result<Self> {
        let mut image = Self::default();
        image.read_folder(root, Path::new(""))?;
        image.folders.sort();
        Ok(image)
    }

    fn read_folder(&mut self, root: &Path, inside: &Path) -> anyhow::Result<()> {
        for entry in fs::read_dir(root.join(inside))? {
            let entry = entry?;
            let path = inside.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                self.folders.push(path.clone());
                self.read_folder(root, &path)?;
            } else {
                self.files.insert(path, fs::read(entry.path())?);
            }
        }
        Ok(())
    }

    /// Puts it into the folder `root`, which is made anew.
    pub(crate) fn write(&self, root: &Path) -> anyhow::Result<()> {
        if root.exists() {
            fs::remove_dir_all(root).with_context(|| format!("removing {}", root.display()))?;
        }
        fs::create_dir_all(root)?;
        // Sorted: a folder comes before what is in it.
        self.folders.iter().try_for_each(|folder| fs::create_dir(root.join(folder)))?;
        self.files.iter().try_for_each(|(path, bytes)| fs::write(root.join(path), bytes))?;
        self.links.iter().try_for_each(|(path, first)| fs::hard_link(root.join(first), root.join(path)))?;
        Ok(())
    }

    /// The first thing that differs from `other`, when anything does.
    pub(super) fn first_difference(&self, other: &Self) -> Option<String> {
        let mut ours = self.files.clone();
        ours.extend(self.links.iter().filter_map(|(path, first)| Some((path.clone(), self.files.get(first)?.clone()))));
        if self.folders != other.folders {
            return Some(format!("folders {:?} and {:?}", self.folders, other.folders));
        }
        let paths: std::collections::BTreeSet<_> = ours.keys().chain(other.files.keys()).collect();
        paths.into_iter().find_map(|path| match (ours.get(path), other.files.get(path)) {
            (Some(a), Some(b)) if a == b => None,
            (a, b) => {
                let size = |bytes: Option<&Vec<u8>>| bytes.map_or("none".to_owned(), |b| format!("{} bytes", b.len()));
                Some(format!("{}: {} in the journal, {} in the folder", path.display(), size(a), size(b)))
            }
        })
    }

    /// The files and their bytes, for tests.
    #[cfg(test)]
    pub(super) fn shown(&self) -> String {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace('\0', "_");
        let folders = self.folders.iter().map(|path| format!("{}/\n", path.display()));
        let files = self.files.iter().map(|(path, bytes)| format!("{}: {}\n", path.display(), text(bytes)));
        let links = self.links.iter().map(|(path, first)| format!("{} = {}\n", path.display(), first.display()));
        folders.chain(files).chain(links).collect()
    }
}
