//! The seam behind which the guard's records are durable.
//!
//! The guard decides from memory; a store only has to give everything back after whatever ended us. So the seam is
//! narrow: load all, commit some. A commit is durable when it returns, and all of it is there or nothing, in whatever
//! moment the power goes. A database that several Rangelights share can stand behind it later; it would answer a commit
//! with what others have written.
//!
//! A store is used by one thread, and may block it.

use rangelight_policy::chain::Root;
use rangelight_policy::interchange::Pubkey;
use rangelight_policy::slashing::{Record, Validator};

/// What one commit changes. Insertions come first: what is not yet written and already let go of is not kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Records to be kept.
    pub insert: Vec<Record>,
    /// Records that are no longer needed.
    pub remove: Vec<Record>,
    /// The network that all records are of.
    pub network: Option<Root>,
    /// Public keys that were learnt.
    pub pubkeys: Vec<(Validator, Pubkey)>,
}

/// What a store holds beside its records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// The network that all records are of, once there was one.
    pub network: Option<Root>,
    /// Public keys, by validator.
    pub pubkeys: Vec<(Validator, Pubkey)>,
}

/// Why a commit is not durable, or a store cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The disk has no room.
    #[error("the disk is full ({0})")]
    Full(String),
    /// Another program has it.
    #[error("another program has it")]
    Locked,
    /// It is there and cannot be understood, or its disk fails.
    #[error("{0}")]
    Broken(String),
}

/// Where records survive.
pub trait Store: Send {
    /// Gives every record to `take`, those of one validator together and in a stable order.
    ///
    /// # Errors
    ///
    /// If any of it cannot be read: half a history is worse than none.
    fn load(&mut self, take: &mut dyn FnMut(Record)) -> Result<Kept, Fault>;

    /// Makes the changes durable.
    ///
    /// # Errors
    ///
    /// If they are not known to be durable. The same changes may be committed again.
    fn commit(&mut self, changes: &Changes) -> Result<(), Fault>;

    /// Makes room on a full disk; false if there is none to be made.
    fn make_room(&mut self) -> bool {
        false
    }

    /// Takes room for bad times, if it can be had. Asked for once.
    fn reserve(&mut self) {}
}

impl Changes {
    /// Whether nothing changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.remove.is_empty() && self.insert.is_empty() && self.network.is_none() && self.pubkeys.is_empty()
    }

    /// These changes and then those.
    ///
    /// A record that was let go of is below a mark and never comes again, so a removal is right wherever it stands behind
    /// its insertion.
    pub fn then(&mut self, later: Self) {
        self.remove.extend(later.remove);
        self.insert.extend(later.insert);
        self.network = later.network.or(self.network);
        self.pubkeys.extend(later.pubkeys);
    }
}
