//! Power cuts in a row on one folder, so that damage adds up.

use std::{fs, path::Path, thread, time::Duration};

use anyhow::Context;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{
    daemon::{Daemon, Durability, Place, Programs, Started},
    disk::Disk,
    http::Connection,
    journal::{Journal, Record},
    ledger::{Ledger, Verdict},
    sender::{self, Orders, Sender, Sent},
    trace::{Asked, Trace},
};

/// Senders at once.
const SENDERS: u8 = 8;
/// How long is written before the power fails, milliseconds.
const WRITING_MS: std::ops::Range<u64> = 100..1_500;
/// Steps within which a start is over: the power fails in it.
const STEPS_OF_START: std::ops::RangeInclusive<u64> = 1..=40;
/// Rounds in which a start does most for the first time: the power fails in it more often.
const EARLY: u64 = 2;
/// Steps within which a start, a comparison and some writing are over.
const STEPS: std::ops::RangeInclusive<u64> = 100..=3_000;

/// What was found, over rounds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Found {
    /// Power cuts.
    pub(crate) rounds: u64,
    /// Of those, before the daemon answered.
    pub(crate) in_start: u64,
    /// What SQL said of what was sent.
    pub(crate) verdict: Verdict,
    /// Folders after a power cut that the daemon refused to start with.
    pub(crate) refused_starts: u64,
    /// Lines of the daemon's log about damage, where no disk damaged anything.
    pub(crate) damage_reported: u64,
    /// Acknowledgements.
    pub(crate) answers: u64,
    /// Acknowledgements that left before what they promise was durable.
    pub(crate) early: u64,
    /// Times a sender was told to come later.
    pub(crate) refused_writes: u64,
    /// Manifests put in place: flushes.
    pub(crate) manifests: u64,
    /// Data files removed.
    pub(crate) files_removed: u64,
    /// What went wrong.
    pub(crate) described: Vec<String>,
}

impl Found {
    /// With what other rounds found.
    pub(crate) fn add(&mut self, other: Self) {
        self.rounds += other.rounds;
        self.in_start += other.in_start;
        self.verdict.add(other.verdict);
        self.refused_starts += other.refused_starts;
        self.damage_reported += other.damage_reported;
        self.answers += other.answers;
        self.early += other.early;
        self.refused_writes += other.refused_writes;
        self.manifests += other.manifests;
        self.files_removed += other.files_removed;
        self.described.extend(other.described);
    }

    /// Whether everything is as it should be.
    pub(crate) fn is_good(&self) -> bool {
        self.verdict.is_good() && self.refused_starts + self.damage_reported + self.early == 0
    }
}

/// A folder, from the first power cut to the last.
#[derive(Debug)]
pub(crate) struct Chain {
    place: Place,
    durability: Durability,
    random: ChaCha8Rng,
    senders: Vec<Sender>,
    ledger: Ledger,
    speaks_lines: Option<bool>,
    found: Found,
}

/// What became of a daemon.
enum End {
    /// The power failed while this was asked.
    Cut(Asked),
    /// It gave a reason to stop here.
    Broken,
}

impl Chain {
    /// A new folder.
    pub(crate) fn new(programs: &Programs, folder: &Path, durability: Durability, seed: u64) -> anyhow::Result<Self> {
        Ok(Self {
            place: Place::new(programs, folder, durability)?,
            durability,
            random: ChaCha8Rng::seed_from_u64(seed),
            senders: (0..SENDERS).map(Sender::new).collect(),
            ledger: Ledger::default(),
            speaks_lines: None,
            found: Found::default(),
        })
    }

    /// So many power cuts, then a last comparison. Stops at the first fault.
    pub(crate) fn run(mut self, rounds: u64) -> anyhow::Result<Found> {
        for _ in 0..rounds {
            let disk = Disk::load(&self.place.path("root"))?;
            let End::Cut(asked) = self.until_cut()? else { return Ok(self.found) };
            self.found.rounds += 1;
            self.power_returns(disk, &asked)?;
            if self.found.early > 0 && self.durability == Durability::Fsync {
                self.found.described.push(format!("{} answers left too early", self.found.early));
                return Ok(self.found);
            }
        }
        let mut daemon = self.place.start(None)?;
        match daemon.serves()? {
            Started::Serves(mut connection) => {
                let verdict = self.ledger.check(&mut connection, true)?;
                self.found.verdict.add(verdict);
                self.note_damage()?;
            }
            Started::Refused(said) => self.refused(said),
            Started::Cut => anyhow::bail!("the power failed where none was to fail"),
        }
        Ok(self.found)
    }

    /// Starts the daemon, compares, writes, until the power fails.
    fn until_cut(&mut self) -> anyhow::Result<End> {
        let of_start = if self.found.rounds < EARLY { 4 } else { 1 };
        let after = match self.random.random_range(0..10) {
            chance if chance < of_start => Some(self.random.random_range(STEPS_OF_START)),
            5..=7 => Some(self.random.random_range(STEPS)),
            _ => None,
        };
        let mut daemon = self.place.start(after)?;
        let mut connection = match daemon.serves()? {
            Started::Serves(connection) => connection,
            Started::Cut => {
                self.found.in_start += 1;
                return Ok(End::Cut(Asked::new()));
            }
            Started::Refused(said) => {
                self.refused(said);
                return Ok(End::Broken);
            }
        };
        match self.compare(&mut connection) {
            Ok(true) => {}
            Ok(false) => return Ok(End::Broken),
            // The step at which the power fails came while SQL was asked.
            Err(_) if daemon.is_cut()? => return Ok(End::Cut(Asked::new())),
            Err(error) => return Err(error),
        }
        drop(connection);
        self.write(&mut daemon).map(End::Cut)
    }

    /// Whether what is found is as it should be.
    fn compare(&mut self, connection: &mut Connection) -> anyhow::Result<bool> {
        if self.speaks_lines.is_none() {
            self.speaks_lines = Some(sender::speaks_lines(connection)?);
        }
        let verdict = self.ledger.check(connection, false)?;
        self.note_damage()?;
        let is_good = verdict.is_good() && self.found.damage_reported == 0;
        if !is_good {
            self.found.verdict.add(verdict);
        }
        Ok(is_good)
    }

    /// What the daemon says of damage: the disk loses what was not synced, and damages nothing else.
    fn note_damage(&mut self) -> anyhow::Result<()> {
        let log = fs::read_to_string(self.place.path("log"))?;
        for line in log.lines().filter(|line| line.contains("ERROR") || line.contains("corrupt")) {
            self.found.damage_reported += 1;
            self.found.described.push(line.to_owned());
        }
        Ok(())
    }

    fn refused(&mut self, said: String) {
        self.found.refused_starts += 1;
        self.found.described.push(format!("the daemon would not start: {said}"));
    }

    /// Writes until the power fails; what was asked for then.
    fn write(&mut self, daemon: &mut Daemon) -> anyhow::Result<Asked> {
        let orders = Orders {
            address: self.place.address,
            speaks_lines: self.speaks_lines.unwrap_or_default(),
            expiring: self.random.random_bool(0.3),
        };
        let writing = Duration::from_millis(self.random.random_range(WRITING_MS));
        let seeds: Vec<u64> = self.senders.iter().map(|_| self.random.next_u64()).collect();
        let sent = thread::scope(|scope| {
            let senders = self.senders.iter_mut().zip(seeds);
            let running: Vec<_> = senders
                .map(|(sender, seed)| scope.spawn(move || sender.run(&orders, ChaCha8Rng::seed_from_u64(seed))))
                .collect();
            thread::sleep(writing);
            let cut = daemon.cut();
            let joined = running.into_iter().map(|sender| sender.join().ok().context("a sender panicked")?);
            let sent = joined.collect::<anyhow::Result<Vec<Sent>>>();
            cut.and(sent)
        })?;
        let mut asked = Asked::new();
        for Sent { port, requests, expired, refused } in sent {
            self.ledger.sent(&expired);
            self.found.refused_writes += refused;
            for request in &requests {
                self.ledger.sent(&request.samples);
                if request.acknowledged {
                    self.ledger.acknowledged(&request.samples);
                }
            }
            let values = requests.iter().map(|request| request.samples.iter().map(|s| s.value.to_bits()).collect());
            asked.insert(port, values.collect());
        }
        Ok(asked)
    }

    /// Looks at the journal of what was done to `disk`, and puts into the folder what survived.
    fn power_returns(&mut self, mut disk: Disk, asked: &Asked) -> anyhow::Result<()> {
        let (journal, root) = (self.place.path("journal"), self.place.path("root"));
        let bytes = fs::read(&journal)?;
        let mut trace = Trace::new(asked);
        for record in Journal::new(&bytes) {
            let record = record?;
            let synced = disk.apply(&record)?;
            trace.follow(&disk, &record, synced);
            match record {
                Record::Rename { to, .. } if to.ends_with("/manifest.json") => self.found.manifests += 1,
                Record::Unlink { path } if path.ends_with(".parquet") => self.found.files_removed += 1,
                _ => {}
            }
        }
        if self.durability == Durability::Fsync {
            trace.check()?;
        }
        self.found.answers += trace.answers;
        self.found.early += trace.early;
        disk.check_against(&root)?;
        let image = match self.random.random_bool(0.5) {
            true => disk.durable_image(),
            false => disk.written_back_image(&mut self.random),
        };
        fs::rename(&journal, self.place.path("journal.before"))?;
        image.write(&self.place.path("image"))?;
        image.write(&root)
    }
}
