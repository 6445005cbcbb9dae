//! The assignment linear program, solved by HiGHS.
//!
//! ```text
//! minimise   sum_da price_da x_da  +  sum_sk price_sk y_sk  +  M sum_d u_d
//! such that  sum_a x_da + u_d          = mbps_d          every demand is placed or missed
//!            sum_d x_ds - sum_k y_sk   = 0               a site's load is paid by its curve
//!            0 <= x_da <= site_mbps_max_d,  0 <= y_sk <= width_sk,  u_d >= 0
//! ```
//!
//! Bounded by simplex iterations on one thread, never by wall time: the same problem gives the
//! same solution on every machine.

use highs::{ColProblem, HighsModelStatus, Row, Sense};

use crate::problem::{Problem, Solution};

/// The solver gave nothing usable.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SolveError {
    /// The work budget ended first.
    #[error("no solution within {iterations} simplex iterations: raise `iterations_max`")]
    Budget {
        /// Iterations taken.
        iterations: u64,
    },
    /// HiGHS ended in a state that this program cannot reach by its form.
    #[error("the solver ended as {status}")]
    Unusable {
        /// HiGHS's own word.
        status: String,
    },
}

/// Solves `problem`. Every problem is feasible: what cannot be placed is reported as unserved.
///
/// # Errors
/// When the work budget is too small, or HiGHS fails.
pub fn solve(problem: &Problem) -> Result<Solution, SolveError> {
    if problem.demands.is_empty() {
        return Ok(Solution {
            number: problem.number,
            flows: vec![],
            unserved: vec![],
            marginal: vec![],
            objective: 0.0,
            iterations: 0,
        });
    }
    let mut model = formulate(problem).optimise(Sense::Minimise);
    model.make_quiet();
    model.set_option("threads", 1);
    model.set_option("parallel", "off");
    model.set_option("random_seed", 1);
    model.set_option("simplex_iteration_limit", i32::try_from(problem.iterations_max).unwrap_or(i32::MAX));
    let solved = model.try_solve().map_err(|status| SolveError::Unusable { status: format!("{status:?}") })?;
    let iterations = u64::try_from(solved.simplex_iteration_count()).unwrap_or(0);
    match solved.status() {
        HighsModelStatus::Optimal => {}
        HighsModelStatus::ReachedIterationLimit => return Err(SolveError::Budget { iterations }),
        other => return Err(SolveError::Unusable { status: format!("{other:?}") }),
    }
    let columns = solved.get_solution();
    Ok(read(
        problem,
        columns.columns(),
        columns.dual_columns(),
        columns.dual_rows(),
        solved.objective_value(),
        iterations,
    ))
}

/// Columns: every arc in order of demands, then every demand's `u`, then every site's segments.
/// Rows: demands, then sites.
fn formulate(problem: &Problem) -> ColProblem {
    let mut columns = ColProblem::default();
    let demand_rows: Vec<Row> = problem.demands.iter().map(|d| columns.add_row(d.mbps..=d.mbps)).collect();
    let site_rows: Vec<Row> = problem.sites.iter().map(|_| columns.add_row(0.0..=0.0)).collect();
    for (demand, row) in problem.demands.iter().zip(&demand_rows) {
        for arc in &demand.arcs {
            columns.add_column(arc.price, 0.0..=demand.site_mbps_max, [(*row, 1.0), (site_rows[arc.site], 1.0)]);
        }
    }
    for row in &demand_rows {
        columns.add_column(problem.unserved_price, 0.0.., [(*row, 1.0)]);
    }
    for (site, row) in problem.sites.iter().zip(&site_rows) {
        for segment in &site.segments {
            columns.add_column(segment.price, 0.0..=segment.width, [(*row, -1.0)]);
        }
    }
    columns
}

/// The columns of [`formulate`] as a solution.
fn read(
    problem: &Problem,
    values: &[f64],
    reduced: &[f64],
    duals: &[f64],
    objective: f64,
    iterations: u64,
) -> Solution {
    let mut next = 0;
    let mut flows = Vec::with_capacity(problem.demands.len());
    let mut marginal = Vec::with_capacity(problem.demands.len());
    let first_site_row = problem.demands.len();
    for demand in &problem.demands {
        let arcs = next..next + demand.arcs.len();
        next = arcs.end;
        flows.push(values[arcs.clone()].iter().map(|flow| flow.max(0.0)).collect());
        // A row's dual is what its right-hand side costs: for a site, minus the price of its load.
        marginal.push(demand.arcs.iter().map(|arc| arc.price - duals[first_site_row + arc.site]).collect());
    }
    debug_assert_eq!(values.len(), reduced.len());
    let unserved = values[next..next + problem.demands.len()].iter().map(|missed| missed.max(0.0)).collect();
    Solution { number: problem.number, flows, unserved, marginal, objective, iterations }
}

#[cfg(test)]
mod tests;
