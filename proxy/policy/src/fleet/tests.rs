//! The fleet against a small world: what one node does wrong must not reach the VC.
//!
//! [`world`] is a chain with nodes that can be made to fail in every way we know. [`scenarios`] scripts the stories of the
//! design, one test each; [`rules`] has its sentences as tables; [`simulation`] draws thousands of worlds and judges what
//! came out by an oracle that knows the world but nothing of the fleet's inside.

mod answers;
mod rules;
mod scenarios;
mod simulation;
mod stage;
mod world;
