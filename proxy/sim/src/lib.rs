//! A small deterministic beacon world: one chain, any number of nodes with faults, and a validator client that scores
//! its own duties from what the chain contains.
//!
//! It stands alone. It shares no code with the proxy it is used to judge, so that an encoder, a parser or a rule that
//! is wrong in the proxy is not wrong here in the same way. It is used by `rangelight demo`, by tests and by benches,
//! and never by `rangelight run`.
//!
//! From the ground up:
//!
//! | floor | modules | what |
//! |---|---|---|
//! | numbers | [`digest`], [`clock`], [`preset`], [`fork`] | roots, time, sizes, schedules |
//! | the chain | [`assignment`], [`chain`], [`ledger`], [`ground`] | who has which duty, which blocks exist, what landed |
//! | bytes | [`block`], [`vote`] | blocks and votes as JSON and SSZ |
//! | nodes | [`manner`], [`fault`], [`script`], [`node`] | how a family answers, what can go wrong, the servers |
//! | the judge | [`vc`], [`score`] | the validator client, and its score read from the chain |
//! | the whole | [`world`] | starts everything and stops it |
//!
//! A world is used so: [`World::start`] with nodes and perhaps a [`Script`]; a proxy, or nothing, in front of
//! [`node::Node::url`]; [`World::start_vc`] against that; [`World::vc_ready`] for the first slot that counts;
//! [`World::fault`] and [`World::heal`] as one likes; [`World::wait_slot`]; then [`World::report_of`] some slots. An
//! oracle about the proxy reads [`node::Node::received`], which holds what a node really got.
//!
//! Everything that is random is drawn from the seed; only time is real.

pub mod assignment;
pub mod block;
pub mod chain;
pub mod clock;
pub mod digest;
pub mod fault;
pub mod fork;
pub mod ground;
pub mod ledger;
pub mod manner;
pub mod node;
pub mod preset;
pub mod score;
pub mod script;
pub mod vc;
pub mod vote;
pub mod world;

pub use fault::Fault;
pub use manner::{Consensus, Execution};
pub use node::NodeSpec;
pub use preset::Preset;
pub use score::Report;
pub use script::Script;
pub use vc::Profile;
pub use world::{World, WorldConfig};

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks, also after a panic elsewhere: what is guarded here is replaced or appended to, never left half written.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
