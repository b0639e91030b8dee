//! Text that must never be shown: tokens, passwords, header values that authorise us.
//!
//! The type has no `Display` and no serde; its `Debug` prints `***`, so that a struct which holds one can derive
//! `Debug` and still be logged. The only way to the text is [`Secret::expose`], a word one can search for.
//! What is not promised: the memory is not wiped, since hyper and the TLS library keep copies of every header anyway.

use std::fmt;
use std::sync::Arc;

/// What is printed in place of any secret.
pub const MASK: &str = "***";

/// A secret text; cheap to clone, compared by value (a reload must see that a token changed).
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<str>);

impl Secret {
    /// Wraps a text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one place that sends or compares it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}
