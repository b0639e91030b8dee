//! Votes that go out: what they were signed with stays as it is for who signed them.
//!
//! A publication of an own VC freezes the kept attestation data with the same root, for this caller alone: when the VC
//! asks once more, to aggregate, it must get the data that its votes are for, whatever became of the head. A peer's
//! publication freezes nothing. How it goes out is in [`duty::publish`](crate::duty::publish).
//!
//! Aggregates freeze by their data as votes do; those in SSZ are not read, since votes have gone out before them.

use crate::attestation::{AttestationData, published};
use crate::chain::{Root, Slot};
use crate::duty::{Brief, Freeze};
use crate::merit::is_media;
use crate::race::plan::CallerKind;

use super::valid::Index;
use super::{SSZ, key};

/// What a publication was signed with.
#[derive(Clone, Debug, Default)]
pub struct Signed {
    /// What it freezes.
    pub frozen: Vec<Freeze>,
    /// The head that it votes for, and in which slot; of several the last.
    pub head: Option<(Slot, Root)>,
}

/// What a publication of votes or aggregates was signed with.
#[must_use]
pub fn signed(brief: &Brief<'_>) -> Signed {
    let (Some(clock), CallerKind::Own) = (brief.clock, brief.kind) else { return Signed::default() };
    let all = published(brief.body, is_media(brief.headers.content_type, SSZ));
    let freeze = |data: &AttestationData| {
        let index = Index::at(brief.network, clock.epoch(data.slot));
        Freeze { keys: key(data.slot, index, data.index, brief.caller), name: data.tree_root() }
    };
    Signed {
        frozen: all.iter().map(freeze).collect(),
        head: all.iter().max_by_key(|data| data.slot).map(|data| (data.slot, data.head)),
    }
}
