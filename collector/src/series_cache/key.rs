//! Keys: 128 bits of xxh3 with a secret drawn anew in each process.
//!
//! Who does not know the secret cannot make two series meet. By chance two of 10 million do with a
//! probability of 10^14 / 2 / 2^128 = 1.5e-25.

use std::{
    fmt,
    hash::{BuildHasher, Hasher, RandomState},
};

use xxhash_rust::xxh3::{Xxh3, xxh3_128_with_secret};

/// Bytes of a secret, as xxh3 has it.
const SECRET_BYTES: usize = 192;

/// How the bytes behind a key name a series. Equal bytes of two dialects mean two series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// The label fields of a remote-write 1.0 series; those of 2.0 are written the same way.
    RemoteWrite,
    /// Measurement and tags of a line.
    LineProtocol,
    /// Resource, scope, metric and attributes of an OTLP data point.
    Otlp,
}

/// The secret.
pub(super) struct Keys {
    secret: [u8; SECRET_BYTES],
    /// Sets dialects apart: their keys are equal with the probability of any two.
    dialects: [u128; 3],
}

impl Keys {
    pub(super) fn random() -> Self {
        // The standard library draws its keys from the system's entropy.
        let entropy = RandomState::new();
        let mut words = (0u64..).map(|word| entropy.hash_one(word));
        let mut secret = [0; SECRET_BYTES];
        for (bytes, word) in secret.as_chunks_mut().0.iter_mut().zip(&mut words) {
            *bytes = word.to_le_bytes();
        }
        let dialects = std::array::from_fn(|_| {
            u128::from(words.next().unwrap_or_default()) << 64 | u128::from(words.next().unwrap_or_default())
        });
        Self { secret, dialects }
    }

    pub(super) fn hasher(&self, dialect: Dialect) -> Hasher128 {
        Hasher128 { state: Xxh3::with_secret(self.secret), dialect: self.dialects[dialect as usize] }
    }

    pub(super) fn key_of(&self, dialect: Dialect, bytes: &[u8]) -> u128 {
        xxh3_128_with_secret(bytes, &self.secret) ^ self.dialects[dialect as usize]
    }

    /// The key of a name or value.
    pub(super) fn of_text(&self, text: &str) -> u128 {
        xxh3_128_with_secret(text.as_bytes(), &self.secret)
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys")
    }
}

/// Hashes the pieces of a series' name.
pub struct Hasher128 {
    state: Xxh3,
    dialect: u128,
}

impl Hasher128 {
    /// The next bytes.
    pub fn write(&mut self, bytes: &[u8]) {
        self.state.update(bytes);
    }

    /// The key of all bytes so far.
    pub fn finish(&self) -> u128 {
        self.state.digest128() ^ self.dialect
    }

    /// Begins another key of the same dialect: cheaper than another hasher.
    pub fn reset(&mut self) {
        self.state.reset();
    }
}

impl fmt::Debug for Hasher128 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hasher128")
    }
}

/// Keys are hashes: a map of them takes half of one as it is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        // The key's words arrive as its 16 bytes; the first 8 are the half that shards are not chosen by.
        let word = bytes.first_chunk().copied().map(u64::from_le_bytes);
        self.0 = word.unwrap_or(bytes.len() as u64);
    }

    fn write_usize(&mut self, _length: usize) {}
}
