//! The suite: what Rangelight promises, over real sockets, and the shape of its sources.

mod shape;
