use std::collections::{BTreeMap, BTreeSet};

use expect_test::expect;

use super::*;
use crate::bodies::BodyReader;

/// What a field of a message holds: a varint, or bytes.
fn fields(mut bytes: &[u8]) -> Vec<(u8, u64, &[u8])> {
    let mut found = Vec::new();
    while let Some((&tag, rest)) = bytes.split_first() {
        bytes = rest;
        match tag & 7 {
            1 => {
                let (value, rest) = bytes.split_at(8);
                found.push((tag >> 3, u64::from_le_bytes(value.try_into().unwrap()), &[][..]));
                bytes = rest;
            }
            wire => {
                let mut value = 0;
                for shift in (0..).step_by(7) {
                    let (&byte, rest) = bytes.split_first().unwrap();
                    bytes = rest;
                    value |= u64::from(byte & 0x7f) << shift;
                    if byte < 0x80 {
                        break;
                    }
                }
                let (taken, rest) = bytes.split_at(if wire == 2 { value as usize } else { 0 });
                found.push((tag >> 3, value, taken));
                bytes = rest;
            }
        }
    }
    found
}

fn text(series: &[u8]) -> (String, Vec<(i64, f64)>) {
    let (mut labels, mut samples) = (Vec::new(), Vec::new());
    for (number, _, bytes) in fields(series) {
        let inner = fields(bytes);
        match number {
            1 => labels.push(format!(
                "{}={}",
                std::str::from_utf8(inner[0].2).unwrap(),
                std::str::from_utf8(inner[1].2).unwrap()
            )),
            _ => samples.push((inner[1].1.cast_signed(), f64::from_bits(inner[0].1))),
        }
    }
    (labels.join(" "), samples)
}

fn read(files: &[PathBuf]) -> BTreeMap<String, Vec<(i64, f64)>> {
    let mut seen: BTreeMap<String, Vec<(i64, f64)>> = BTreeMap::new();
    for file in files {
        let mut reader = BodyReader::open(file).unwrap();
        while let Some(body) = reader.next_body().unwrap() {
            let body = snap::raw::Decoder::new().decompress_vec(body).unwrap();
            let series = fields(&body);
            assert!(series.len() <= SAMPLES_PER_BODY);
            for (_, _, series) in series {
                let (labels, samples) = text(series);
                seen.entry(labels).or_default().extend(samples);
            }
        }
    }
    seen
}

#[test]
fn another_target_takes_the_place_of_one() {
    let folder = tempfile::tempdir().unwrap();
    let size = Size { targets: 2, rounds: 5, end_ms: 1_704_067_200_000, life: Some(4) };
    let mut samples = BTreeMap::new();
    for (labels, times) in read(&write_bodies(size, 2, folder.path()).unwrap()) {
        let instance = labels.split(' ').find_map(|label| label.strip_prefix("instance=")).unwrap().to_owned();
        *samples.entry(instance).or_insert(0) += times.len();
    }
    // The first target leaves after four rounds, the second after two.
    let expected = [(0, 4), (1, 2), (2, 1), (3, 3)];
    let expected = expected.map(|(target, rounds)| (instance_of(target), rounds * SERIES_PER_TARGET));
    assert_eq!(samples, BTreeMap::from(expected));
}

#[test]
fn requests_hold_every_series_once_a_round_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let size = Size { targets: 2, rounds: 3, end_ms: 1_704_067_200_000, life: None };
    let files = write_bodies(size, 3, folder.path()).unwrap();
    let seen = read(&files);
    assert_eq!(seen.len(), 2 * SERIES_PER_TARGET);
    let times = [1_704_067_180_000, 1_704_067_190_000, 1_704_067_200_000];
    assert!(seen.values().all(|samples| samples.iter().map(|sample| sample.0).eq(times)));
    assert_eq!(size.samples(), 6_000);
    let names: BTreeSet<&str> = seen.keys().filter_map(|labels| labels.split(' ').next()).collect();
    assert_eq!(names.len(), NAMES);
    let mut shapes: BTreeMap<usize, &str> = BTreeMap::new();
    for labels in seen.keys() {
        shapes.entry(labels.split(' ').count()).or_insert(labels);
        assert!(labels.split(' ').is_sorted(), "{labels}");
    }
    expect![[r#"
        __name__=node_cpu_active_bytes cluster=prod-eu-central-1-k8s-00 env=production instance=10.16.0.10:9100 job=node-exporter region=eu-central-1
        __name__=node_cpu_files cluster=prod-eu-central-1-k8s-00 device=nvme0n1 env=production instance=10.16.0.10:9100 job=node-exporter mode=user region=eu-central-1
        __name__=node_cpu_frequency_hertz cluster=prod-eu-central-1-k8s-00 device=nvme0n1 env=production instance=10.16.0.10:9100 job=node-exporter mode=idle mountpoint=/var/lib/volumes/pvc-08080808 region=eu-central-1 team=platform
    "#]].assert_eq(&shapes.values().map(|labels| format!("{labels}\n")).collect::<String>());
}
