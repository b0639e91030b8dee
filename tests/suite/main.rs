//! The suite: what Rangelight promises, over real sockets, and the shape of its sources.
#![allow(clippy::panic, reason = "a finding is a panic: that is how a test fails")]

mod shape;
mod wire;
mod world;
