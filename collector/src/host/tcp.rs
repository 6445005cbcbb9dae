//! `/proc/net/snmp` and `/proc/net/netstat`: the protocol counters of RFC 1213 and Linux's own.

use super::{ReadError, samples::Samples};

/// The fields of node-exporter's default selection that say something about TCP, UDP or IP load.
const FIELDS: [&str; 25] = [
    "Ip_Forwarding",
    "IpExt_InOctets",
    "IpExt_OutOctets",
    "Icmp_InMsgs",
    "Icmp_OutMsgs",
    "Icmp_InErrors",
    "Tcp_ActiveOpens",
    "Tcp_PassiveOpens",
    "Tcp_CurrEstab",
    "Tcp_InSegs",
    "Tcp_OutSegs",
    "Tcp_RetransSegs",
    "Tcp_InErrs",
    "Tcp_OutRsts",
    "TcpExt_ListenOverflows",
    "TcpExt_ListenDrops",
    "TcpExt_SyncookiesSent",
    "TcpExt_TCPSynRetrans",
    "TcpExt_TCPTimeouts",
    "Udp_InDatagrams",
    "Udp_OutDatagrams",
    "Udp_NoPorts",
    "Udp_InErrors",
    "Udp_RcvbufErrors",
    "Udp_SndbufErrors",
];

pub(super) fn read(samples: &mut Samples<'_>) -> Result<(), ReadError> {
    for path in ["/proc/net/snmp", "/proc/net/netstat"] {
        parse(path, &super::text(path)?, samples)?;
    }
    Ok(())
}

/// Pairs of lines, the names above the values: `Tcp: InSegs OutSegs` and `Tcp: 10 20`.
fn parse(path: &'static str, text: &str, samples: &mut Samples<'_>) -> Result<(), ReadError> {
    let lines: Vec<&str> = text.lines().collect();
    for (index, pair) in lines.chunks(2).enumerate() {
        let malformed = || ReadError::Malformed { path, line: 2 * index + 1 };
        let [names, values] = pair else { return Err(malformed()) };
        let (protocol, names) = names.split_once(':').ok_or_else(malformed)?;
        let values = values.strip_prefix(protocol).and_then(|rest| rest.strip_prefix(':')).ok_or_else(malformed)?;
        for (name, value) in names.split_ascii_whitespace().zip(values.split_ascii_whitespace()) {
            let field = format!("{protocol}_{name}");
            if FIELDS.contains(&field.as_str()) {
                samples.push(&format!("node_netstat_{field}"), &[], value.parse().map_err(|_| malformed())?);
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
    fn values_are_found_by_their_names() {
        let recorded = "\
Tcp: RtoAlgorithm ActiveOpens CurrEstab MaxConn RetransSegs
Tcp: 1 120 7 -1 33
Udp: InDatagrams NoPorts
Udp: 5 6
";
        expect![[r#"
            node_netstat_Tcp_ActiveOpens{} 120
            node_netstat_Tcp_CurrEstab{} 7
            node_netstat_Tcp_RetransSegs{} 33
            node_netstat_Udp_InDatagrams{} 5
            node_netstat_Udp_NoPorts{} 6
        "#]]
        .assert_eq(&gathered(|samples| parse("snmp", recorded, samples).unwrap()));
    }

    #[test]
    fn lines_that_do_not_pair_are_an_error() {
        for text in ["Tcp: InSegs\n", "Tcp: InSegs\nUdp: 1\n", "Tcp: InSegs\nTcp: many\n"] {
            gathered(|samples| assert!(parse("snmp", text, samples).is_err(), "{text:?}"));
        }
    }
}
