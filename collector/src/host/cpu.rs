//! `/proc/stat`: processor time, context switches, forks.

use super::{ReadError, samples::Samples};

const PATH: &str = "/proc/stat";

/// The columns of a `cpuN` line (proc_stat(5)) as node-exporter names them; guest time follows.
const MODES: [&str; 8] = ["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal"];

/// Single-value lines and their metrics.
const LINES: [(&str, &str); 6] = [
    ("intr", "node_intr_total"),
    ("ctxt", "node_context_switches_total"),
    ("btime", "node_boot_time_seconds"),
    ("processes", "node_forks_total"),
    ("procs_running", "node_procs_running"),
    ("procs_blocked", "node_procs_blocked"),
];

pub(super) fn read(samples: &mut Samples<'_>) -> Result<(), ReadError> {
    parse(&super::text(PATH)?, procfs::ticks_per_second() as f64, samples)
}

/// Parsed here and not by procfs, whose `KernelStats` forgets the processors' numbers: with one
/// taken offline the later ones would change their names.
fn parse(text: &str, ticks_per_second: f64, samples: &mut Samples<'_>) -> Result<(), ReadError> {
    for (index, line) in text.lines().enumerate() {
        let malformed = ReadError::Malformed { path: PATH, line: index + 1 };
        let mut words = line.split_ascii_whitespace();
        let Some(key) = words.next() else { continue };
        if let Some(cpu) = key.strip_prefix("cpu").filter(|cpu| !cpu.is_empty()) {
            let ticks: Option<Vec<f64>> = words.map(|word| word.parse().ok()).collect();
            push_cpu(cpu, &ticks.ok_or(malformed)?, ticks_per_second, samples);
        } else if let Some((_, metric)) = LINES.iter().find(|(name, _)| *name == key) {
            let value = words.next().and_then(|word| word.parse().ok()).ok_or(malformed)?;
            samples.push(metric, &[], value);
        }
    }
    Ok(())
}

/// Kernels before 2.6.33 have fewer columns.
fn push_cpu(cpu: &str, ticks: &[f64], ticks_per_second: f64, samples: &mut Samples<'_>) {
    for (mode, ticks) in MODES.iter().zip(ticks) {
        samples.push("node_cpu_seconds_total", &[("cpu", cpu), ("mode", mode)], ticks / ticks_per_second);
    }
    for (mode, ticks) in ["user", "nice"].iter().zip(ticks.iter().skip(MODES.len())) {
        samples.push("node_cpu_guest_seconds_total", &[("cpu", cpu), ("mode", mode)], ticks / ticks_per_second);
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::host::samples::gathered;

    #[test]
    fn a_processor_keeps_its_number_while_another_is_offline() {
        let recorded = "\
cpu  300 0 200 5000 10 0 5 0 0 0
cpu0 200 0 150 2500 10 0 5 0 7 0
cpu2 100 0 50 2500
intr 9876 1 2 3
ctxt 12345
btime 1700000000
processes 42
procs_running 2
procs_blocked 0
softirq 1 2 3
";
        expect![[r#"
            node_cpu_seconds_total{cpu="0",mode="user"} 2
            node_cpu_seconds_total{cpu="0",mode="nice"} 0
            node_cpu_seconds_total{cpu="0",mode="system"} 1.5
            node_cpu_seconds_total{cpu="0",mode="idle"} 25
            node_cpu_seconds_total{cpu="0",mode="iowait"} 0.1
            node_cpu_seconds_total{cpu="0",mode="irq"} 0
            node_cpu_seconds_total{cpu="0",mode="softirq"} 0.05
            node_cpu_seconds_total{cpu="0",mode="steal"} 0
            node_cpu_seconds_total{cpu="2",mode="user"} 1
            node_cpu_seconds_total{cpu="2",mode="nice"} 0
            node_cpu_seconds_total{cpu="2",mode="system"} 0.5
            node_cpu_seconds_total{cpu="2",mode="idle"} 25
            node_cpu_guest_seconds_total{cpu="0",mode="user"} 0.07
            node_cpu_guest_seconds_total{cpu="0",mode="nice"} 0
            node_intr_total{} 9876
            node_context_switches_total{} 12345
            node_boot_time_seconds{} 1700000000
            node_forks_total{} 42
            node_procs_running{} 2
            node_procs_blocked{} 0
        "#]]
        .assert_eq(&gathered(|samples| parse(recorded, 100.0, samples).unwrap()));
    }

    #[test]
    fn what_is_not_a_number_is_named_by_its_line() {
        gathered(|samples| {
            let error = parse("ctxt 1\nbtime soon\n", 100.0, samples).unwrap_err();
            assert_eq!(error.to_string(), "/proc/stat, line 2: not understood");
        });
    }
}
