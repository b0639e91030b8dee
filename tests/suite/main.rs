//! The suite.

mod world;
