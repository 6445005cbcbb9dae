//! Ramps: from one set of assignments to another in steps that no guard objects to.
//!
//! A step is a point on the straight line between the two. Loads are linear in shares, so when
//! both ends fit their sites' capacities, so does every step; and weighted rendezvous hashing
//! moves each subnet at most once along the line.

use std::sync::Arc;

use weir_model::plan::{Assignment, SHARE_UNIT};

/// One step towards a target.
#[derive(Clone, Debug)]
pub struct Step {
    /// Per slot.
    pub assignments: Vec<Arc<Assignment>>,
    /// Whether this is the target itself.
    pub is_last: bool,
}

/// The part of all demand that differs between two sets of assignments: half the L1 distance of
/// the shares, weighted by demand, 0 to 1.
pub fn distance(from: &[Arc<Assignment>], to: &[Arc<Assignment>], demand: &[f64]) -> f64 {
    let total: f64 = demand.iter().sum();
    let moved = |((from, to), mbps): ((&Arc<Assignment>, &Arc<Assignment>), &f64)| mbps * slot_distance(from, to);
    let moved: f64 = from.iter().zip(to).zip(demand).map(moved).sum();
    if total > 0.0 { moved / total } else { 0.0 }
}

/// Half the L1 distance of two assignments' shares, 0 to 1.
fn slot_distance(from: &Assignment, to: &Assignment) -> f64 {
    let gained = |share: &weir_model::plan::Share| f64::from(share.weight.saturating_sub(from.weight_of(share.site)));
    to.shares.iter().map(gained).sum::<f64>() / f64::from(SHARE_UNIT)
}

/// The step from `from` towards `to` that moves at most `shift_max` of all demand. Failover lists
/// are the target's from the first step on.
pub fn step(from: &[Arc<Assignment>], to: &[Arc<Assignment>], demand: &[f64], shift_max: f64) -> Step {
    let distance = distance(from, to, demand);
    if distance <= shift_max {
        return Step { assignments: to.to_vec(), is_last: true };
    }
    let part = shift_max / distance;
    let between = |(from, to): (&Arc<Assignment>, &Arc<Assignment>)| {
        if from.shares == to.shares {
            return Arc::clone(to);
        }
        let kept = from.shares.iter().map(|share| (share.site, f64::from(share.weight) * (1.0 - part)));
        let mut parts: Vec<_> = kept.collect();
        for share in &to.shares {
            let gained = f64::from(share.weight) * part;
            match parts.iter_mut().find(|(site, _)| *site == share.site) {
                Some((_, weight)) => *weight += gained,
                None => parts.push((share.site, gained)),
            }
        }
        Arc::new(Assignment { shares: Assignment::shares_of(parts), failover: to.failover.clone() })
    };
    Step { assignments: from.iter().zip(to).map(between).collect(), is_last: false }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use weir_model::id::SiteOrd;

    use super::*;

    fn assignments(weights: &[[u8; 3]]) -> Vec<Arc<Assignment>> {
        let of = |weights: &[u8; 3]| {
            let parts = weights.iter().enumerate().map(|(site, weight)| (SiteOrd::of(site), f64::from(*weight) + 0.01));
            Arc::new(Assignment { shares: Assignment::shares_of(parts), failover: vec![] })
        };
        weights.iter().map(of).collect()
    }

    proptest! {
        #[test]
        fn every_step_is_within_its_limit_and_the_target_is_reached(
            from in prop::collection::vec(any::<[u8; 3]>(), 4),
            to in prop::collection::vec(any::<[u8; 3]>(), 4),
            demand in prop::collection::vec(0.0f64..100.0, 4),
            shift_max in 0.05f64..0.5,
        ) {
            let (mut at, to) = (assignments(&from), assignments(&to));
            let steps_max = (distance(&at, &to, &demand) / shift_max).ceil() as usize + 1;
            for taken in 0.. {
                prop_assert!(taken <= steps_max, "the ramp does not end");
                let next = step(&at, &to, &demand, shift_max);
                // Rounding to millionths moves at most 3 of them per slot.
                prop_assert!(distance(&at, &next.assignments, &demand) <= shift_max + 3e-6);
                at = next.assignments;
                if next.is_last {
                    break;
                }
            }
            prop_assert_eq!(distance(&at, &to, &demand), 0.0);
        }
    }
}
