//! The series that receivers know: from a hash of the bytes that name a series, as some protocol
//! sends them, to its handle.
//!
//! Checking labels and building a handle takes microseconds, and senders name the same series
//! every few seconds. So a receiver hashes what it was sent ([`SeriesCache::key`]), asks
//! [`SeriesCache::get_or_insert_with`], and does the careful work only for what is new. One cache
//! is shared by all receivers and requests of a process.

use std::{
    hash::BuildHasherDefault,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use weir_model::observation::{Labels, Series, TableName};

use crate::{
    counters::{SERIES_CACHE_FORGOTTEN, SERIES_CACHE_MISSES},
    generations::Generations,
};

mod key;

pub(crate) use self::key::KeyHasher;
use self::key::Keys;

pub use self::key::{Dialect, Hasher128};

/// Parts with a lock each, so that requests seldom wait for each other: with 8 of them at work, each in its
/// lock for about a tenth of its time, 64 parts make a wait rare (8 x 0.1 / 64 = 1.25 %).
const SHARDS: usize = 64;

/// Bytes that one generation of series takes at most. A series of 10 labels of 25 bytes counts
/// 48 + 104 + 10 x 32 + 250 = 722 bytes, so 1.49 million of them are never forgotten, and up to
/// twice as many are known. The text counts as if no two series shared any: the true size of
/// usual series is about 60 % of it.
const SERIES_BYTES_MAX: usize = 1 << 30;

/// Bytes that one generation of names and values takes at most: 72 and 20 of text each, so
/// 64 MiB / 92 are 0.73 million.
const TEXT_BYTES_MAX: usize = 64 << 20;

/// Bytes of a slot in a generation: 16 of key, 8 of handle, 1 of the map, and the map is at least
/// 7/16 full when it has grown (25 x 16 / 7 = 57; 48 on average).
const SLOT_BYTES: usize = 48;

/// Bytes of a handle without labels: two shared allocations with hashes, table and pointers.
const HANDLE_BYTES: usize = 104;

/// Bytes of a label in a handle: two pointers with their lengths.
const LABEL_BYTES: usize = 32;

/// Bytes of an interned string beside its text: 16 of counts, and a slot of 16 of key, 16 of
/// pointer and length and 1 of the map (33 x 16 / 7 = 75; 56 on average).
const STRING_BYTES: usize = 72;

/// Series by the hash of how they were sent, and the names and values they are made of.
///
/// Bounded: everything is in one of two generations. When the young one is full it becomes the old
/// one, and what the old one held is forgotten, but for what was asked for meanwhile.
#[derive(Debug)]
pub struct SeriesCache {
    keys: Keys,
    series: Vec<Mutex<Shard<Series>>>,
    texts: Vec<Mutex<Shard<Arc<str>>>>,
}

type Shard<T> = Generations<[u64; 2], T, BuildHasherDefault<KeyHasher>>;

/// What a cache holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// How many series.
    pub series: usize,
    /// At most so many bytes, texts included.
    pub bytes: usize,
}

impl Default for SeriesCache {
    fn default() -> Self {
        Self::with_room(SERIES_BYTES_MAX, TEXT_BYTES_MAX)
    }
}

impl SeriesCache {
    /// With so much room for a generation of series, and for one of names and values.
    pub fn with_room(series_bytes: usize, text_bytes: usize) -> Self {
        Self {
            keys: Keys::random(),
            series: shards(series_bytes, weight),
            texts: shards(text_bytes, |text| STRING_BYTES + text.len()),
        }
    }

    /// A hasher for the bytes that name a series in `dialect`. The same bytes have the same key
    /// whether written at once or in pieces; the writer separates what could run together.
    pub fn key(&self, dialect: Dialect) -> Hasher128 {
        self.keys.hasher(dialect)
    }

    /// The key of bytes that lie in one piece: as [`SeriesCache::key`], only faster.
    pub fn key_of(&self, dialect: Dialect, bytes: &[u8]) -> u128 {
        self.keys.key_of(dialect, bytes)
    }

    /// The series of `key`; what `make` answers when it is not known.
    ///
    /// # Errors
    /// When `make` fails; nothing is kept of that.
    pub fn get_or_insert_with<E>(&self, key: u128, make: impl FnOnce() -> Result<Series, E>) -> Result<Series, E> {
        let (shard, key) = place(&self.series, key);
        if let Some(known) = lock(shard).get(&key) {
            return Ok(known);
        }
        SERIES_CACHE_MISSES.add(1);
        // Made without the lock, so two requests may make it at once: both get the first one's.
        let made = make()?;
        let mut shard = lock(shard);
        if let Some(known) = shard.get(&key) {
            return Ok(known);
        }
        SERIES_CACHE_FORGOTTEN.add(shard.insert(key, made.clone()) as u64);
        Ok(made)
    }

    /// A shared copy of `text`: the same for equal texts, as long as it is remembered.
    pub fn intern(&self, text: &str) -> Arc<str> {
        let (shard, key) = place(&self.texts, self.keys.of_text(text));
        let mut shard = lock(shard);
        if let Some(known) = shard.get(&key) {
            return known;
        }
        let text: Arc<str> = text.into();
        shard.insert(key, Arc::clone(&text));
        text
    }

    /// A series of names and values that are shared with other series.
    pub fn series<'a>(&self, table: &TableName, labels: impl IntoIterator<Item = (&'a str, &'a str)>) -> Series {
        let table = TableName { schema: self.intern(&table.schema), name: self.intern(&table.name) };
        let labels = labels.into_iter().filter(|(_, value)| !value.is_empty());
        Series::new(table, Labels::new(labels.map(|(name, value)| (self.intern(name), self.intern(value)))))
    }

    /// What it holds now.
    pub fn usage(&self) -> Usage {
        let mut usage = Usage::default();
        for shard in &self.series {
            let shard = lock(shard);
            usage.series += shard.len();
            usage.bytes += shard.bytes();
        }
        usage.bytes += self.texts.iter().map(|shard| lock(shard).bytes()).sum::<usize>();
        usage
    }
}

fn shards<T: Clone>(bytes: usize, weigh: fn(&T) -> usize) -> Vec<Mutex<Shard<T>>> {
    let shard = || Mutex::new(Generations::new(bytes / SHARDS, weigh, BuildHasherDefault::default()));
    std::iter::repeat_with(shard).take(SHARDS).collect()
}

/// Where a key is kept, and how. The first word chooses within a shard, the second the shard.
fn place<T>(shards: &[Mutex<Shard<T>>], key: u128) -> (&Mutex<Shard<T>>, [u64; 2]) {
    (&shards[key as usize % SHARDS], [(key >> 64) as u64, key as u64])
}

/// A panic while a shard is locked would have been a defect here; its maps are whole all the same.
fn lock<T>(shard: &Mutex<T>) -> MutexGuard<'_, T> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Bytes of a series, none of them shared with another.
fn weight(series: &Series) -> usize {
    let text: usize = series.labels().iter().map(|(name, value)| name.len() + value.len()).sum();
    SLOT_BYTES + HANDLE_BYTES + LABEL_BYTES * series.labels().len() + text + series.table().name.len()
}

#[cfg(test)]
mod tests;
