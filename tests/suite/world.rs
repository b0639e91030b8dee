//! Scenarios over the simulated world: a validator client that knows only Rangelight, nodes that misbehave, and a score
//! that is read from the chain.
//!
//! Each asks the same question: did the validator client get what one good node alone would have given it? Worlds of one
//! test run in turn, tests run in parallel; slots are short, so a scenario lasts seconds. What must not be scaled with
//! the slot, because the proxy's own times are not, is said in [`stage`].

mod alone;
mod attestation;
mod blocks;
mod calm;
mod clocks;
mod committees;
mod drawn;
mod faults;
mod liar;
mod stage;
mod standing;
mod strangers;
mod stream;
mod upgrade;
