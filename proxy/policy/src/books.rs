//! The books: what one request teaches and a later one needs.
//!
//! One part per idea, each with its own bounds and its own module; this file only holds them together, so that a rule
//! takes one argument. The books live behind one lock of the server. A restart loses them but for what the state
//! directory keeps, so every rule must do its duty with empty books, only with less to compare.

pub mod duties;
pub mod readiness;

use crate::block::Producers;
use crate::capability::Capabilities;
use crate::quorum::Agreement;
use crate::standing::Register;
use duties::Duties;
use readiness::Readiness;

/// What is remembered between requests.
#[derive(Debug, Default)]
pub struct Books {
    /// What nodes cannot do.
    pub capabilities: Capabilities,
    /// Who proposes when, by which node's word, and whose key is whose.
    pub duties: Duties,
    /// When own nodes were last seen not ready.
    pub readiness: Readiness,
    /// Standing submissions, and which node has them.
    pub standing: Register,
    /// Who made the blocks that were given away.
    pub blocks: Producers,
    /// Source and target of the last epochs, as independent families agreed on them.
    pub agreement: Agreement,
}
