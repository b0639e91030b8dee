//! The kit: starts things on port 0, waits on facts, stops everything by itself.
//!
//! A test needs a place ([`Folder`]), something to stand before (a `rangelight_sim::World`, or any URL), a Rangelight
//! over it, and somebody who calls it. Rangelight runs in two ways:
//!
//! - [`Home`]: inside the test, through `Rangelight::start`. Cheap; the rule.
//! - [`Program`]: the real binary in a process of its own, for what belongs to a process: flags, exit codes, signals,
//!   `kill -9`.
//!
//! Both read the same [`Wiring`], which is written down as a `config.toml` and read by the real reader, so that no test
//! runs with a configuration that nobody could have typed.
//!
//! Callers have opinions: [`Caller`] and [`Events`] panic on an answer that no validator client should have to see, so
//! that every test looks for such answers without saying so.
//!
//! Time: nothing here sleeps to let something happen. [`until`] waits for a fact and gives up after [`PATIENCE`], which
//! also bounds every request. `RANGELIGHT_SEED` replays what was drawn from a seed ([`seeds`]).
#![allow(clippy::panic, reason = "a finding is a panic: that is how a test fails")]

pub mod call;
pub mod events;
pub mod folder;
pub mod home;
pub mod opinion;
pub mod pace;
pub mod program;
pub mod seed;
pub mod wait;
pub mod wiring;

pub use call::{Answer, Caller};
pub use events::{Event, Events, Frame, Tape};
pub use folder::Folder;
pub use home::Home;
pub use program::Program;
pub use seed::seeds;
pub use wait::{PATIENCE, until};
pub use wiring::Wiring;
