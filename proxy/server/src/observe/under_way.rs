//! Publications on their way, by operation and node, so that a drain that runs out of time can name what it cuts.
//!
//! An exchange counts from its sending until it ends or is dropped. Bounded by the operations of the catalogue times the
//! configured nodes; a pair that is back at nothing is forgotten.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// Who is being told what.
#[derive(Clone, Debug, Default)]
pub struct UnderWay(Arc<Mutex<BTreeMap<Pair, usize>>>);

/// An operation and the node that it goes to.
type Pair = (&'static str, Arc<str>);

/// One exchange; over when dropped.
#[derive(Debug)]
pub struct Telling {
    pair: Pair,
    all: UnderWay,
}

/// What is still on its way, for a line of the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Left(Vec<(&'static str, Vec<Arc<str>>)>);

impl UnderWay {
    /// An exchange begins.
    #[must_use]
    pub fn begin(&self, operation: &'static str, node: &Arc<str>) -> Telling {
        let pair = (operation, Arc::clone(node));
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(pair.clone()).or_default() += 1;
        Telling { pair, all: self.clone() }
    }

    /// What is on its way now.
    #[must_use]
    pub fn left(&self) -> Left {
        let mut left: Vec<(&'static str, Vec<Arc<str>>)> = Vec::new();
        for (operation, node) in self.0.lock().unwrap_or_else(PoisonError::into_inner).keys() {
            match left.last_mut() {
                Some((last, nodes)) if last == operation => nodes.push(Arc::clone(node)),
                _ => left.push((*operation, vec![Arc::clone(node)])),
            }
        }
        Left(left)
    }
}

impl Drop for Telling {
    fn drop(&mut self) {
        let mut all = self.all.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = all.get_mut(&self.pair) {
            *count -= 1;
            if *count == 0 {
                all.remove(&self.pair);
            }
        }
    }
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (operation, nodes)) in self.0.iter().enumerate() {
            let before = if place == 0 { "" } else { "; " };
            write!(f, "{before}{operation} to {}", nodes.join(", "))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_named_until_its_last_exchange_ends() {
        let (all, attic, cellar) = (UnderWay::default(), Arc::from("attic"), Arc::from("cellar"));
        assert_eq!(all.left().to_string(), "");
        let first = all.begin("publish_block_v2", &attic);
        let second = all.begin("publish_block_v2", &attic);
        let third = all.begin("publish_block_v2", &cellar);
        let fourth = all.begin("publish_attestations_v2", &cellar);
        assert_eq!(all.left().to_string(), "publish_attestations_v2 to cellar; publish_block_v2 to attic, cellar");
        drop((first, third, fourth));
        assert_eq!(all.left().to_string(), "publish_block_v2 to attic");
        drop(second);
        assert_eq!(all.left(), Left::default());
    }
}
