//! Estates that ship with the simulator, besides the demo's.

mod grid;
mod multicloud;

pub use grid::GridError;
pub use multicloud::inventory_of;

/// The inventory `multicloud`: 62 cloud regions with their measured prices, round trips and
/// throughputs (`estates/multicloud/README.md` says whose).
///
/// # Errors
/// When the grids that ship contradict each other, which a test rules out.
pub fn multicloud() -> Result<String, GridError> {
    inventory_of(
        include_str!("../estates/multicloud/egress_price.csv"),
        include_str!("../estates/multicloud/rtt.csv"),
        include_str!("../estates/multicloud/throughput.csv"),
    )
}
