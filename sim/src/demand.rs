//! Demand: bits and requests per second of every (client group, domain), step by step.

pub mod csv;
pub mod generator;
pub mod names;
pub mod replay;

use std::time::Duration;

use weir_model::{
    estate::Estate,
    time::UnixNanos,
    yaml::{Fields, Reader, Spanned},
};

use crate::{
    run::SimError,
    scenario::{Files, fraction, positive, unknown_name},
    seed::Seed,
};
use generator::Generator;
use replay::Replay;

/// Where demand comes from.
#[derive(Clone, Debug)]
pub enum Demand {
    /// From a seed.
    Generated(Generator),
    /// From rows of history.
    Replayed(Replay),
    /// From rows in this Parquet file, which the caller reads and puts here as
    /// [`Demand::Replayed`]: this room does no I/O. A run of it fails.
    Unread(String),
}

/// Traffic of one pair.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rate {
    /// Bits per second.
    pub bps: f64,
    /// Requests per second.
    pub rps: f64,
}

/// Demand being played: asked for the steps of a run in order.
#[derive(Debug)]
pub(crate) enum Stream<'a> {
    Generated(generator::Playing<'a>),
    Replayed(replay::Playing<'a>),
}

impl Demand {
    /// Reads the `demand` section.
    pub(crate) fn read(
        reader: &Reader,
        fields: &mut Fields<'_>,
        files: &mut Files<'_>,
        estate: Option<&Estate>,
    ) -> Option<Self> {
        let mut section = fields.required_map("demand")?;
        let given = ["generator", "csv", "parquet"].iter().filter(|key| section.has(key)).count();
        if given != 1 {
            reader.error(section.mark(), "`demand` takes one of `generator`, `csv` and `parquet`");
        }
        let generated = section.map("generator").and_then(|generator| self::generator(generator, estate));
        let csv: Option<Spanned<String>> = section.optional_spanned("csv");
        let replayed = csv.and_then(|name| {
            let text = files.text(reader, &name)?;
            files.keep(csv::parse(&name.value, &text, estate?))
        });
        let unread = section.optional("parquet").map(Self::Unread);
        section.finish();
        generated.map(Self::Generated).or(replayed.map(Self::Replayed)).or(unread)
    }

    /// Begins to play it for `estate`.
    pub(crate) fn play(&self, estate: &Estate, seed: Seed, step: Duration) -> Result<Stream<'_>, SimError> {
        match self {
            Self::Generated(generator) => Ok(Stream::Generated(generator.play(estate, seed, step))),
            Self::Replayed(replay) => Ok(Stream::Replayed(replay.play())),
            Self::Unread(file) => Err(SimError::DemandUnread(file.clone())),
        }
    }
}

impl Stream<'_> {
    /// The rates of the step that begins at `at`, per slot (`group * domains + domain`).
    pub(crate) fn step(&mut self, at: UnixNanos, rates: &mut [Rate]) {
        match self {
            Self::Generated(playing) => playing.step(at, rates),
            Self::Replayed(playing) => playing.step(at, rates),
        }
    }
}

/// Reads the `generator` section.
fn generator(mut fields: Fields<'_>, estate: Option<&Estate>) -> Option<Generator> {
    let total = fields.required("total");
    let daily = fraction(&mut fields, "daily", 0.5);
    let peak = fields.or("peak", Duration::from_secs(20 * 3_600));
    let spread = fields.or("spread", Duration::from_secs(3_600));
    let weekend = positive(&mut fields, "weekend", 0.85);
    let noise = fraction(&mut fields, "noise", 0.1);
    let object = fields.or("object", 20_000u32).max(1);
    let mut domains = vec![1.0; estate.map_or(0, |estate| estate.domains.len())];
    if let Some(shares) = fields.map("domains") {
        domains.fill(0.0);
        for (name, share) in shares.entries() {
            let share = share.scalar::<f64>().map_or(0.0, |share| share.value.max(0.0));
            let Some(estate) = estate else { continue };
            match estate.domain_ord(&name.value) {
                Some(domain) => domains[domain.index()] = share,
                None => {
                    let known = estate.domains.iter().map(|domain| domain.id.as_str());
                    unknown_name(fields.reader(), name.mark, "domain", &name.value, known);
                }
            }
        }
    }
    fields.finish();
    Some(Generator { total: total?, daily, peak, spread, weekend, noise, object_bytes: object, domains })
}
