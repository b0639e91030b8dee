//! The books: what one request teaches and a later one needs.
//!
//! One part per idea, each with its own bounds and its own module; this file only holds them together, so that a rule
//! takes one argument. The books live behind one lock of the server. A restart loses them but for what the state
//! directory keeps, so every rule must do its duty with empty books, only with less to compare.

use crate::block::Producers;
use crate::capability::Capabilities;
use crate::standing::Register;

/// What is remembered between requests.
#[derive(Debug, Default)]
pub struct Books {
    /// What nodes cannot do.
    pub capabilities: Capabilities,
    /// Standing submissions, and which node has them.
    pub standing: Register,
    /// Who made the blocks that were given away.
    pub blocks: Producers,
}
