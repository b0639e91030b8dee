//! When which node has which fault: written down by slot, or drawn from a seed.

use std::ops::Range;

use crate::digest::draw;
use crate::fault::{Fault, every};

/// One line of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The slots it lasts; it begins and ends at slot starts.
    pub slots: Range<u64>,
    /// The node's name.
    pub node: String,
    /// The fault.
    pub fault: Fault,
}

/// A script of faults, in absolute slot numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script {
    /// Its lines, in the order they were written.
    pub lines: Vec<Line>,
}

/// Whether a drawn script may bring down everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mercy {
    /// In every slot at least one of these nodes has no fault, and has had none for two slots.
    OneGood,
    /// Anything may happen.
    None,
}

/// Slots a node needs after a fault until it counts as good again: to be found, told and trusted.
const RECOVERY_SLOTS: u64 = 2;

impl Script {
    /// Nothing happens.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a fault of a node for some slots.
    #[must_use]
    pub fn at(mut self, slots: Range<u64>, node: &str, fault: Fault) -> Self {
        self.lines.push(Line { slots, node: node.into(), fault });
        self
    }

    /// Draws faults for these nodes over these slots: about one for every eight slots of a node, two to seven slots
    /// long, of every kind. With [`Mercy::OneGood`], lines that would leave no node good are left out.
    #[must_use]
    pub fn drawn(seed: u64, nodes: &[&str], slots: &Range<u64>, slot_ms: u64, mercy: Mercy) -> Self {
        let kinds = every(slot_ms);
        let mut script = Self::new();
        for slot in slots.clone() {
            for (number, node) in (0u64..).zip(nodes) {
                let roll = |purpose| draw(seed, purpose, &[slot, number]);
                let busy = script.lines.iter().any(|line| line.node == **node && line.slots.contains(&slot));
                if busy || !roll("fault comes").is_multiple_of(8) {
                    continue;
                }
                let end = (slot + 2 + roll("fault length") % 6).min(slots.end);
                let kind = usize::try_from(roll("fault kind") % kinds.len() as u64).unwrap_or(0);
                let line = Line { slots: slot..end, node: (*node).into(), fault: kinds[kind].clone() };
                script.lines.push(line);
                if mercy == Mercy::OneGood && !script.leaves_one_good(nodes, slots) {
                    script.lines.pop();
                }
            }
        }
        script
    }

    /// Whether in every one of these slots one of these nodes is good.
    #[must_use]
    pub fn leaves_one_good(&self, nodes: &[&str], slots: &Range<u64>) -> bool {
        let bad = |node: &str, slot: u64| {
            self.lines
                .iter()
                .any(|line| line.node == node && (line.slots.start..line.slots.end + RECOVERY_SLOTS).contains(&slot))
        };
        slots.clone().all(|slot| nodes.iter().any(|node| !bad(node, slot)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODES: [&str; 3] = ["attic", "cellar", "shed"];

    #[test]
    fn a_drawn_script_repeats_by_seed_and_uses_every_kind() {
        let draw = |seed| Script::drawn(seed, &NODES, &(10..400), 1000, Mercy::None);
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        for kind in every(1000) {
            assert!((0..4).any(|seed| draw(seed).lines.iter().any(|line| line.fault == kind)), "{}", kind.name());
        }
    }

    #[test]
    fn mercy_leaves_one_good_node_and_its_absence_does_not() {
        let mut merciless = 0;
        for seed in 0..50 {
            let slots = 10..60;
            assert!(Script::drawn(seed, &NODES, &slots, 1000, Mercy::OneGood).leaves_one_good(&NODES, &slots));
            merciless +=
                u32::from(!Script::drawn(seed, &NODES, &slots, 1000, Mercy::None).leaves_one_good(&NODES, &slots));
        }
        assert!(merciless > 25, "{merciless} of 50 drawn without mercy left no good node somewhere");
    }
}
