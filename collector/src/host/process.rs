//! How many processes and threads there are, and what the processes do.

use std::collections::BTreeMap;

use super::{ReadError, samples::Samples};

pub(super) fn read(samples: &mut Samples<'_>) -> Result<(), ReadError> {
    // One that ended while we looked is no error.
    let stats = procfs::process::all_processes()?.filter_map(|process| process.ok()?.stat().ok());
    push(stats.map(|stat| (stat.state, stat.num_threads)), samples);
    Ok(())
}

/// Of each process its state's letter (proc_pid_stat(5)) and its number of threads.
fn push(processes: impl Iterator<Item = (char, i64)>, samples: &mut Samples<'_>) {
    let (mut pids, mut threads, mut states) = (0u32, 0, BTreeMap::<char, u32>::new());
    for (state, threads_of_process) in processes {
        pids += 1;
        threads += threads_of_process;
        *states.entry(state).or_default() += 1;
    }
    samples.push("node_processes_pids", &[], pids.into());
    samples.push("node_processes_threads", &[], threads as f64);
    for (state, count) in states {
        let mut letter = [0; 4];
        samples.push("node_processes_state", &[("state", state.encode_utf8(&mut letter))], count.into());
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::host::samples::gathered;

    #[test]
    fn states_are_counted_in_order() {
        expect![[r#"
            node_processes_pids{} 3
            node_processes_threads{} 12
            node_processes_state{state="R"} 1
            node_processes_state{state="S"} 2
        "#]]
        .assert_eq(&gathered(|samples| push([('S', 1), ('R', 10), ('S', 1)].into_iter(), samples)));
    }
}
