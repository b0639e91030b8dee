//! Waiting for facts.
//!
//! A test that sleeps is slow on a fast machine and wrong on a slow one. Here a condition is looked at again and again
//! until it holds; only when it never does is time a part of the matter, and then the test fails and says for what it
//! waited.

use std::time::{Duration, Instant};

/// So long nothing takes, even on a machine that builds something else meanwhile.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(10);

/// What a look at the world brings: not yet, or a fact.
pub trait Look {
    /// What is known once it holds.
    type Fact;
    /// The fact, if it holds.
    fn fact(self) -> Option<Self::Fact>;
}

impl Look for bool {
    type Fact = ();
    fn fact(self) -> Option<()> {
        self.then_some(())
    }
}

impl<T> Look for Option<T> {
    type Fact = T;
    fn fact(self) -> Option<T> {
        self
    }
}

/// Waits until the condition holds, and gives the fact it found.
///
/// # Panics
///
/// If it does not hold within [`PATIENCE`].
pub async fn until<L: Look>(what: &str, mut condition: impl AsyncFnMut() -> L) -> L::Fact {
    let begun = Instant::now();
    loop {
        if let Some(fact) = condition().await.fact() {
            return fact;
        }
        assert!(begun.elapsed() < PATIENCE, "waited {PATIENCE:?} in vain: {what}");
        tokio::time::sleep(PAUSE).await;
    }
}
