//! The suite: what Rangelight promises, over real sockets, and the shape of its sources.

#![allow(clippy::large_futures)] // A scenario is one future that lives once; the lint is about requests.
#![allow(clippy::panic, reason = "a finding is a panic: that is how a test fails")]

mod shape;
mod wire;
mod world;
