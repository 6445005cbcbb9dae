//! `/proc/net/dev`: what each interface carried.

use std::collections::BTreeMap;

use procfs::net::DeviceStatus;

use super::{ReadError, samples::Samples};

pub(super) fn read(samples: &mut Samples<'_>) -> Result<(), ReadError> {
    push(procfs::net::dev_status()?, samples);
    Ok(())
}

fn push(devices: impl IntoIterator<Item = (String, DeviceStatus)>, samples: &mut Samples<'_>) {
    // procfs keeps them in a hash map.
    for (name, device) in devices.into_iter().collect::<BTreeMap<_, _>>() {
        for (metric, count) in received(&device).into_iter().chain(transmitted(&device)) {
            samples.push(&format!("node_network_{metric}_total"), &[("device", &name)], count as f64);
        }
    }
}

fn received(device: &DeviceStatus) -> [(&'static str, u64); 8] {
    [
        ("receive_bytes", device.recv_bytes),
        ("receive_packets", device.recv_packets),
        ("receive_errs", device.recv_errs),
        ("receive_drop", device.recv_drop),
        ("receive_fifo", device.recv_fifo),
        ("receive_frame", device.recv_frame),
        ("receive_compressed", device.recv_compressed),
        ("receive_multicast", device.recv_multicast),
    ]
}

fn transmitted(device: &DeviceStatus) -> [(&'static str, u64); 8] {
    [
        ("transmit_bytes", device.sent_bytes),
        ("transmit_packets", device.sent_packets),
        ("transmit_errs", device.sent_errs),
        ("transmit_drop", device.sent_drop),
        ("transmit_fifo", device.sent_fifo),
        ("transmit_colls", device.sent_colls),
        ("transmit_carrier", device.sent_carrier),
        ("transmit_compressed", device.sent_compressed),
    ]
}

#[cfg(test)]
mod tests {
    use procfs::{FromRead, net::InterfaceDeviceStatus};

    use super::*;
    use crate::host::samples::gathered;

    #[test]
    fn sixteen_counters_of_each_interface_in_their_columns_order() {
        let recorded = "\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
  eth0: 101 102 103 104 105 106 107 108 109 110 111 112 113 114 115 116
    lo: 201 202 203 204 205 206 207 208 209 210 211 212 213 214 215 216
";
        let devices = InterfaceDeviceStatus::from_read(recorded.as_bytes()).unwrap();
        let text = gathered(|samples| push(devices.0, samples));
        let of = |device: &str| {
            let lines = text.lines().filter(|line| line.contains(device));
            lines.map(|line| line.rsplit(' ').next().unwrap().parse::<u32>().unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(of("eth0"), (101..=116).collect::<Vec<_>>());
        assert_eq!(of("lo"), (201..=216).collect::<Vec<_>>());
        assert!(text.contains("node_network_transmit_bytes_total{device=\"eth0\"} 109\n"));
    }
}
