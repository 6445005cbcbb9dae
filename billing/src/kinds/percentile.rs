//! The percentile of the month's slots, by nearest rank; usually the 95th, "burstable billing".

use std::iter;

use rust_decimal::Decimal;
use weir_model::contract::{Direction, Missing};

use super::{Measured, View};
use crate::{
    month::slots_between,
    percentile::percentile_of,
    usage::{Figure, Traffic},
};

/// The level billed; 0 when no slot counts.
pub(super) fn measure(view: &View<'_>, percentile: Decimal, direction: Direction, missing: Missing) -> Measured {
    let slots = filled(view, missing);
    let level = |figure: &Figure| {
        let mut values: Vec<u64> = slots.iter().map(|traffic| figure.of(*traffic)).collect();
        percentile_of(&mut values, percentile)
    };
    let bytes = Figure::all_of(direction).iter().filter_map(level).max().unwrap_or(0);
    Measured::rate(bytes.into(), 1)
}

/// The slots that count, gaps filled as the contract says. A gap before the first slot of the
/// billed time has no last slot to repeat and does not count under `last`.
fn filled(view: &View<'_>, missing: Missing) -> Vec<Traffic> {
    let measured = view.usage.traffic.merged(view.measured.clone());
    match missing {
        Missing::Exclude => measured.map(|(_, traffic)| traffic).collect(),
        Missing::Zero => {
            let mut slots: Vec<Traffic> = measured.map(|(_, traffic)| traffic).collect();
            slots.resize(view.elapsed_slots() as usize, Traffic::default());
            slots
        }
        Missing::Last => {
            let measured: Vec<_> = measured.collect();
            let ends = measured.iter().skip(1).map(|(start, _)| *start).chain([view.measured.end]);
            let lasting = |((start, traffic), end): (&(_, Traffic), _)| {
                iter::repeat_n(*traffic, slots_between(*start, end) as usize)
            };
            measured.iter().zip(ends).flat_map(lasting).collect()
        }
    }
}
