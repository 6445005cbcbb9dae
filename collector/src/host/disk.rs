//! `/proc/diskstats`.

use procfs::{Current, DiskStat, DiskStats};

use super::{ReadError, samples::Samples};

/// The kernel counts sectors of 512 bytes, whatever the device's are.
const SECTOR_BYTES: f64 = 512.0;
/// And times in milliseconds.
const MS: f64 = 1e-3;

/// Devices that hold nothing of their own; partitions of `sdX` and `nvmeXnY` are counted in
/// their disks. node-exporter's default exclusion.
const PREFIXES_LEFT_OUT: [&str; 4] = ["ram", "zram", "loop", "fd"];

pub(super) fn read(samples: &mut Samples<'_>) -> Result<(), ReadError> {
    push(&DiskStats::current()?, samples);
    Ok(())
}

fn push(disks: &DiskStats, samples: &mut Samples<'_>) {
    for disk in disks.0.iter().filter(|disk| !is_left_out(&disk.name)) {
        let required = counts(disk).map(|(metric, value)| (metric, Some(value)));
        for (metric, value) in required.into_iter().chain(later_counts(disk)) {
            if let Some(value) = value {
                samples.push(&format!("node_disk_{metric}"), &[("device", &disk.name)], value);
            }
        }
    }
}

fn counts(disk: &DiskStat) -> [(&'static str, f64); 11] {
    [
        ("reads_completed_total", disk.reads as f64),
        ("reads_merged_total", disk.merged as f64),
        ("read_bytes_total", disk.sectors_read as f64 * SECTOR_BYTES),
        ("read_time_seconds_total", disk.time_reading as f64 * MS),
        ("writes_completed_total", disk.writes as f64),
        ("writes_merged_total", disk.writes_merged as f64),
        ("written_bytes_total", disk.sectors_written as f64 * SECTOR_BYTES),
        ("write_time_seconds_total", disk.time_writing as f64 * MS),
        ("io_now", disk.in_progress as f64),
        ("io_time_seconds_total", disk.time_in_progress as f64 * MS),
        ("io_time_weighted_seconds_total", disk.weighted_time_in_progress as f64 * MS),
    ]
}

/// Since Linux 4.18 and 5.5.
fn later_counts(disk: &DiskStat) -> [(&'static str, Option<f64>); 6] {
    let count = |value: Option<u64>, unit: f64| value.map(|value| value as f64 * unit);
    [
        ("discards_completed_total", count(disk.discards, 1.0)),
        ("discards_merged_total", count(disk.discards_merged, 1.0)),
        ("discarded_sectors_total", count(disk.sectors_discarded, 1.0)),
        ("discard_time_seconds_total", count(disk.time_discarding, MS)),
        ("flush_requests_total", count(disk.flushes, 1.0)),
        ("flush_requests_time_seconds_total", count(disk.time_flushing, MS)),
    ]
}

fn is_left_out(name: &str) -> bool {
    let numbered = |rest: &str| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit());
    let is_pseudo = PREFIXES_LEFT_OUT.iter().any(|prefix| name.strip_prefix(prefix).is_some_and(numbered));
    let disk = name.trim_end_matches(|digit: char| digit.is_ascii_digit());
    let is_numbered = disk.len() < name.len();
    let lettered = ["sd", "hd", "vd", "xvd"].iter().any(|prefix| {
        let letters = disk.strip_prefix(prefix);
        letters.is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_lowercase()))
    });
    is_pseudo || is_numbered && (lettered || name.starts_with("nvme") && disk.ends_with('p'))
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use procfs::FromRead;

    use super::*;
    use crate::host::samples::gathered;

    #[test]
    fn whole_disks_in_bytes_and_seconds() {
        let recorded = "\
   7       0 loop0 1 0 2 0 0 0 0 0 0 0 0
   8       0 sda 100 5 2000 1500 50 6 4000 2500 1 3000 4000 1 2 3 4 5 6
   8       1 sda1 90 5 1000 500 40 6 400 250 0 300 400
";
        let disks = DiskStats::from_read(recorded.as_bytes()).unwrap();
        expect![[r#"
            node_disk_reads_completed_total{device="sda"} 100
            node_disk_reads_merged_total{device="sda"} 5
            node_disk_read_bytes_total{device="sda"} 1024000
            node_disk_read_time_seconds_total{device="sda"} 1.5
            node_disk_writes_completed_total{device="sda"} 50
            node_disk_writes_merged_total{device="sda"} 6
            node_disk_written_bytes_total{device="sda"} 2048000
            node_disk_write_time_seconds_total{device="sda"} 2.5
            node_disk_io_now{device="sda"} 1
            node_disk_io_time_seconds_total{device="sda"} 3
            node_disk_io_time_weighted_seconds_total{device="sda"} 4
            node_disk_discards_completed_total{device="sda"} 1
            node_disk_discards_merged_total{device="sda"} 2
            node_disk_discarded_sectors_total{device="sda"} 3
            node_disk_discard_time_seconds_total{device="sda"} 0.004
            node_disk_flush_requests_total{device="sda"} 5
            node_disk_flush_requests_time_seconds_total{device="sda"} 0.006
        "#]]
        .assert_eq(&gathered(|samples| push(&disks, samples)));
    }

    #[test]
    fn partitions_and_pseudo_devices_are_left_out() {
        for name in ["sda1", "vdb12", "xvda1", "nvme0n1p2", "loop3", "ram0", "zram1", "fd0"] {
            assert!(is_left_out(name), "{name}");
        }
        for name in ["sda", "vdb", "nvme0n1", "dm-0", "md127", "sr0", "mmcblk0"] {
            assert!(!is_left_out(name), "{name}");
        }
    }
}
