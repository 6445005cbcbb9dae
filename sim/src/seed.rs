//! Randomness as a tree of names: every stream is named by its path from the root, so that one
//! more draw, or one more stream, shifts no other (omicron's `typed-rng`).

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A place in the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seed([u64; 4]);

impl Seed {
    /// The root of a run.
    pub(crate) fn root(seed: u64) -> Self {
        Self(std::array::from_fn(|lane| mix(seed ^ mix(lane as u64))))
    }

    /// The child called `name`.
    pub(crate) fn child(&self, name: &str) -> Self {
        // FNV-1a (RFC 9923).
        let fnv = name
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
        Self(std::array::from_fn(|lane| mix(self.0[lane] ^ fnv)))
    }

    /// The stream of this place.
    pub(crate) fn rng(&self) -> ChaCha8Rng {
        let mut bytes = [0; 32];
        for (chunk, lane) in bytes.chunks_exact_mut(8).zip(self.0) {
            chunk.copy_from_slice(&lane.to_le_bytes());
        }
        ChaCha8Rng::from_seed(bytes)
    }
}

/// A draw from [0, 1).
pub(crate) fn uniform(rng: &mut ChaCha8Rng) -> f64 {
    rng.random()
}

/// A draw from the standard normal distribution (Box and Muller 1958; one of the pair is dropped,
/// so that every draw takes two uniforms).
pub(crate) fn normal(rng: &mut ChaCha8Rng) -> f64 {
    let radius = libm::sqrt(-2.0 * libm::log(1.0 - uniform(rng)));
    radius * libm::cos(std::f64::consts::TAU * uniform(rng))
}

/// A draw from the exponential distribution of this mean.
pub(crate) fn exponential(rng: &mut ChaCha8Rng, mean: f64) -> f64 {
    -mean * libm::log(1.0 - uniform(rng))
}

/// The finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_told_apart_by_their_path_alone() {
        let first = |seed: Seed| uniform(&mut seed.rng());
        let root = Seed::root(7);
        let mut noisy = root.child("a").rng();
        uniform(&mut noisy);
        assert_eq!(first(root.child("b")), first(Seed::root(7).child("b")));
        assert_ne!(first(root.child("a")), first(root.child("b")));
        assert_ne!(first(root.child("a")), first(Seed::root(8).child("a")));
        assert_ne!(first(root.child("a").child("b")), first(root.child("b").child("a")));
    }

    #[test]
    fn draws_have_the_moments_of_their_distributions() {
        let mut rng = Seed::root(1).child("moments").rng();
        let mean_of = |draws: &[f64]| draws.iter().sum::<f64>() / draws.len() as f64;
        let normals: Vec<f64> = (0..20_000).map(|_| normal(&mut rng)).collect();
        let squares: Vec<f64> = normals.iter().map(|x| x * x).collect();
        assert!(mean_of(&normals).abs() < 0.03 && (mean_of(&squares) - 1.0).abs() < 0.05);
        let waits: Vec<f64> = (0..20_000).map(|_| exponential(&mut rng, 3.0)).collect();
        assert!((mean_of(&waits) - 3.0).abs() < 0.1);
    }
}
