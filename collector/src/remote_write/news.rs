//! What was written once and is not written again: metadata and start times come with every request.

use std::{
    hash::BuildHasherDefault,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::{generations::Generations, series_cache::KeyHasher};

/// Bytes of a fact remembered: 16 of key, 1 of the map, which is at least 7/16 full when it has
/// grown (17 x 16 / 7 = 39).
const FACT_BYTES: usize = 40;

/// Bytes of one generation of facts: 1.68 million, as many series as the cache holds (64 MiB / 40). What is
/// forgotten is written again, which changes nothing.
const FACTS_BYTES_MAX: usize = 64 << 20;

type Known = Generations<[u64; 2], (), BuildHasherDefault<KeyHasher>>;

/// The facts that the store has, by their keys.
#[derive(Debug)]
pub(super) struct News {
    known: Mutex<Known>,
}

impl Default for News {
    fn default() -> Self {
        let known = Generations::new(FACTS_BYTES_MAX, |()| FACT_BYTES, BuildHasherDefault::default());
        Self { known: Mutex::new(known) }
    }
}

impl News {
    pub(super) fn is_known(&self, fact: u128) -> bool {
        self.known().get(&words(fact)).is_some()
    }

    /// Takes in that facts were written.
    pub(super) fn remember(&self, facts: &[u128]) {
        let mut known = self.known();
        for fact in facts {
            if known.get(&words(*fact)).is_none() {
                known.insert(words(*fact), ());
            }
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // A map of facts is whole after any panic.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn words(fact: u128) -> [u64; 2] {
    [(fact >> 64) as u64, fact as u64]
}
