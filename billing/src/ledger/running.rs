//! What a ledger measures as it goes, by kind; [`crate::kinds`] measures the same all at once.

use rust_decimal::Decimal;
use weir_model::{
    contract::{Billing, Direction, Missing},
    time::UnixNanos,
};

use super::ranked::Ranked;
use crate::{
    kinds::{
        self, Measured, MeteredBy, fourth_daily_peak::fourth, mean_daily_peak::mean, per_server::SECONDS_PER_HOUR,
        rack_power::JOULES_PER_KWH,
    },
    month::slots_between,
    percentile::nearest_rank,
    usage::{Figure, Traffic},
};

/// A slot whose sum has changed, and its neighbours.
#[derive(Clone, Copy, Debug)]
pub(super) struct SlotChange {
    pub(super) start: UnixNanos,
    /// Its day in the month, from 0.
    pub(super) day: usize,
    /// Its sum before; `None`: nobody had read it.
    pub(super) before: Option<Traffic>,
    pub(super) after: Traffic,
    /// The last slot read before it.
    pub(super) previous: Option<(UnixNanos, Traffic)>,
    /// When the first slot read after it begins.
    pub(super) next: Option<UnixNanos>,
    /// Where measuring had got to before this reading.
    pub(super) old_until: UnixNanos,
    /// Where it has now.
    pub(super) until: UnixNanos,
}

/// The running measure of a contract.
#[derive(Clone, Debug)]
pub(super) enum Running {
    /// All slots that count, ranked; under `zero` without those that are missing.
    Percentile { percentile: Decimal, missing: Missing, figures: Vec<(Figure, Ranked)> },
    /// The slots of each day, ranked; and how the daily peaks become a level.
    DailyPeaks { figures: Vec<(Figure, Vec<Ranked>)>, level: fn(&mut [u64]) -> Measured },
    /// Bytes, and how many are a gigabyte.
    Volume { figures: Vec<(Figure, u128)>, per: u64 },
    /// Joules or seconds, and how many are a unit.
    Count { amount: u128, per: u64 },
    /// Nothing is measured.
    Nothing,
}

impl Running {
    /// Nothing measured yet, in a month of `days` days.
    pub(super) fn new(billing: &Billing, days: usize) -> Self {
        let daily = |direction, level| Self::DailyPeaks { figures: each(direction, &vec![Ranked::new(); days]), level };
        match billing {
            Billing::Percentile { percentile, direction, missing, .. } => Self::Percentile {
                percentile: *percentile,
                missing: *missing,
                figures: each(*direction, &Ranked::new()),
            },
            Billing::MeanDailyPeak { direction, .. } => daily(*direction, |peaks| mean(peaks)),
            Billing::FourthDailyPeak { direction, .. } => {
                daily(*direction, |peaks| Measured::rate(fourth(peaks).into(), 1))
            }
            Billing::PerGb { gigabyte, direction, .. } => {
                Self::Volume { figures: each(*direction, &0), per: gigabyte.bytes() }
            }
            _ => match kinds::metered_by(billing) {
                MeteredBy::Energy => Self::Count { amount: 0, per: JOULES_PER_KWH },
                MeteredBy::Servers => Self::Count { amount: 0, per: SECONDS_PER_HOUR },
                MeteredBy::Traffic | MeteredBy::Nothing => Self::Nothing,
            },
        }
    }

    /// Takes a slot of traffic.
    pub(super) fn change_traffic(&mut self, change: &SlotChange) {
        match self {
            Self::Percentile { missing, figures, .. } => {
                for (figure, ranked) in figures {
                    match missing {
                        Missing::Exclude | Missing::Zero => replace(ranked, *figure, change, 1),
                        Missing::Last => replace_lasting(ranked, *figure, change),
                    }
                }
            }
            Self::DailyPeaks { figures, .. } => {
                for (figure, days) in figures {
                    replace(&mut days[change.day], *figure, change, 1);
                }
            }
            Self::Volume { figures, .. } => {
                for (figure, volume) in figures {
                    *volume -= u128::from(figure.of(change.before.unwrap_or_default()));
                    *volume += u128::from(figure.of(change.after));
                }
            }
            Self::Count { .. } | Self::Nothing => {}
        }
    }

    /// Takes a reading of energy or time.
    pub(super) fn change_count(&mut self, before: u64, after: u64) {
        if let Self::Count { amount, .. } = self {
            *amount = *amount - u128::from(before) + u128::from(after);
        }
    }

    /// What is measured once `elapsed` slots are over.
    pub(super) fn measured(&self, elapsed: u32) -> Measured {
        match self {
            Self::Percentile { .. } => Measured::rate(self.percentile_bytes(elapsed).into(), 1),
            Self::DailyPeaks { figures, level } => {
                let levels = figures.iter().map(|(_, days)| level(&mut peaks(days)));
                levels.max_by_key(|level| level.amount).unwrap_or(Measured::NOTHING)
            }
            Self::Volume { figures, per } => {
                let amount = figures.iter().map(|(_, volume)| *volume).max().unwrap_or(0);
                Measured { amount, per: *per }
            }
            Self::Count { amount, per } => Measured { amount: *amount, per: *per },
            Self::Nothing => Measured::NOTHING,
        }
    }

    /// How many slots more may exceed `level` bytes before the percentile at the month's end does,
    /// when `elapsed` slots are over and `remaining` are to come; `None` for other kinds.
    pub(super) fn free_slots(&self, level: u64, elapsed: u32, remaining: u32) -> Option<u32> {
        let Self::Percentile { percentile, missing, figures } = self else { return None };
        let free = figures.iter().map(|(_, ranked)| {
            let at_end = ranked.total() + missing_zeros(ranked, *missing, elapsed) + remaining;
            let allowed = at_end - nearest_rank(*percentile, at_end).unwrap_or(at_end);
            allowed.saturating_sub(ranked.count_above(level))
        });
        free.min()
    }

    /// The bytes of the slot that the percentile is; 0 for other kinds, and without slots.
    pub(super) fn percentile_bytes(&self, elapsed: u32) -> u64 {
        let Self::Percentile { percentile, missing, figures } = self else { return 0 };
        let level = |ranked: &Ranked| {
            let zeros = missing_zeros(ranked, *missing, elapsed);
            let rank = nearest_rank(*percentile, ranked.total() + zeros)?;
            // The zeros, which are not in the tree, are the smallest of all.
            rank.checked_sub(zeros).and_then(|rank| ranked.nth_smallest(rank))
        };
        figures.iter().filter_map(|(_, ranked)| level(ranked)).max().unwrap_or(0)
    }

    /// How many days have a peak above `level` bytes, in the direction that has most of them.
    pub(super) fn days_above(&self, level: u64) -> usize {
        let Self::DailyPeaks { figures, .. } = self else { return 0 };
        let days = figures.iter().map(|(_, days)| peaks(days).iter().filter(|peak| **peak > level).count());
        days.max().unwrap_or(0)
    }
}

fn each<T: Clone>(direction: Direction, empty: &T) -> Vec<(Figure, T)> {
    Figure::all_of(direction).iter().map(|figure| (*figure, empty.clone())).collect()
}

fn peaks(days: &[Ranked]) -> Vec<u64> {
    days.iter().filter_map(Ranked::largest).collect()
}

/// Slots over that nobody read and that count as zero.
fn missing_zeros(ranked: &Ranked, missing: Missing, elapsed: u32) -> u32 {
    match missing {
        Missing::Zero => elapsed - ranked.total(),
        Missing::Exclude | Missing::Last => 0,
    }
}

fn replace(ranked: &mut Ranked, figure: Figure, change: &SlotChange, weight: u32) {
    if let Some(before) = change.before {
        ranked.remove(figure.of(before), weight);
    }
    ranked.add(figure.of(change.after), weight);
}

/// Replaces a slot that stands for itself and for the slots missing after it.
fn replace_lasting(ranked: &mut Ranked, figure: Figure, change: &SlotChange) {
    let end = change.next.unwrap_or(change.until);
    replace(ranked, figure, change, slots_between(change.start, end));
    if change.before.is_none()
        && let Some((previous, traffic)) = change.previous
    {
        // It stood for this slot, or for none of those up to it if measuring ended before.
        let old_end = change.next.unwrap_or(change.old_until);
        ranked.remove(figure.of(traffic), slots_between(previous, old_end));
        ranked.add(figure.of(traffic), slots_between(previous, change.start));
    }
}
