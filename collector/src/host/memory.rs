//! `/proc/meminfo`.

use super::{ReadError, samples::Samples};

const PATH: &str = "/proc/meminfo";

pub(super) fn read(samples: &mut Samples<'_>) -> Result<(), ReadError> {
    parse(&super::text(PATH)?, samples)
}

/// `Active(anon):  1024 kB` becomes `node_memory_Active_anon_bytes 1048576`; a line without a
/// unit is a count and keeps its name. Every line, whatever the kernel's version lists.
fn parse(text: &str, samples: &mut Samples<'_>) -> Result<(), ReadError> {
    for (index, line) in text.lines().enumerate() {
        let malformed = || ReadError::Malformed { path: PATH, line: index + 1 };
        let (name, rest) = line.split_once(':').ok_or_else(malformed)?;
        let name = name.replace('(', "_").replace(')', "");
        let mut words = rest.split_ascii_whitespace();
        let value: f64 = words.next().and_then(|word| word.parse().ok()).ok_or_else(malformed)?;
        match words.next() {
            Some("kB") => samples.push(&format!("node_memory_{name}_bytes"), &[], value * 1024.0),
            None => samples.push(&format!("node_memory_{name}"), &[], value),
            Some(_) => return Err(malformed()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::host::samples::gathered;

    #[test]
    fn kilobytes_become_bytes_and_counts_stay() {
        let recorded = "\
MemTotal:        8052444 kB
Active(anon):       1024 kB
HugePages_Total:       3
";
        expect![[r#"
            node_memory_MemTotal_bytes{} 8245702656
            node_memory_Active_anon_bytes{} 1048576
            node_memory_HugePages_Total{} 3
        "#]]
        .assert_eq(&gathered(|samples| parse(recorded, samples).unwrap()));
        gathered(|samples| assert!(parse("MemTotal: 8 MB\n", samples).is_err()));
    }
}
