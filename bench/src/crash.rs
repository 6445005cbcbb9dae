//! Power cuts: what was acknowledged is there when the power is back.
//!
//! The whole daemon runs with a library loaded into it (`powercut/`) that keeps a journal of all it does
//! to its data folder, and at a random step kills it. The journal says what was synced by then ([`disk`]):
//! half of the times exactly that is put into the folder, half of the times also any part of what was
//! written and not synced, in any order, pages torn. The daemon is started on that, and everything that was
//! ever acknowledged must be found by SQL, once, with its value. Several cuts hit the same folder in a row.
//!
//! kill -9 tests none of this, because the page cache survives it.
//!
//! The same journal shows for each acknowledgement whether what it promises was durable before ([`trace`]).
//! That the test can fail is shown with `store: {durability: relaxed}`, which loses samples.

mod chain;
mod daemon;
mod disk;
mod http;
mod journal;
mod ledger;
mod sample;
mod sender;
mod trace;

use std::{
    fs,
    path::Path,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::Context;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::outcome::{Good, Outcome, Target};
use chain::{Chain, Found};
use daemon::{Durability, Programs};

/// Power cuts, and with `--full`.
const ROUNDS: u64 = 200;
const ROUNDS_FULL: u64 = 2_000;
/// Power cuts in a row on a folder.
const ROUNDS_OF_CHAIN: u64 = 8;
/// Folders on which `relaxed` must lose something.
const RELAXED: u64 = 3;
/// Folders that are kept of failures.
const KEPT_MAX: u64 = 3;

/// Runs the bench; `seed` decides everything that threads do not. Fewer `rounds` than usual prove nothing.
pub(crate) fn run(full: bool, seed: Option<u64>, rounds: Option<u64>) -> anyhow::Result<Outcome> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let seed = seed.unwrap_or(since.as_nanos() as u64);
    let work = std::env::temp_dir().join(format!("weir-crash-{}", std::process::id()));
    fs::create_dir_all(&work)?;
    let programs = Programs::build(&work)?;
    say(&format!("seed {seed}; folders are in {}", work.display()));
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let rounds = rounds.unwrap_or(if full { ROUNDS_FULL } else { ROUNDS });
    let found = cuts(&programs, &work, rounds, &mut random)?;
    let relaxed = relaxed(&programs, &work, &mut random)?;
    if found.is_good() {
        fs::remove_dir_all(&work).with_context(|| format!("removing {}", work.display()))?;
    }
    Ok(outcome(&found, &relaxed))
}

/// So many power cuts.
fn cuts(programs: &Programs, work: &Path, rounds: u64, random: &mut ChaCha8Rng) -> anyhow::Result<Found> {
    let (mut all, mut kept, begun) = (Found::default(), 0, Instant::now());
    // A chain that ends early ends with a fault: there are never many of them.
    for number in 0.. {
        let left = rounds.saturating_sub(all.rounds);
        if left == 0 || kept == KEPT_MAX {
            break;
        }
        let folder = work.join(format!("chain-{number}"));
        let chain = Chain::new(programs, &folder, Durability::Fsync, random.next_u64())?;
        let found = chain.run(left.min(ROUNDS_OF_CHAIN)).with_context(|| format!("in {}", folder.display()))?;
        if found.is_good() {
            fs::remove_dir_all(&folder)?;
        } else {
            kept += 1;
            let folder = folder.display();
            say(&format!(
                "FAULT\n  {}\n{folder} is kept: image/ is what the disk held, journal.before how it came to that, \
                 log what the daemon said. To see it again:\n  rm -r {folder}/root && cp -r {folder}/image \
                 {folder}/root && weir run --roles store,controller --config {folder}/weir.yaml",
                [&found.described[..], &found.verdict.described].concat().join("\n  ")
            ));
        }
        all.add(found);
        let Found { rounds: done, answers, in_start, manifests, .. } = all;
        let seconds = begun.elapsed().as_secs();
        say(&format!("{done} cuts ({in_start} in a start), {answers} answers, {manifests} flushes, {seconds} s"));
    }
    Ok(all)
}

/// The same with acknowledgements before the disk has anything.
fn relaxed(programs: &Programs, work: &Path, random: &mut ChaCha8Rng) -> anyhow::Result<Found> {
    let mut all = Found::default();
    for number in 0..RELAXED {
        let folder = work.join(format!("relaxed-{number}"));
        let chain = Chain::new(programs, &folder, Durability::Relaxed, random.next_u64())?;
        all.add(chain.run(2)?);
        fs::remove_dir_all(&folder)?;
    }
    Ok(all)
}

fn outcome(found: &Found, relaxed: &Found) -> Outcome {
    let none = |name, count: u64| Target::new(name, Some(count as f64), Good::Low, 0.0, "");
    let some = |name, count: u64, target: u64| Target::new(name, Some(count as f64), Good::High, target as f64, "");
    Outcome::new(
        "crash",
        vec![
            some("rounds", found.rounds, ROUNDS),
            none("acknowledged samples lost", found.verdict.lost),
            none("duplicates", found.verdict.duplicates),
            none("wrong values", found.verdict.wrong),
            none("starts refused", found.refused_starts),
            none("damage reported where none was", found.damage_reported),
            none("answers before their fsync", found.early),
            // What the figures above are worth: that there was something to lose, in all states.
            some("acknowledged requests", found.answers, 100 * ROUNDS),
            some("acknowledged samples looked for", found.verdict.acknowledged, 100 * ROUNDS),
            some("cuts in a start", found.in_start, ROUNDS / 20),
            some("flushes", found.manifests, 2 * ROUNDS),
            some("data files removed", found.files_removed, 1),
            some("relaxed: samples lost", relaxed.verdict.lost, 1),
            some("relaxed: answers before their fsync", relaxed.early, 1),
        ],
    )
}

/// Tells whoever watches.
#[allow(clippy::print_stderr, reason = "a bench of minutes says where it is")]
fn say(text: &str) {
    eprintln!("{text}");
}
