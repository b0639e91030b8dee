//! What the teller says of standing submissions.
//!
//! A node that does not take them may pay a stranger, so that is a warning, once. That it was told again is worth a line
//! only to who looks for it: a cut event stream has the same effect as a restart, and both are daily life.

use tracing::{debug, info, warn};

use super::{NODES, STATE};

/// A node has what it may have forgotten.
pub fn standing_told(node: &str, operation: &str, items: usize, recovered: bool) {
    match recovered {
        true => info!(target: NODES, node, operation, items, "the node takes standing submissions again"),
        false => debug!(target: NODES, node, operation, items, "the node was told standing submissions again"),
    }
}

/// A node does not take what it may have forgotten; said once until it does.
pub fn standing_not_told(node: &str, operation: &str, reason: &str) {
    warn!(target: NODES, node, operation, "the node does not take standing submissions, it is tried again: {reason}");
}

/// Standing submissions were read from the state directory.
pub fn standing_restored(items: usize) {
    info!(target: STATE, items, "standing submissions of before the restart are known again");
}
