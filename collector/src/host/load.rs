//! `/proc/loadavg`.

use procfs::{Current, LoadAverage};

use super::{ReadError, samples::Samples};

pub(super) fn read(samples: &mut Samples<'_>) -> Result<(), ReadError> {
    push(&LoadAverage::current()?, samples);
    Ok(())
}

fn push(load: &LoadAverage, samples: &mut Samples<'_>) {
    for (metric, value) in [("node_load1", load.one), ("node_load5", load.five), ("node_load15", load.fifteen)] {
        // procfs reads single precision; 0.07 must not become 0.07000000029802322.
        samples.push(metric, &[], (f64::from(value) * 100.0).round() / 100.0);
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use procfs::FromRead;

    use super::*;
    use crate::host::samples::gathered;

    #[test]
    fn three_averages_with_the_kernels_two_decimals() {
        let load = LoadAverage::from_read(&b"0.07 1.25 12.90 2/345 6789"[..]).unwrap();
        expect![[r#"
            node_load1{} 0.07
            node_load5{} 1.25
            node_load15{} 12.9
        "#]]
        .assert_eq(&gathered(|samples| push(&load, samples)));
    }
}
