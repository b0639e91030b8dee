//! The head's root for sync committee messages: the view's, and after the first message of the slot that one alone.
//!
//! A sync committee member signs the root that `blocks/head/root` gives. The view is that root: it is what the caller was
//! told as `head`, so no node has to be asked while an own ready node stands at it and it is of this slot. Otherwise the
//! request goes to nodes as any other read inside the view: in a slot without a block as yet, a node may know of one whose
//! event has not come (its stream was cut, or is not up so soon after the start).
//!
//! Some validator clients ask again when they aggregate. A root that has moved meanwhile would make every contribution
//! useless, so the answer is kept for each caller and slot, and frozen by the caller's own messages: those with another
//! root freeze nothing, nor do those of another caller. In the next slot the view is asked anew.
//!
//! Optimistic heads are never in question: an own node with one is not ready.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde::Deserialize;

use super::{Brief, Freeze, Judged, Made, Memo, Rule};
use crate::catalogue::Row;
use crate::chain::{Moment, Root, Slot};
use crate::merit::{Body, Observed};
use crate::node::{NodeId, Snapshot, Tier, Trust};

#[cfg(test)]
mod tests;

/// The most different roots that one publication freezes. Messages of one slot have one, seldom two.
const ROOTS: usize = 8;

/// The rule of one request for the head's root.
#[derive(Debug)]
pub(super) struct HeadRoot {
    row: &'static Row,
    view: Root,
    /// The root, where it needs no node.
    known: Option<Root>,
    key: String,
    until: Moment,
}

impl HeadRoot {
    /// The rule; `None` for other blocks than the head, and while there is no view or no clock.
    pub(super) fn of(brief: &Brief<'_>) -> Option<Self> {
        if brief.params?.value("block_id")? != "head" {
            return None;
        }
        let (view, clock) = (brief.snapshot.view.as_ref()?, brief.clock?);
        let slot = clock.slot(brief.now)?;
        Some(Self {
            row: brief.row,
            view: view.root,
            known: (view.slot >= slot && own_stands_at_view(brief.snapshot)).then_some(view.root),
            key: key(brief, slot),
            until: clock.start(Slot(slot.0.saturating_add(1))),
        })
    }
}

/// What a publication of sync committee messages freezes. A body that cannot be read freezes nothing; the nodes say what
/// is wrong with it.
pub(super) fn freezes(brief: &Brief<'_>) -> Vec<Freeze> {
    #[derive(Deserialize, PartialEq, Eq, PartialOrd, Ord)]
    struct Message {
        slot: Slot,
        beacon_block_root: Root,
    }

    let messages: BTreeSet<Message> = serde_json::from_slice(brief.body).unwrap_or_default();
    let freeze = |message: &Message| Freeze { keys: key(brief, message.slot), name: message.beacon_block_root };
    messages.iter().take(ROOTS).map(freeze).collect()
}

/// One answer for each caller and slot. The end keeps slot 1 apart from slot 10.
fn key(brief: &Brief<'_>, slot: Slot) -> String {
    format!("block_root/{}/{slot}/", brief.caller)
}

fn own_stands_at_view(snapshot: &Snapshot) -> bool {
    let Some(view) = &snapshot.view else { return false };
    let mut nodes = snapshot.nodes.iter();
    nodes.any(|node| {
        let own = node.profile.trust == Trust::Own && node.tier == Tier::Ready;
        own && view.members.contains(&node.profile.id)
    })
}

impl Rule for HeadRoot {
    fn memo(&self) -> Option<Memo> {
        Some(Memo { key: self.key.clone(), under: self.view, until: self.until })
    }

    /// As nodes write it. The head is not finalized, whatever block it is.
    fn at_once(&self) -> Option<Made> {
        let root = self.known?;
        let body = format!(r#"{{"execution_optimistic":false,"finalized":false,"data":{{"root":"{root}"}}}}"#);
        Some(Made { status: 200, body: body.into_bytes(), headers: Vec::new() })
    }

    fn judge(&self, _from: NodeId, observed: &Observed<'_>) -> Judged {
        Judged::by_row(self.row, observed)
    }

    /// A node that is ahead of the view is believed, and asked again the next time.
    fn keeps(&self, observed: &Observed<'_>) -> bool {
        self.name(observed) == Some(self.view)
    }

    fn name(&self, observed: &Observed<'_>) -> Option<Root> {
        #[derive(Deserialize)]
        struct Answer<'a> {
            #[serde(borrow)]
            data: Named<'a>,
        }
        #[derive(Deserialize)]
        struct Named<'a> {
            #[serde(borrow)]
            root: Cow<'a, str>,
        }

        let Body::Whole(bytes) = observed.body else { return None };
        serde_json::from_slice::<Answer<'_>>(bytes).ok()?.data.root.parse().ok()
    }
}
