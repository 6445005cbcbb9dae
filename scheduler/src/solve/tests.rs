use proptest::prelude::*;

use super::*;
use crate::{
    cost::Segment,
    problem::{Arc, Demand, Site},
};

fn site(capacity: f64, price: f64) -> Site {
    Site { segments: vec![Segment { width: capacity, price }] }
}

fn demand(mbps: f64, arcs: &[(usize, f64)]) -> Demand {
    let arcs = arcs.iter().map(|(site, price)| Arc { site: *site, price: *price }).collect();
    Demand { mbps, site_mbps_max: mbps, arcs }
}

fn problem(demands: Vec<Demand>, sites: Vec<Site>) -> Problem {
    Problem { number: 7, demands, sites, unserved_price: 1e6, iterations_max: 10_000 }
}

#[test]
fn the_cheap_site_fills_first_and_its_shadow_price_shows() {
    let solution =
        solve(&problem(vec![demand(150.0, &[(0, 0.0), (1, 0.0)])], vec![site(100.0, 1.0), site(100.0, 3.0)])).unwrap();
    assert_eq!(solution.flows, [[100.0, 50.0]]);
    assert_eq!((solution.objective, solution.number), (250.0, 7));
    // The full site costs as much as the one that would take over.
    assert_eq!(solution.marginal, [[3.0, 3.0]]);
}

#[test]
fn what_has_no_place_is_reported_and_the_rest_is_served() {
    let demands = vec![demand(10.0, &[]), demand(30.0, &[(0, 0.0)]), demand(5.0, &[(1, 0.0)])];
    let solution = solve(&problem(demands, vec![site(20.0, 1.0), site(20.0, 1.0)])).unwrap();
    assert_eq!(solution.unserved, [10.0, 10.0, 0.0]);
    assert_eq!(solution.flows, [vec![], vec![20.0], vec![5.0]]);
}

#[test]
fn a_limit_per_site_splits_a_demand() {
    let mut split = demand(100.0, &[(0, 0.0), (1, 5.0)]);
    split.site_mbps_max = 60.0;
    let solution = solve(&problem(vec![split], vec![site(1e3, 1.0), site(1e3, 1.0)])).unwrap();
    assert_eq!(solution.flows, [[60.0, 40.0]]);
}

#[test]
fn too_small_a_budget_says_so() {
    let demands = (0..40).map(|i| demand(10.0 + f64::from(i), &[(0, 1.0), (1, f64::from(i % 7)), (2, 3.0)])).collect();
    let mut problem = problem(demands, vec![site(300.0, 1.0), site(300.0, 2.0), site(900.0, 3.0)]);
    problem.iterations_max = 1;
    assert!(matches!(solve(&problem), Err(SolveError::Budget { .. })));
}

fn problems() -> impl Strategy<Value = Problem> {
    let sites = prop::collection::vec((1u32..200, 0u32..10), 1..5);
    let demands = prop::collection::vec((1u32..80, prop::collection::vec(any::<Option<u8>>(), 5), 1u32..=2), 1..12);
    (sites, demands).prop_map(|(sites, demands)| {
        let sites: Vec<Site> = sites.into_iter().map(|(cap, price)| site(cap.into(), price.into())).collect();
        let demands = demands
            .into_iter()
            .map(|(mbps, arcs, parts)| Demand {
                mbps: mbps.into(),
                site_mbps_max: f64::from(mbps) / f64::from(parts),
                arcs: arcs
                    .into_iter()
                    .take(sites.len())
                    .enumerate()
                    .filter_map(|(site, price)| Some(Arc { site, price: price?.into() }))
                    .collect(),
            })
            .collect();
        problem(demands, sites)
    })
}

proptest! {
    #[test]
    fn flows_keep_every_constraint_and_the_order_of_demands_changes_nothing(problem in problems()) {
        let solution = solve(&problem).unwrap();
        let mut load = vec![0.0; problem.sites.len()];
        for (index, demand) in problem.demands.iter().enumerate() {
            let placed: f64 = solution.flows[index].iter().sum();
            prop_assert!((placed + solution.unserved[index] - demand.mbps).abs() < 1e-6);
            for (arc, flow) in demand.arcs.iter().zip(&solution.flows[index]) {
                prop_assert!(*flow <= demand.site_mbps_max + 1e-6);
                load[arc.site] += flow;
            }
        }
        for (site, load) in problem.sites.iter().zip(&load) {
            prop_assert!(*load <= site.capacity() + 1e-6);
        }
        let mut reversed = problem.clone();
        reversed.demands.reverse();
        let other = solve(&reversed).unwrap();
        prop_assert!((other.objective - solution.objective).abs() <= 1e-6 * solution.objective.max(1.0));
    }
}
