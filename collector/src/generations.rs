//! A bounded map that forgets what was not asked for lately.

use std::{
    collections::HashMap,
    hash::{BuildHasher, Hash},
    mem,
};

/// Two maps: what is found in the old one moves to the young one, and when that is full it is the
/// old one's turn to go.
#[derive(Debug)]
pub(crate) struct Generations<K, V, S> {
    young: HashMap<K, V, S>,
    old: HashMap<K, V, S>,
    young_bytes: usize,
    old_bytes: usize,
    bytes_max: usize,
    weigh: fn(&V) -> usize,
}

impl<K: Hash + Eq, V: Clone, S: BuildHasher + Clone> Generations<K, V, S> {
    /// At most `bytes_max` in each of the two.
    pub(crate) fn new(bytes_max: usize, weigh: fn(&V) -> usize, hasher: S) -> Self {
        let map = || HashMap::with_hasher(hasher.clone());
        Self { young: map(), old: map(), young_bytes: 0, old_bytes: 0, bytes_max, weigh }
    }

    pub(crate) fn get(&mut self, key: &K) -> Option<V> {
        if let Some(value) = self.young.get(key) {
            return Some(value.clone());
        }
        let (key, value) = self.old.remove_entry(key)?;
        self.old_bytes -= (self.weigh)(&value);
        self.insert(key, value.clone());
        Some(value)
    }

    /// Adds what is not there; answers how many are forgotten for it. What alone is over the limit is not kept.
    pub(crate) fn insert(&mut self, key: K, value: V) -> usize {
        let bytes = (self.weigh)(&value);
        if bytes > self.bytes_max {
            return 0;
        }
        let mut forgotten = 0;
        if self.young_bytes + bytes > self.bytes_max {
            let empty = HashMap::with_hasher(self.young.hasher().clone());
            forgotten = mem::replace(&mut self.old, mem::replace(&mut self.young, empty)).len();
            self.old_bytes = mem::take(&mut self.young_bytes);
        }
        self.young_bytes += bytes;
        self.young.insert(key, value);
        forgotten
    }

    pub(crate) fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.young_bytes + self.old_bytes
    }
}
