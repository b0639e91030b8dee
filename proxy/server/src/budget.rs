//! The memory for bodies that are held whole.
//!
//! Most bodies stream. What must be read whole (publications, produced blocks, memo) is collected once, into memory
//! that is counted, and shared from there: the bytes carry their part of the budget with them and give it back with
//! their last clone. What is counted is what is reserved, not what has arrived, and it is reserved only as bytes come,
//! so announcing 64 MiB and sending nothing costs nobody anything.
//!
//! At the bound a body is refused (503). A part is kept for the staker's own blocks, because peers and large ordinary
//! requests must not be able to make the home's proposal fail.

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body::Body;
use http_body_util::BodyExt;

use crate::body::BodyFault;
use crate::limits::{BODY_BUDGET, BUDGET_FOR_OWN_BLOCKS, KIB};
use crate::reply::BoxError;

/// The memory for all bodies that are held whole.
#[derive(Debug)]
pub struct Budget {
    total: usize,
    kept_for_own_blocks: usize,
    used: Mutex<Used>,
}

/// What a body is collected for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Anything that is not an own block.
    Other,
    /// A block that the staker's VC proposes, or one produced for it.
    OwnBlock,
}

/// A part of the budget; given back when dropped.
#[derive(Debug)]
pub struct Room {
    budget: Arc<Budget>,
    purpose: Purpose,
    bytes: usize,
}

#[derive(Debug, Default)]
struct Used {
    all: usize,
    other: usize,
}

/// Collected bytes with the room that they fill.
struct Owned {
    bytes: Vec<u8>,
    _room: Room,
}

// === impl Budget, Room ===

impl Default for Budget {
    fn default() -> Self {
        Self::new(BODY_BUDGET, BUDGET_FOR_OWN_BLOCKS)
    }
}

impl Budget {
    /// A budget of `total` bytes, `kept_for_own_blocks` of them for own blocks alone.
    #[must_use]
    pub fn new(total: usize, kept_for_own_blocks: usize) -> Self {
        Self { total, kept_for_own_blocks, used: Mutex::default() }
    }

    /// Room for this purpose, empty at first.
    #[must_use]
    pub fn room(self: &Arc<Self>, purpose: Purpose) -> Room {
        Room { budget: Arc::clone(self), purpose, bytes: 0 }
    }

    /// Bytes in use now.
    #[must_use]
    pub fn used(&self) -> usize {
        self.lock().all
    }

    /// The two sums stay true even if a thread died between them, since each is one addition.
    fn lock(&self) -> MutexGuard<'_, Used> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Room {
    /// Makes the room larger; false, and nothing changed, if the budget does not allow it.
    #[must_use]
    pub fn grow(&mut self, by: usize) -> bool {
        let mut used = self.budget.lock();
        let all = used.all.saturating_add(by);
        let other = used.other.saturating_add(by);
        if all > self.budget.total {
            return false;
        }
        if self.purpose == Purpose::Other {
            if other > self.budget.total.saturating_sub(self.budget.kept_for_own_blocks) {
                return false;
            }
            used.other = other;
        }
        used.all = all;
        self.bytes += by;
        true
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let mut used = self.budget.lock();
        used.all -= self.bytes;
        if self.purpose == Purpose::Other {
            used.other -= self.bytes;
        }
    }
}

impl AsRef<[u8]> for Owned {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

// === collecting ===

/// Reads a body to its end, at most `limit` bytes in at most `patience`.
///
/// # Errors
///
/// The body's own fault, or that it is too large, too slow, or that there is no room for it.
pub async fn collect<B>(
    body: B,
    limit: usize,
    budget: &Arc<Budget>,
    purpose: Purpose,
    patience: Duration,
) -> Result<Bytes, BodyFault>
where
    B: Body<Data = Bytes, Error: Into<BoxError>>,
{
    match tokio::time::timeout(patience, read(body, limit, budget.room(purpose))).await {
        Ok(read) => read,
        Err(_) => Err(BodyFault::Slow),
    }
}

async fn read<B>(body: B, limit: usize, mut room: Room) -> Result<Bytes, BodyFault>
where
    B: Body<Data = Bytes, Error: Into<BoxError>>,
{
    let mut body = pin!(body);
    let announced = body.size_hint().upper().map_or(limit, |upper| usize::try_from(upper).unwrap_or(limit));
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| match error.into().downcast::<BodyFault>() {
            Ok(fault) => *fault,
            Err(error) => BodyFault::Broken(error),
        })?;
        let Ok(piece) = frame.into_data() else { continue };
        let needed = bytes.len() + piece.len();
        if needed > limit {
            return Err(BodyFault::TooLarge { limit });
        }
        if needed > bytes.capacity() {
            let capacity = wanted(bytes.capacity(), needed, announced.min(limit));
            if !room.grow(capacity - bytes.capacity()) {
                return Err(BodyFault::NoRoom);
            }
            bytes.reserve_exact(capacity - bytes.len());
        }
        bytes.extend_from_slice(&piece);
    }
    if bytes.is_empty() {
        return Ok(Bytes::new());
    }
    Ok(Bytes::from_owner(Owned { bytes, _room: room }))
}

/// The next capacity: twice the last, so that copying stays linear, but no more than can still come.
fn wanted(capacity: usize, needed: usize, most: usize) -> usize {
    (capacity * 2).max(8 * KIB).min(most).max(needed)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use http_body::Frame;
    use http_body_util::{Full, StreamBody};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(5);

    fn pieces(sizes: &[usize]) -> impl Body<Data = Bytes, Error = Infallible> {
        let frames: Vec<_> = sizes.iter().map(|size| Ok(Frame::data(Bytes::from(vec![1; *size])))).collect();
        StreamBody::new(futures_util::stream::iter(frames))
    }

    #[test]
    fn own_blocks_have_a_part_of_their_own() {
        let budget = Arc::new(Budget::new(100, 40));
        let mut other = budget.room(Purpose::Other);
        assert!(other.grow(60));
        assert!(!other.grow(1), "the rest is for own blocks");
        let mut block = budget.room(Purpose::OwnBlock);
        assert!(block.grow(40));
        assert!(!block.grow(1), "all is used");
        assert!(!block.grow(usize::MAX), "no overflow");
        drop(other);
        assert!(block.grow(60), "own blocks may use all");
        assert!(!budget.room(Purpose::Other).grow(1));
        drop(block);
        assert_eq!(budget.used(), 0);
        assert!(budget.room(Purpose::Other).grow(60), "own blocks took nothing of the others' part for good");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_collected() {
        for (name, sizes, total, outcome) in [
            ("nothing", &[][..], 100_000, Ok(0)),
            ("one piece", &[5], 100_000, Ok(5)),
            ("many pieces", &[9_000, 9_000, 2_000], 100_000, Ok(20_000)),
            ("the limit", &[20_000], 100_000, Ok(20_000)),
            ("above the limit", &[20_000, 1], 100_000, Err("the body is larger than 20000 bytes")),
            ("no room at all", &[5], 4, Err("all memory for bodies is in use")),
            ("no room for the rest", &[9_000, 9_000], 12_000, Err("all memory for bodies is in use")),
        ] {
            let budget = Arc::new(Budget::new(total, 0));
            let read = collect(pieces(sizes), 20_000, &budget, Purpose::Other, PATIENCE).await;
            match (&read, outcome) {
                (Ok(bytes), Ok(wanted)) => assert_eq!(bytes.len(), wanted, "{name}"),
                (Err(fault), Err(wanted)) => assert_eq!(fault.to_string(), wanted, "{name}"),
                _ => assert_eq!(format!("{read:?}"), format!("{outcome:?}"), "{name}"),
            }
            let held = read.as_ref().map_or(0, Bytes::len);
            assert!(budget.used() >= held, "{name}");
            drop(read);
            assert_eq!(budget.used(), 0, "{name}");
        }
    }

    #[tokio::test]
    async fn the_last_clone_gives_the_room_back() {
        let budget = Arc::new(Budget::default());
        let bytes = collect(Full::new(Bytes::from_static(b"block")), 10, &budget, Purpose::OwnBlock, PATIENCE).await;
        let bytes = bytes.expect("fits");
        assert_eq!(budget.used(), 5, "an announced length is reserved exactly");
        let part = bytes.slice(1..3);
        drop(bytes);
        assert_eq!(budget.used(), 5);
        drop(part);
        assert_eq!(budget.used(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn patience_ends() {
        let budget = Arc::new(Budget::default());
        let endless = StreamBody::new(futures_util::stream::pending::<Result<Frame<Bytes>, Infallible>>());
        let began = tokio::time::Instant::now();
        let read = collect(endless, 10, &budget, Purpose::Other, PATIENCE).await;
        assert!(matches!(read, Err(BodyFault::Slow)));
        assert_eq!(began.elapsed(), PATIENCE);
    }
}
