//! The block guard: may this block be given to the caller?
//!
//! The caller signs what it gets, mostly without another look, and what it signs pays whom the block says. A node that
//! restarted has forgotten whom; a friend's node may never have been told, or may lie. So before a block goes out, the
//! fields that must be as they were asked for are compared, and an offender is dropped, so that the next best is taken.
//!
//! The wanted recipient is one of the owner's pins, else the one that the request names, else the one that was last
//! prepared for the block's proposer.
//!
//! | | own node | friend's node |
//! |---|---|---|
//! | another slot, proposer or reveal | offence | offence |
//! | whole, pays another than wanted, or the zero address | offence | offence |
//! | whole, no wanted one is known | served with an alarm | offence |
//! | blinded, pays the wanted one or the validator is registered | served | offence |
//! | blinded, no registration was seen since the start | served with an alarm | offence |
//! | blinded, the validator client registered others and not this one | offence | offence |
//! | stands on a head that no own node knows | served, but another is preferred | a last resort, with an alarm |
//!
//! In a blinded block the recipient is mostly the builder, who pays the proposer in a transaction that nobody sees; that
//! it is asked for at all is what the registration says. A block whose payload the own node made and only withholds
//! (Lodestar's `blindedLocal`) pays the wanted one and needs none.
//!
//! A friend must not choose what our block stands on while an own node could. But an own node that hangs does not know
//! the newest head, and a block on a wrong one costs no more than none: so such a block is no offence, it only waits until
//! no better one can be expected (the worth of a block says so, and the race).
//!
//! After a first start, or with a lost state directory, nothing may be known of preparations. Refusing then would lose a
//! proposal that the validator client alone would have done, so an own node is believed, and the owner is told.

use std::fmt;

use super::{Address, Block};
use crate::chain::{Root, Slot};

/// What is known of a proposal before its block comes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted<'a> {
    /// The slot that was asked for.
    pub slot: Slot,
    /// Its proposer, if it is known.
    pub proposer: Option<u64>,
    /// The reveal that was sent; `None` = not compared (a DVT middleware puts the cluster's into the block).
    pub randao: Option<[u8; 96]>,
    /// Whom the block may pay, any of them; empty = nobody is known.
    pub recipients: &'a [Address],
    /// Whether the validator client registered this validator with builders; `None` = not known.
    pub registered: Option<bool>,
    /// The heads that a friend's block should stand on; empty = none is known, none is asked for.
    pub parents: &'a [Root],
}

/// What the guard says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ruling {
    /// The caller may have it; the owner must know the caution, if there is one.
    Pass(Option<Caution>),
    /// The caller must not have it.
    Offence(Offence),
}

/// Why a block that is served deserves a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caution {
    /// Nobody said whom it should pay; this is whom it pays.
    NoRecipientKnown(Address),
    /// It is blinded, and no registration was seen.
    NoRegistrationSeen,
    /// It is a friend's and stands on a head that no own node knows.
    UnknownParent(Root),
    /// It could not be read: it is of a fork that is not known here.
    NotRead,
}

/// Why a block is not served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Offence {
    /// It is of another slot.
    Slot {
        /// That was asked for.
        wanted: Slot,
        /// That came.
        got: Slot,
    },
    /// It is another proposer's.
    Proposer {
        /// Whose it should be.
        wanted: u64,
        /// Whose it is.
        got: u64,
    },
    /// It has another reveal than the one that was sent.
    Randao,
    /// It pays somebody else.
    FeeRecipient {
        /// Whom it should pay, any of them; empty = nobody is known, which does for own nodes only.
        wanted: Vec<Address>,
        /// Whom it pays.
        got: Address,
    },
    /// It is blinded and a friend's: nobody could say whom it pays.
    FriendsBlinded,
    /// It is blinded, and its validator was not registered.
    NotRegistered,
}

/// Judges a block of an own node, or of a friend's.
#[must_use]
pub fn guard(block: &Block, wanted: &Wanted<'_>, own: bool) -> Ruling {
    let key = &block.key;
    if key.slot != wanted.slot {
        return Ruling::Offence(Offence::Slot { wanted: wanted.slot, got: key.slot });
    }
    if let Some(proposer) = wanted.proposer.filter(|proposer| *proposer != key.proposer) {
        return Ruling::Offence(Offence::Proposer { wanted: proposer, got: key.proposer });
    }
    if wanted.randao.is_some_and(|randao| randao != block.randao) {
        return Ruling::Offence(Offence::Randao);
    }
    let paid = match block.blinded {
        true => blinded(block, wanted, own),
        false => whole(block, wanted, own),
    };
    let known = own || wanted.parents.is_empty() || wanted.parents.contains(&key.parent);
    match paid {
        Ruling::Pass(None) if !known => Ruling::Pass(Some(Caution::UnknownParent(key.parent))),
        paid => paid,
    }
}

fn whole(block: &Block, wanted: &Wanted<'_>, own: bool) -> Ruling {
    let got = block.fee_recipient;
    let known = !wanted.recipients.is_empty();
    if got != Address::ZERO && wanted.recipients.contains(&got) {
        Ruling::Pass(None)
    } else if own && !known && got != Address::ZERO {
        Ruling::Pass(Some(Caution::NoRecipientKnown(got)))
    } else {
        Ruling::Offence(Offence::FeeRecipient { wanted: wanted.recipients.to_vec(), got })
    }
}

fn blinded(block: &Block, wanted: &Wanted<'_>, own: bool) -> Ruling {
    if !own {
        return Ruling::Offence(Offence::FriendsBlinded);
    }
    if block.fee_recipient != Address::ZERO && wanted.recipients.contains(&block.fee_recipient) {
        return Ruling::Pass(None);
    }
    match wanted.registered {
        Some(true) => Ruling::Pass(None),
        Some(false) => Ruling::Offence(Offence::NotRegistered),
        None => Ruling::Pass(Some(Caution::NoRegistrationSeen)),
    }
}

impl fmt::Display for Caution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRecipientKnown(got) => write!(
                f,
                "pays {got}, and nobody has said whom it should pay: set `block.fee_recipients`, or see that the validator \
                 client sends its preparations"
            ),
            Self::NoRegistrationSeen => f.write_str(
                "is blinded, and the validator client has sent no registration since Rangelight started: if it does not \
                 use builders, switch them off at this node",
            ),
            Self::UnknownParent(parent) => {
                write!(f, "is a friend's and stands on {parent}, which no own node knows: look why none of them answered")
            }
            Self::NotRead => f.write_str("is of a fork that this Rangelight cannot check: upgrade it"),
        }
    }
}

/// Follows "its block".
impl fmt::Display for Offence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Slot { wanted, got } => write!(f, "is of slot {got} instead of {wanted}"),
            Self::Proposer { wanted, got } => write!(f, "is of proposer {got} instead of {wanted}"),
            Self::Randao => f.write_str("has another randao reveal than the one that was sent"),
            Self::FeeRecipient { wanted, got } => {
                write!(f, "pays {got} instead of ")?;
                match wanted.split_first() {
                    None => f.write_str("somebody that the validator client has named (nobody is known)"),
                    Some((first, rest)) => {
                        write!(f, "{first}")?;
                        rest.iter().try_for_each(|other| write!(f, " or {other}"))
                    }
                }
            }
            Self::FriendsBlinded => f.write_str("is blinded, which a friend's must not be"),
            Self::NotRegistered => f.write_str("is blinded, and its validator is not registered with builders"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::{Key, Told};

    const WANTED: Address = Address([7; 20]);
    const SECOND: Address = Address([8; 20]);
    const THIEF: Address = Address([0xbd; 20]);
    const HEAD: Root = Root([1; 32]);

    fn paying(fee_recipient: Address) -> Block {
        Block {
            key: Key { slot: Slot(5), proposer: 3, parent: HEAD, state: Root([2; 32]) },
            randao: [9; 96],
            blinded: false,
            fee_recipient,
            block_hash: Root([4; 32]),
            gas_limit: 36_000_000,
            told: Told::default(),
        }
    }

    fn blinded(fee_recipient: Address) -> Block {
        Block { blinded: true, ..paying(fee_recipient) }
    }

    const KNOWN: Wanted<'_> = Wanted {
        slot: Slot(5),
        proposer: Some(3),
        randao: Some([9; 96]),
        recipients: &[WANTED],
        registered: None,
        parents: &[HEAD],
    };
    const NOBODY: Wanted<'_> = Wanted { recipients: &[], ..KNOWN };
    const BUILT: Wanted<'_> = Wanted { registered: Some(true), ..KNOWN };
    const NOT_BUILT: Wanted<'_> = Wanted { registered: Some(false), ..KNOWN };

    fn says(block: &Block, wanted: &Wanted<'_>, own: bool) -> &'static str {
        match guard(block, wanted, own) {
            Ruling::Pass(None) => "pass",
            Ruling::Pass(Some(Caution::NoRecipientKnown(_))) => "no recipient known",
            Ruling::Pass(Some(Caution::NoRegistrationSeen)) => "no registration seen",
            Ruling::Pass(Some(Caution::UnknownParent(_))) => "parent",
            Ruling::Pass(Some(Caution::NotRead)) => "not read",
            Ruling::Offence(Offence::Slot { .. }) => "slot",
            Ruling::Offence(Offence::Proposer { .. }) => "proposer",
            Ruling::Offence(Offence::Randao) => "randao",
            Ruling::Offence(Offence::FeeRecipient { .. }) => "fee recipient",
            Ruling::Offence(Offence::FriendsBlinded) => "a friend's, blinded",
            Ruling::Offence(Offence::NotRegistered) => "not registered",
        }
    }

    #[test]
    fn every_case_of_own_and_friends() {
        let of_slot = |slot| Block { key: Key { slot: Slot(slot), ..paying(WANTED).key }, ..paying(WANTED) };
        let of_proposer = Block { key: Key { proposer: 4, ..paying(WANTED).key }, ..paying(WANTED) };
        let revealed = Block { randao: [8; 96], ..paying(WANTED) };
        let elsewhere = Block { key: Key { parent: Root([6; 32]), ..paying(WANTED).key }, ..paying(WANTED) };
        let free = Wanted { proposer: None, randao: None, parents: &[], ..KNOWN };
        let two = Wanted { recipients: &[SECOND, WANTED], ..KNOWN };
        let zero = Wanted { recipients: &[Address::ZERO], ..KNOWN };
        for (name, block, wanted, own, friends) in [
            ("as asked", paying(WANTED), KNOWN, "pass", "pass"),
            ("the second pin", paying(WANTED), two, "pass", "pass"),
            ("a thief", paying(THIEF), KNOWN, "fee recipient", "fee recipient"),
            ("a thief, two pins", paying(THIEF), two, "fee recipient", "fee recipient"),
            ("the zero address", paying(Address::ZERO), KNOWN, "fee recipient", "fee recipient"),
            ("the zero address, wanted", paying(Address::ZERO), zero, "fee recipient", "fee recipient"),
            ("nobody known", paying(THIEF), NOBODY, "no recipient known", "fee recipient"),
            ("nobody known, the zero address", paying(Address::ZERO), NOBODY, "fee recipient", "fee recipient"),
            ("an earlier slot", of_slot(4), KNOWN, "slot", "slot"),
            ("a later slot", of_slot(6), KNOWN, "slot", "slot"),
            ("another proposer", of_proposer.clone(), KNOWN, "proposer", "proposer"),
            ("another proposer, not known", of_proposer, free, "pass", "pass"),
            ("another reveal", revealed.clone(), KNOWN, "randao", "randao"),
            ("another reveal, not compared", revealed, free, "pass", "pass"),
            ("an unknown parent", elsewhere.clone(), KNOWN, "pass", "parent"),
            ("an unknown parent, no head known", elsewhere, free, "pass", "pass"),
            ("blinded, registered", blinded(THIEF), BUILT, "pass", "a friend's, blinded"),
            ("blinded, not registered", blinded(THIEF), NOT_BUILT, "not registered", "a friend's, blinded"),
            ("blinded, not known", blinded(THIEF), KNOWN, "no registration seen", "a friend's, blinded"),
            ("blinded, paying whom it should", blinded(WANTED), NOT_BUILT, "pass", "a friend's, blinded"),
            ("blinded, nobody known", blinded(THIEF), NOBODY, "no registration seen", "a friend's, blinded"),
            ("blinded, another slot", Block { blinded: true, ..of_slot(4) }, BUILT, "slot", "slot"),
        ] {
            assert_eq!(says(&block, &wanted, true), own, "{name}, own");
            assert_eq!(says(&block, &wanted, false), friends, "{name}, a friend's");
        }
    }

    #[test]
    fn offences_name_what_was_wanted_and_what_came() {
        let two = Wanted { recipients: &[WANTED, SECOND], ..KNOWN };
        let Ruling::Offence(offence) = guard(&paying(THIEF), &two, true) else { unreachable!("it pays a thief") };
        let words = offence.to_string();
        for address in [WANTED, SECOND, THIEF] {
            assert!(words.contains(&address.to_string()), "{words}");
        }
    }
}
