//! What the guard promises: one act, durable before it is out, memory for an epoch, peers without a trace.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rangelight_policy::chain::{Clock, Epoch, Moment, Root, Slot};
use rangelight_policy::slashing::{Conflict, Decision, Deed, Named, Record, Validator, Window};

use super::store::{Changes, Fault, Kept, Store};
use super::writer::Progress;
use super::{Asked, Condition, Guard, HUNG, Scene, Undecided, Wait, wait};
use crate::observe::Meters;

mod cuts;
pub(crate) mod disk;
mod states;

const NETWORK: Root = Root([7; 32]);

/// A scene in this epoch of 12 s slots.
pub(crate) fn scene(epoch: u64) -> Scene {
    let clock = Clock { genesis: Moment(0), slot_ms: 12_000, slots_per_epoch: 32 };
    Scene { window: Window { now: Slot(epoch * 32 + 5), clock }, network: NETWORK }
}

/// A vote whose signature is this number.
pub(crate) fn vote(validator: u64, source: u64, target: u64, signature: u8) -> Asked {
    let deed = Deed::Vote { source: Epoch(source), target: Epoch(target) };
    let record = Record { validator: Validator(validator), deed, named: Named::Signature(Root([signature; 32])) };
    Asked { record, root: None, head: None }
}

fn guard(store: impl Store + 'static) -> Guard {
    Guard::over(Box::new(store), &Arc::new(Meters::new())).expect("the store can be read")
}

fn refused(decision: &Decision) -> bool {
    matches!(decision, Decision::Refused(_))
}

fn caller() -> Arc<str> {
    "10.0.0.1 one".into()
}
