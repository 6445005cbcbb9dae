//! How many samples a server has.

use super::{NAMES, Size, name_of};
use crate::{
    server::{Kind, Server},
    weir_sql::WeirSql,
};

/// Samples stored, of each metric by its name: PromQL counts no two metrics at once.
pub(crate) fn count_samples(server: &Server, size: Size) -> anyhow::Result<u64> {
    if server.kind() == Kind::Weir {
        let mut sql = WeirSql::connect(server.address())?;
        return (0..NAMES).map(name_of).map(|name| sql.count(&format!("SELECT {}", of_job(&name)))).sum();
    }
    // From before the first sample to after the last.
    let (window, at) = (size.rounds * 10 + 60, size.end_ms / 1_000 + 1);
    let counts = (0..NAMES).map(name_of).map(|name| {
        let query = format!("sum(count_over_time({name}{{job=\"node-exporter\"}}[{window}s]))");
        Ok(server.promql(&query, at)? as u64)
    });
    counts.sum()
}

/// All samples in one statement.
pub(crate) fn count_sql() -> String {
    let of = |name: String| format!("SELECT {}", of_job(&name));
    let tables = (0..NAMES).map(name_of).map(of).collect::<Vec<_>>().join(" UNION ALL ");
    format!("SELECT sum(n) FROM ({tables})")
}

/// Without what Weir says of its own host.
fn of_job(name: &str) -> String {
    format!("count(*) AS n FROM \"{name}\" WHERE job = 'node-exporter'")
}
