//! An order-statistics tree: a multiset of numbers that knows its k-th smallest.
//!
//! It is a treap (Seidel and Aragon, "Randomized search trees", Algorithmica 16, 1996) whose nodes
//! count what is below them. A node's priority is a hash of its value in place of a random number,
//! so equal contents have equal shape. Every operation takes O(log n) expected, n being the number
//! of different values. One value may be there many times; that costs one node.

/// No node.
const NIL: u32 = u32::MAX;

#[derive(Clone, Copy, Debug)]
struct Node {
    value: u64,
    /// How often the value is there.
    count: u32,
    /// Counts of the whole subtree.
    total: u32,
    left: u32,
    right: u32,
}

/// A multiset of numbers.
#[derive(Clone, Debug)]
pub(super) struct Ranked {
    nodes: Vec<Node>,
    free: Vec<u32>,
    root: u32,
}

impl Ranked {
    /// Nothing.
    pub(super) fn new() -> Self {
        Self { nodes: Vec::new(), free: Vec::new(), root: NIL }
    }

    /// How many numbers are there, equal ones counted each.
    pub(super) fn total(&self) -> u32 {
        self.total_of(self.root)
    }

    /// Puts `value` in, `count` times.
    pub(super) fn add(&mut self, value: u64, count: u32) {
        if count == 0 {
            return;
        }
        if !self.raise(value, count) {
            let node = self.new_node(value, count);
            self.root = self.insert(self.root, node);
        }
    }

    /// Takes `value` out, `count` times.
    ///
    /// # Panics
    /// When it is not there that often: what is taken out was put in.
    pub(super) fn remove(&mut self, value: u64, count: u32) {
        if count > 0 {
            self.root = self.remove_from(self.root, value, count);
        }
    }

    /// The `rank`-th smallest, counted from 1; `None` beyond the total.
    pub(super) fn nth_smallest(&self, rank: u32) -> Option<u64> {
        if rank == 0 || rank > self.total() {
            return None;
        }
        let (mut tree, mut rank) = (self.root, rank);
        loop {
            let node = &self.nodes[tree as usize];
            let left = self.total_of(node.left);
            if rank <= left {
                tree = node.left;
            } else if rank <= left + node.count {
                return Some(node.value);
            } else {
                rank -= left + node.count;
                tree = node.right;
            }
        }
    }

    /// The largest; `None` of nothing.
    pub(super) fn largest(&self) -> Option<u64> {
        self.nth_smallest(self.total())
    }

    /// How many numbers are larger than `value`.
    pub(super) fn count_above(&self, value: u64) -> u32 {
        let (mut tree, mut above) = (self.root, 0);
        while tree != NIL {
            let node = &self.nodes[tree as usize];
            if value < node.value {
                above += node.count + self.total_of(node.right);
                tree = node.left;
            } else {
                tree = node.right;
            }
        }
        above
    }

    fn total_of(&self, tree: u32) -> u32 {
        if tree == NIL { 0 } else { self.nodes[tree as usize].total }
    }

    fn child(&mut self, tree: u32, value: u64) -> &mut u32 {
        let node = &mut self.nodes[tree as usize];
        if value < node.value { &mut node.left } else { &mut node.right }
    }

    fn contains(&self, value: u64) -> bool {
        let mut tree = self.root;
        while tree != NIL && self.nodes[tree as usize].value != value {
            let node = &self.nodes[tree as usize];
            tree = if value < node.value { node.left } else { node.right };
        }
        tree != NIL
    }

    /// Counts `value` `count` times more, if it has a node.
    fn raise(&mut self, value: u64, count: u32) -> bool {
        if !self.contains(value) {
            return false;
        }
        let mut tree = self.root;
        loop {
            let node = &mut self.nodes[tree as usize];
            node.total += count;
            if node.value == value {
                node.count += count;
                return true;
            }
            tree = *self.child(tree, value);
        }
    }

    fn new_node(&mut self, value: u64, count: u32) -> u32 {
        let node = Node { value, count, total: count, left: NIL, right: NIL };
        match self.free.pop() {
            Some(index) => {
                self.nodes[index as usize] = node;
                index
            }
            None => {
                self.nodes.push(node);
                (self.nodes.len() - 1) as u32
            }
        }
    }

    /// The tree with `node`, whose value it has not.
    fn insert(&mut self, tree: u32, node: u32) -> u32 {
        let value = self.nodes[node as usize].value;
        if tree == NIL || priority(value) > priority(self.nodes[tree as usize].value) {
            let (left, right) = self.split(tree, value);
            self.nodes[node as usize].left = left;
            self.nodes[node as usize].right = right;
            self.recount(node);
            return node;
        }
        let below = *self.child(tree, value);
        *self.child(tree, value) = self.insert(below, node);
        self.recount(tree);
        tree
    }

    /// The parts of a tree below and above `value`, which it has not.
    fn split(&mut self, tree: u32, value: u64) -> (u32, u32) {
        if tree == NIL {
            return (NIL, NIL);
        }
        let below = *self.child(tree, value);
        let (left, right) = self.split(below, value);
        let (kept, halves) =
            if value < self.nodes[tree as usize].value { (right, (left, tree)) } else { (left, (tree, right)) };
        *self.child(tree, value) = kept;
        self.recount(tree);
        halves
    }

    fn remove_from(&mut self, tree: u32, value: u64, count: u32) -> u32 {
        assert!(tree != NIL, "a value is taken out only after it was put in");
        let node = &mut self.nodes[tree as usize];
        if node.value != value {
            let below = *self.child(tree, value);
            *self.child(tree, value) = self.remove_from(below, value, count);
            self.recount(tree);
            return tree;
        }
        assert!(node.count >= count, "a value is taken out at most as often as it was put in");
        node.count -= count;
        if node.count > 0 {
            self.recount(tree);
            return tree;
        }
        let (left, right) = (node.left, node.right);
        self.free.push(tree);
        self.merge(left, right)
    }

    /// One tree of two, all values of `left` being below those of `right`.
    fn merge(&mut self, left: u32, right: u32) -> u32 {
        if left == NIL || right == NIL {
            return if left == NIL { right } else { left };
        }
        let (left_value, right_value) = (self.nodes[left as usize].value, self.nodes[right as usize].value);
        let top = if priority(left_value) > priority(right_value) {
            let below = self.nodes[left as usize].right;
            self.nodes[left as usize].right = self.merge(below, right);
            left
        } else {
            let below = self.nodes[right as usize].left;
            self.nodes[right as usize].left = self.merge(left, below);
            right
        };
        self.recount(top);
        top
    }

    fn recount(&mut self, tree: u32) {
        let Node { count, left, right, .. } = self.nodes[tree as usize];
        self.nodes[tree as usize].total = count + self.total_of(left) + self.total_of(right);
    }
}

/// The finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014): a bijection, so that no two
/// values have the same priority.
fn priority(value: u64) -> u64 {
    let mut x = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    impl Ranked {
        /// The longest path from the root, in nodes.
        fn depth(&self, tree: u32) -> usize {
            if tree == NIL {
                return 0;
            }
            let node = &self.nodes[tree as usize];
            1 + self.depth(node.left).max(self.depth(node.right))
        }
    }

    #[test]
    fn it_stays_shallow_when_values_come_in_order() {
        let mut ranked = Ranked::new();
        (0..8_928).for_each(|value| ranked.add(value * 37_500_000, 1));
        // A treap of n nodes has an expected depth below 2 ln n = 18 to most nodes, and within a
        // small factor of that to the deepest.
        assert!(ranked.depth(ranked.root) < 45, "depth {}", ranked.depth(ranked.root));
        (0..8_928).for_each(|value| ranked.remove(value * 37_500_000, 1));
        assert_eq!((ranked.total(), ranked.largest()), (0, None));
        ranked.add(7, 1);
        assert_eq!(ranked.nodes.len(), 8_928, "freed nodes are used again");
    }

    #[test]
    fn what_was_taken_out_leaves_no_trace_in_the_shape() {
        let (mut thinned, mut fresh) = (Ranked::new(), Ranked::new());
        (0..8_928).for_each(|value| thinned.add(value, 1));
        (0..8_928).filter(|value| value % 5 > 0).for_each(|value| thinned.remove(value, 1));
        (0..8_928).rev().filter(|value| value % 5 == 0).for_each(|value| fresh.add(value, 1));
        assert_eq!(thinned.depth(thinned.root), fresh.depth(fresh.root));
        assert_eq!(thinned.nodes[thinned.root as usize].value, fresh.nodes[fresh.root as usize].value);
    }

    proptest! {
        #[test]
        fn equals_a_sorted_list(
            changes in prop::collection::vec((any::<bool>(), 0_u64..40, 0_u32..4), 0..200),
            probe in 0_u64..40,
        ) {
            let mut ranked = Ranked::new();
            let mut sorted: Vec<u64> = Vec::new();
            for (add, value, count) in changes {
                if add {
                    ranked.add(value, count);
                    sorted.extend(std::iter::repeat_n(value, count as usize));
                } else {
                    let there = sorted.iter().filter(|other| **other == value).count();
                    let taken = there.min(count as usize);
                    ranked.remove(value, taken as u32);
                    for _ in 0..taken {
                        let at = sorted.iter().position(|other| *other == value).unwrap();
                        sorted.swap_remove(at);
                    }
                }
                prop_assert_eq!(ranked.total() as usize, sorted.len());
            }
            sorted.sort_unstable();
            for rank in 0..=sorted.len() + 1 {
                let expected = rank.checked_sub(1).and_then(|index| sorted.get(index)).copied();
                prop_assert_eq!(ranked.nth_smallest(rank as u32), expected);
            }
            let above = sorted.iter().filter(|value| **value > probe).count();
            prop_assert_eq!(ranked.count_above(probe) as usize, above);
        }
    }
}
