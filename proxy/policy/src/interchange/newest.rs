//! The newest messages that a file names of one validator, and what stands for the older ones.

use std::collections::BTreeSet;

use crate::chain::{Epoch, Root, Slot};
use crate::slashing::{Deed, MOST_KEPT, Named};

/// Blocks: slot and signing root.
#[derive(Clone, Debug, Default)]
pub(super) struct Blocks {
    newest: BTreeSet<(Slot, Option<Root>)>,
    /// The least slot named.
    least: Option<Slot>,
    /// The greatest slot that is no longer among the newest.
    gone: Option<Slot>,
}

/// Votes: target, source and signing root, in this order because the newest are those with the greatest targets.
#[derive(Clone, Debug, Default)]
pub(super) struct Votes {
    newest: BTreeSet<(Epoch, Epoch, Option<Root>)>,
    least: Option<Span>,
    gone: Option<Span>,
    /// Whether one has a source after its target.
    backwards: bool,
}

/// A source and a target that need not be one vote's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    source: Epoch,
    target: Epoch,
}

impl Blocks {
    pub(super) fn put(&mut self, slot: Slot, root: Option<Root>) {
        self.least = Some(self.least.map_or(slot, |least| least.min(slot)));
        self.newest.insert((slot, root));
        if self.newest.len() > MOST_KEPT {
            self.gone = self.gone.max(self.newest.pop_first().map(|(slot, _)| slot));
        }
    }

    /// Takes in what another entry of the file says of the same validator.
    pub(super) fn merge(&mut self, other: &Self) {
        other.newest.iter().for_each(|(slot, root)| self.put(*slot, *root));
        self.least = self.least.into_iter().chain(other.least).min();
        self.gone = self.gone.max(other.gone);
    }

    pub(super) fn greatest(&self) -> Option<Slot> {
        self.newest.last().map(|(slot, _)| *slot)
    }

    /// Whether two blocks of one slot are among them. Without roots to tell, two are two.
    pub(super) fn slashable(&self) -> bool {
        let next = self.newest.iter().skip(1);
        self.newest.iter().zip(next).any(|(one, two)| one.0 == two.0)
    }

    pub(super) fn tell(&self, minimised: bool, put: &mut impl FnMut(Deed, Named)) {
        let mark = if minimised { self.greatest() } else { self.gone.max(self.least) };
        if let Some(slot) = mark {
            put(Deed::Block { slot }, Named::Watermark);
        }
        if !minimised {
            self.newest.iter().for_each(|(slot, root)| put(Deed::Block { slot: *slot }, named(*root)));
        }
    }
}

impl Votes {
    pub(super) fn put(&mut self, source: Epoch, target: Epoch, root: Option<Root>) {
        let span = Span { source, target };
        self.backwards |= source > target;
        self.least = Some(self.least.map_or(span, |least| least.min(span)));
        self.newest.insert((target, source, root));
        if self.newest.len() > MOST_KEPT
            && let Some((target, source, _)) = self.newest.pop_first()
        {
            self.gone = Some(self.gone.map_or(Span { source, target }, |gone| gone.max(Span { source, target })));
        }
    }

    /// Takes in what another entry of the file says of the same validator.
    pub(super) fn merge(&mut self, other: &Self) {
        other.newest.iter().for_each(|(target, source, root)| self.put(*source, *target, *root));
        self.least = self.least.into_iter().chain(other.least).reduce(Span::min);
        self.gone = self.gone.into_iter().chain(other.gone).reduce(Span::max);
        self.backwards |= other.backwards;
    }

    /// The greatest epoch named.
    pub(super) fn greatest(&self) -> Option<Epoch> {
        self.span().map(|span| span.source.max(span.target))
    }

    /// The greatest source and the greatest target.
    fn span(&self) -> Option<Span> {
        let newest = self.newest.iter().map(|(target, source, _)| Span { source: *source, target: *target });
        newest.chain(self.gone).reduce(Span::max)
    }

    /// Whether two of them double or surround each other, or one runs backwards. Of those that are gone only what they
    /// mean for the newest is seen, which is all that still matters.
    pub(super) fn slashable(&self) -> bool {
        let next = self.newest.iter().skip(1);
        let double = self.newest.iter().zip(next).any(|(one, two)| one.0 == two.0);
        let mut greatest = self.gone.map(|gone| gone.source);
        let surrounds = self.newest.iter().any(|(_, source, _)| {
            let before = greatest.replace((*source).max(greatest.unwrap_or(*source)));
            before.is_some_and(|before| *source < before)
        });
        self.backwards || double || surrounds
    }

    pub(super) fn tell(&self, minimised: bool, put: &mut impl FnMut(Deed, Named)) {
        let mark = if minimised { self.span() } else { self.gone.into_iter().chain(self.least).reduce(Span::max) };
        if let Some(Span { source, target }) = mark {
            put(Deed::Vote { source, target }, Named::Watermark);
        }
        if !minimised {
            let each = self.newest.iter();
            each.for_each(|(target, source, root)| {
                put(Deed::Vote { source: *source, target: *target }, named(*root));
            });
        }
    }
}

impl Span {
    fn min(self, other: Self) -> Self {
        Self { source: self.source.min(other.source), target: self.target.min(other.target) }
    }

    fn max(self, other: Self) -> Self {
        Self { source: self.source.max(other.source), target: self.target.max(other.target) }
    }
}

fn named(root: Option<Root>) -> Named {
    root.map_or(Named::Unknown, Named::Root)
}
