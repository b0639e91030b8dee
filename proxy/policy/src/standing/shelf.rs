//! The items of one kind, by what they are about and by when they changed.
//!
//! Two indexes, because both questions are asked all the time: what was said of this validator, and what changed after
//! this number. Every number stands for one item.

use std::collections::BTreeMap;

use super::read::{Item, Key};

/// The items of one kind.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    items: BTreeMap<Key, (u64, Item)>,
    changed: BTreeMap<u64, Key>,
}

impl Shelf {
    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    pub(super) fn item(&self, key: &Key) -> Option<&Item> {
        self.items.get(key).map(|(_, item)| item)
    }

    /// Keeps an item under a number that none has; the one it replaces.
    pub(super) fn put(&mut self, item: Item, number: u64) -> Option<Item> {
        self.changed.insert(number, item.key.clone());
        let (old, before) = self.items.insert(item.key.clone(), (number, item))?;
        self.changed.remove(&old);
        Some(before)
    }

    /// Forgets the one that changed longest ago.
    pub(super) fn drop_oldest(&mut self) {
        if let Some((_, key)) = self.changed.pop_first() {
            self.items.remove(&key);
        }
    }

    /// Forgets what does not fit.
    pub(super) fn retain(&mut self, fits: impl Fn(&Item) -> bool) {
        let changed = &mut self.changed;
        self.items.retain(|_, (number, item)| {
            let stays = fits(item);
            if !stays {
                changed.remove(number);
            }
            stays
        });
    }

    /// Those that changed after this number, in the order in which they did.
    pub(super) fn after(&self, number: u64) -> impl DoubleEndedIterator<Item = (u64, &Item)> {
        let keyed = self.changed.range(number.saturating_add(1)..);
        keyed.filter_map(|(number, key)| Some((*number, self.item(key)?)))
    }

    /// Whether one changed after the first number, up to the second.
    pub(super) fn any_between(&self, after: u64, upto: u64) -> bool {
        after < upto && self.changed.range(after + 1..=upto).next().is_some()
    }

    /// The numbers of the items from one key to another.
    pub(super) fn numbers(&self, from: Key, to: Key) -> impl Iterator<Item = u64> {
        self.items.range(from..=to).map(|(_, (number, _))| *number)
    }
}
