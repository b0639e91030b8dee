//! Rangelight's decisions.
//!
//! The promise of this crate: it has no socket, file, clock, randomness or async. All it needs comes in as arguments,
//! all it decides goes out as values, and its manifest holds nothing that can wait or wake. Every rule about Ethereum
//! lives here; the `rangelight` crate does what this one decides.
//!
//! The floors, from the ground up. A module imports only from floors below its own, from modules further left on its
//! own, or from its own folder (`tests/suite/shape.rs` fails on an upward import):
//!
//! | floor | modules |
//! |---|---|
//! | chain | [`chain`], [`ssz`] |
//! | knowledge | [`attestation`], [`family`], [`node`], [`network`], [`catalogue`], [`events`], [`signed`], [`health`], [`view`] |
//! | decisions | [`slashing`], [`interchange`], [`quorum`], [`race`], [`capability`], [`merit`], [`publish`], [`withheld`], [`standing`], [`fleet`], [`block`], [`books`], [`duty`], [`sentinel`] |

pub mod chain;
pub mod ssz;

pub mod attestation;
pub mod catalogue;
pub mod events;
pub mod family;
pub mod health;
pub mod network;
pub mod node;
pub mod signed;
pub mod view;

pub mod block;
pub mod books;
pub mod capability;
pub mod duty;
pub mod fleet;
pub mod interchange;
pub mod merit;
pub mod publish;
pub mod quorum;
pub mod race;
pub mod sentinel;
pub mod slashing;
pub mod standing;
pub mod withheld;
