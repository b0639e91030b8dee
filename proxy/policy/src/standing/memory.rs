//! What is remembered of one node: what it has of each kind, and the signs that it may have forgotten it.
//!
//! A node may have forgotten what it was told when it is new, when it was away, when it names another version, when its
//! event stream was cut (a restart that is quicker than a probe shows in nothing else), and when its head fell back
//! (somebody put its database back). Each of these puts its marks to zero, and it is told everything again as soon as it
//! answers, ready or not: what it knows when it becomes ready is what counts. A gap that was no restart costs one request
//! per kind, so it is not asked which it was; a stream that is cut again and again costs that twice a slot.

use super::Kind;
use crate::chain::{Moment, Slot};
use crate::node::{NodeId, Tier, Trust};

/// A head that fell back further is no reorganisation of the kind that happens.
const FELL_BACK: u64 = 8;

/// A node as it stands now.
#[derive(Clone, Copy, Debug)]
pub struct Sight<'a> {
    /// Which.
    pub node: NodeId,
    /// Whose it is.
    pub trust: Trust,
    /// How usable it is.
    pub tier: Tier,
    /// Whether the plan names it for standing submissions.
    pub wanted: bool,
    /// How often its event stream was connected.
    pub feeds: u64,
    /// Its version string, once told.
    pub version: Option<&'a str>,
    /// Its head's slot, once heard.
    pub head: Option<Slot>,
}

/// What is remembered of one node.
#[derive(Debug)]
pub(super) struct Memory {
    /// Counts the times at which it may have forgotten everything.
    pub(super) life: u64,
    pub(super) trust: Trust,
    tier: Tier,
    wanted: bool,
    feeds: u64,
    version: Option<Box<str>>,
    head: Option<Slot>,
    /// The kind of the request that is on its way.
    pub(super) busy: Option<Kind>,
    /// When the first request of this life was made.
    pub(super) began: Option<Moment>,
    /// Nothing is told before: the last life was told something just now.
    pub(super) pause: Moment,
    pub(super) marks: [Mark; Kind::ALL.len()],
}

/// What a node has of one kind.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mark {
    /// Everything up to this number.
    pub(super) has: u64,
    /// While it is told what it has already: how far.
    pub(super) again: Option<u64>,
    pub(super) failures: u32,
    /// Nothing is told before.
    pub(super) pause: Moment,
}

impl Memory {
    pub(super) fn new(sight: &Sight<'_>) -> Self {
        Self {
            life: 0,
            trust: sight.trust,
            tier: sight.tier,
            wanted: sight.wanted,
            feeds: sight.feeds,
            version: sight.version.map(Box::from),
            head: sight.head,
            busy: None,
            began: None,
            pause: Moment::default(),
            marks: Default::default(),
        }
    }

    pub(super) fn see(&mut self, sight: &Sight<'_>, slot_ms: u64, now: Moment) {
        if self.may_have_forgotten(sight) {
            self.life += 1;
            self.marks = Default::default();
            if let Some(began) = self.began.take() {
                self.pause = began.plus(slot_ms / 2);
            }
        }
        if sight.tier == Tier::Ready && self.tier != Tier::Ready {
            for mark in self.marks.iter_mut().filter(|mark| mark.failures > 0) {
                (mark.failures, mark.pause) = (0, now);
            }
        }
        (self.trust, self.tier) = (sight.trust, sight.tier);
        (self.wanted, self.feeds) = (sight.wanted, sight.feeds);
        self.head = sight.head.or(self.head);
        if let Some(version) = sight.version.filter(|version| self.version.as_deref() != Some(*version)) {
            self.version = Some(version.into());
        }
    }

    pub(super) fn may_be_told(&self) -> bool {
        self.wanted && self.tier < Tier::Away
    }

    fn may_have_forgotten(&self, sight: &Sight<'_>) -> bool {
        let was_away = self.tier >= Tier::Away && sight.tier < Tier::Away;
        // The first connection is a part of being new.
        let cut = self.feeds > 0 && sight.feeds != self.feeds;
        let renamed = self.version.as_deref().zip(sight.version).is_some_and(|(before, now)| before != now);
        let fell = self.head.zip(sight.head).is_some_and(|(before, now)| now.0.saturating_add(FELL_BACK) < before.0);
        was_away || cut || renamed || fell
    }
}
