//! `/proc/net/sockstat` and `sockstat6`: sockets in use and their memory.

use super::{ReadError, samples::Samples};

pub(super) fn read(samples: &mut Samples<'_>) -> Result<(), ReadError> {
    let page_bytes = procfs::page_size() as f64;
    parse("/proc/net/sockstat", &super::text("/proc/net/sockstat")?, page_bytes, samples)?;
    // Absent where IPv6 is switched off.
    match super::text("/proc/net/sockstat6") {
        Ok(text) => parse("/proc/net/sockstat6", &text, page_bytes, samples),
        Err(_) => Ok(()),
    }
}

/// `TCP: inuse 5 mem 2` becomes `node_sockstat_TCP_inuse 5`, `node_sockstat_TCP_mem 2` (pages) and
/// `node_sockstat_TCP_mem_bytes`.
fn parse(path: &'static str, text: &str, page_bytes: f64, samples: &mut Samples<'_>) -> Result<(), ReadError> {
    for (index, line) in text.lines().enumerate() {
        let malformed = || ReadError::Malformed { path, line: index + 1 };
        let (protocol, rest) = line.split_once(':').ok_or_else(malformed)?;
        let words: Vec<&str> = rest.split_ascii_whitespace().collect();
        for pair in words.chunks(2) {
            let [name, value] = pair else { return Err(malformed()) };
            let value: f64 = value.parse().map_err(|_| malformed())?;
            samples.push(&format!("node_sockstat_{protocol}_{name}"), &[], value);
            if *name == "mem" {
                samples.push(&format!("node_sockstat_{protocol}_mem_bytes"), &[], value * page_bytes);
            }
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
    fn names_and_values_alternate_and_pages_become_bytes() {
        let recorded = "sockets: used 290\nTCP: inuse 5 orphan 0 mem 2\n";
        expect![[r#"
            node_sockstat_sockets_used{} 290
            node_sockstat_TCP_inuse{} 5
            node_sockstat_TCP_orphan{} 0
            node_sockstat_TCP_mem{} 2
            node_sockstat_TCP_mem_bytes{} 8192
        "#]]
        .assert_eq(&gathered(|samples| parse("sockstat", recorded, 4096.0, samples).unwrap()));
        gathered(|samples| assert!(parse("sockstat", "TCP: inuse\n", 4096.0, samples).is_err()));
    }
}
