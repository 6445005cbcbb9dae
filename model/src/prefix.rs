//! The prefix table: which client group an address belongs to, and how wide an answer may reach.
//!
//! Longest-prefix match is [`prefix_trie`]'s. For answers the trie is flattened into disjoint
//! address ranges, because RFC 7871 wants to know not only *which* prefix matched but the widest
//! block around the address in which *nothing else* would match: a more specific prefix inside
//! the matched one narrows the scope.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use prefix_trie::PrefixMap;

use crate::id::GroupOrd;

/// A run of addresses that all belong to one group, or to none; it ends where the next begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Range<A> {
    first: A,
    group: Option<GroupOrd>,
}

/// Where an address lies: its group, and the shortest prefix length at which every address of
/// the block around it lies in the same range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Located {
    /// The group; `None` for an address in no prefix.
    pub group: Option<GroupOrd>,
    /// Bits of the widest uniform block.
    pub scope: u8,
}

/// Client groups by address, v4 and v6.
#[derive(Clone, Debug)]
pub struct PrefixTable {
    v4: PrefixMap<Ipv4Net, GroupOrd>,
    v6: PrefixMap<Ipv6Net, GroupOrd>,
    ranges_v4: Vec<Range<u32>>,
    ranges_v6: Vec<Range<u128>>,
}

impl Default for PrefixTable {
    fn default() -> Self {
        Self::new([])
    }
}

impl PrefixTable {
    /// The table of these prefixes. Of equal prefixes the last wins (the inventory refuses them).
    pub fn new(prefixes: impl IntoIterator<Item = (IpNet, GroupOrd)>) -> Self {
        let (mut v4, mut v6) = (PrefixMap::new(), PrefixMap::new());
        for (prefix, group) in prefixes {
            match prefix {
                IpNet::V4(net) => drop(v4.insert(net.trunc(), group)),
                IpNet::V6(net) => drop(v6.insert(net.trunc(), group)),
            }
        }
        let ranges_v4 =
            flatten(v4.iter().map(|(net, group)| (net.network().to_bits(), net.broadcast().to_bits(), *group)), |a| {
                a.checked_add(1)
            });
        let ranges_v6 =
            flatten(v6.iter().map(|(net, group)| (net.network().to_bits(), net.broadcast().to_bits(), *group)), |a| {
                a.checked_add(1)
            });
        Self { v4, v6, ranges_v4, ranges_v6 }
    }

    /// The longest prefix that holds `address`, and its group.
    pub fn longest_match(&self, address: IpAddr) -> Option<(IpNet, GroupOrd)> {
        match address {
            IpAddr::V4(v4) => self.v4.get_lpm(&Ipv4Net::from(v4)).map(|(net, group)| (net.into(), *group)),
            IpAddr::V6(v6) => self.v6.get_lpm(&Ipv6Net::from(v6)).map(|(net, group)| (net.into(), *group)),
        }
    }

    /// The group of `address` and how wide an answer for it may reach.
    pub fn locate(&self, address: IpAddr) -> Located {
        match address {
            IpAddr::V4(v4) => {
                let (group, first, last) = find(&self.ranges_v4, v4.to_bits(), u32::MAX, |a| a - 1);
                Located { group, scope: uniform_bits(v4.to_bits().into(), first.into(), last.into(), Ipv4Addr::BITS) }
            }
            IpAddr::V6(v6) => {
                let (group, first, last) = find(&self.ranges_v6, v6.to_bits(), u128::MAX, |a| a - 1);
                Located { group, scope: uniform_bits(v6.to_bits(), first, last, Ipv6Addr::BITS) }
            }
        }
    }

    /// How many prefixes it holds.
    pub fn len(&self) -> usize {
        self.v4.len() + self.v6.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Nested prefixes, in the trie's order (a prefix before those inside it), as disjoint ranges.
fn flatten<A: Copy + Ord + Default>(
    prefixes: impl Iterator<Item = (A, A, GroupOrd)>,
    next: impl Fn(A) -> Option<A>,
) -> Vec<Range<A>> {
    let mut ranges = vec![Range { first: A::default(), group: None }];
    let mut open: Vec<(A, GroupOrd)> = Vec::new();
    let close = |ranges: &mut Vec<Range<A>>, open: &mut Vec<(A, GroupOrd)>| {
        let Some((last, _)) = open.pop() else { return };
        if let Some(first) = next(last) {
            push(ranges, Range { first, group: open.last().map(|(_, group)| *group) });
        }
    };
    for (first, last, group) in prefixes {
        while open.last().is_some_and(|(end, _)| *end < first) {
            close(&mut ranges, &mut open);
        }
        push(&mut ranges, Range { first, group: Some(group) });
        open.push((last, group));
    }
    while !open.is_empty() {
        close(&mut ranges, &mut open);
    }
    ranges
}

/// Appends a range, replacing one that would be empty and merging with an equal neighbour.
fn push<A: Copy + Ord>(ranges: &mut Vec<Range<A>>, range: Range<A>) {
    if ranges.last().is_some_and(|last| last.first == range.first) {
        ranges.pop();
    }
    if ranges.last().is_none_or(|last| last.group != range.group) {
        ranges.push(range);
    }
}

fn find<A: Copy + Ord>(ranges: &[Range<A>], address: A, max: A, before: impl Fn(A) -> A) -> (Option<GroupOrd>, A, A) {
    let after = ranges.partition_point(|range| range.first <= address);
    let range = ranges[after - 1];
    let last = ranges.get(after).map_or(max, |next| before(next.first));
    (range.group, range.first, last)
}

/// The shortest prefix length whose block around `address` stays inside `first..=last`.
fn uniform_bits(address: u128, first: u128, last: u128, width: u32) -> u8 {
    let common_with = |bound: Option<u128>| match bound {
        // One bit more than is shared with the nearest address outside the range.
        Some(outside) => (address ^ outside).leading_zeros() - (u128::BITS - width) + 1,
        None => 0,
    };
    let max = if width == u128::BITS { u128::MAX } else { (1 << width) - 1 };
    let below = common_with(first.checked_sub(1));
    let above = common_with((last < max).then(|| last + 1));
    u8::try_from(below.max(above)).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn table(prefixes: &[(&str, u32)]) -> PrefixTable {
        PrefixTable::new(prefixes.iter().map(|(net, group)| (net.parse().unwrap(), GroupOrd(*group))))
    }

    #[test]
    fn a_more_specific_prefix_narrows_the_scope_around_it() {
        let table = table(&[("10.0.0.0/8", 1), ("10.128.0.0/16", 2), ("2001:db8::/32", 3)]);
        let locate = |address: &str| {
            let located = table.locate(address.parse().unwrap());
            (located.group.map(|group| group.0), located.scope)
        };
        assert_eq!(locate("10.1.2.3"), (Some(1), 9));
        assert_eq!(locate("10.129.0.1"), (Some(1), 16));
        assert_eq!(locate("10.128.9.9"), (Some(2), 16));
        assert_eq!(locate("11.0.0.0"), (None, 8));
        assert_eq!(locate("192.0.2.1"), (None, 1));
        assert_eq!(locate("2001:db8::1"), (Some(3), 32));
    }

    fn nets() -> impl Strategy<Value = Vec<(u32, u8, u32)>> {
        // Few distinct high bits, so that prefixes nest and touch often.
        prop::collection::vec((0u32..64, 0u8..=32, 0u32..4), 0..24)
            .prop_map(|nets| nets.into_iter().map(|(bits, length, group)| (bits << 26 | bits, length, group)).collect())
    }

    proptest! {
        #[test]
        fn ranges_agree_with_the_trie_over_the_whole_scope(nets in nets(), seed in any::<u32>(), flips in any::<u32>()) {
            let nets: Vec<(Ipv4Net, GroupOrd)> = nets
                .into_iter()
                .map(|(bits, length, group)| (Ipv4Net::new(Ipv4Addr::from_bits(bits), length).unwrap().trunc(), GroupOrd(group)))
                .collect();
            let table = PrefixTable::new(nets.iter().map(|(net, group)| (IpNet::V4(*net), *group)));
            let group_of = |address: u32| table.longest_match(Ipv4Addr::from_bits(address).into()).map(|(_, group)| group);
            let address = Ipv4Addr::from_bits(seed);
            let located = table.locate(address.into());
            prop_assert_eq!(located.group, table.longest_match(address.into()).map(|(_, group)| group));
            // Any other address in the scope lies the same way.
            let mask = u32::MAX.checked_shr(located.scope.into()).unwrap_or(0);
            let other = Ipv4Addr::from_bits((seed & !mask) | (flips & mask));
            prop_assert_eq!(table.locate(other.into()), located);
            // And no narrower than it must be: one bit less holds the border of another group.
            if located.scope > 0 {
                let wider = Ipv4Net::new(address, located.scope - 1).unwrap();
                let borders = nets.iter().flat_map(|(net, _)| {
                    let (first, last) = (net.network().to_bits(), net.broadcast().to_bits());
                    [first, last, first.wrapping_sub(1), last.wrapping_add(1)]
                });
                let differs = borders.filter(|at| wider.contains(&Ipv4Addr::from_bits(*at))).any(|at| group_of(at) != located.group);
                prop_assert!(differs, "{address} could be answered at /{}", located.scope - 1);
            }
        }
    }
}
