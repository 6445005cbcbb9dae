use expect_test::expect;

use super::*;
use crate::bodies::BodyReader;

const SMALL: Size = Size { hosts: 3, hours: 1, end: 1_704_070_800 };

fn lines_of(file: &Path) -> Vec<String> {
    let mut reader = BodyReader::open(file).unwrap();
    let mut lines = Vec::new();
    while let Some(body) = reader.next_body().unwrap() {
        lines.extend(std::str::from_utf8(body).unwrap().lines().map(str::to_owned));
    }
    lines
}

#[test]
fn lines_are_those_of_the_description() {
    let folder = tempfile::tempdir().unwrap();
    let files = write_bodies(SMALL, 2, folder.path()).unwrap();
    let lines: Vec<Vec<String>> = files.iter().map(|file| lines_of(file)).collect();
    assert_eq!(lines.iter().map(Vec::len).collect::<Vec<_>>(), [720, 360]);
    assert_eq!(SMALL.rows(), 1080);
    assert_eq!(SMALL.values(), 10_800);
    expect![[r#"
        cpu,hostname=host_0,region=sa-east-1,datacenter=sa-east-1c,rack=83,os=Ubuntu16.10,arch=x64,team=NYC,service=13,service_version=1,service_environment=production usage_user=57i,usage_system=82i,usage_idle=68i,usage_nice=68i,usage_iowait=4i,usage_irq=89i,usage_softirq=95i,usage_steal=55i,usage_guest=13i,usage_guest_nice=16i 1704067200000000000
        cpu,hostname=host_1,region=us-west-1,datacenter=us-west-1a,rack=55,os=Ubuntu16.04LTS,arch=x86,team=CHI,service=13,service_version=1,service_environment=test usage_user=65i,usage_system=66i,usage_idle=81i,usage_nice=68i,usage_iowait=20i,usage_irq=7i,usage_softirq=20i,usage_steal=61i,usage_guest=60i,usage_guest_nice=77i 1704067200000000000
        cpu,hostname=host_2,region=ap-southeast-2,datacenter=ap-southeast-2a,rack=3,os=Ubuntu16.10,arch=x86,team=CHI,service=16,service_version=0,service_environment=test usage_user=27i,usage_system=95i,usage_idle=5i,usage_nice=81i,usage_iowait=38i,usage_irq=21i,usage_softirq=83i,usage_steal=53i,usage_guest=74i,usage_guest_nice=39i 1704070790000000000
    "#]].assert_eq(&format!("{}\n{}\n{}\n", lines[0][0], lines[1][0], lines[0][719]));
}

#[test]
fn walks_stay_within_percentages_and_move() {
    let mut host = host::Host::new(7);
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..20_000 {
        seen.extend(host.fields());
        host.step();
    }
    assert_eq!((seen.first(), seen.last()), (Some(&0), Some(&100)));
    let steps: f64 = (0..10_000)
        .map(|number| {
            let mut host = host::Host::new(number);
            let before = host.fields();
            host.step();
            f64::from(before[0].abs_diff(host.fields()[0]))
        })
        .sum();
    // The mean of |N(0, 1)| is 0.8; truncation keeps it, the bounds take little.
    assert!((0.75..0.85).contains(&(steps / 10_000.0)), "{steps}");
}

#[test]
fn csv_and_lines_say_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let csv = folder.path().join("cpu.csv");
    write_csv(SMALL, &csv).unwrap();
    let csv = std::fs::read_to_string(csv).unwrap();
    let last_of_host_1 = csv.lines().nth(1 + 2 * 360 - 1).unwrap();
    let files = write_bodies(SMALL, 3, folder.path()).unwrap();
    let line = lines_of(&files[1]).pop().unwrap();
    let numbers = |text: &str| {
        let is_number = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        text.split([',', '=']).map(|part| part.trim_end_matches('i')).filter(is_number).map(str::to_owned).collect()
    };
    let fields = line.split(' ').nth(1).unwrap();
    let (of_csv, of_line): (Vec<String>, Vec<String>) = (numbers(last_of_host_1), numbers(fields));
    assert_eq!(of_csv[of_csv.len() - 10..], of_line);
    assert!(last_of_host_1.starts_with("2024-01-01 00:59:50,host_1,"), "{last_of_host_1}");
}
