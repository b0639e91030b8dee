//! How many requests each caller has in flight.
//!
//! A caller takes a seat for each request and leaves it with the last byte of the reply. Two bounds: the seats of one
//! caller, and the number of callers that sit at all, because a caller's name contains what he says of himself and
//! could be invented anew for each request. A caller without a request is forgotten, so nothing here grows with time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;

/// The seats of all callers.
#[derive(Debug)]
pub struct Seats {
    taken: DashMap<Arc<str>, usize>,
    /// Callers that sit. Counted apart: the length of a sharded map cannot be asked for while one shard is held.
    callers: AtomicUsize,
    per_caller: usize,
    most_callers: usize,
}

/// One request in flight.
#[derive(Debug)]
pub struct Seat {
    seats: Arc<Seats>,
    caller: Arc<str>,
}

/// Why there is no seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// The caller has all his seats.
    Caller,
    /// Too many callers sit already.
    House,
}

impl Seats {
    /// Seats for `most_callers` callers with `per_caller` requests each.
    #[must_use]
    pub fn new(per_caller: usize, most_callers: usize) -> Self {
        Self { taken: DashMap::new(), callers: AtomicUsize::new(0), per_caller, most_callers }
    }

    /// Callers that sit now.
    #[must_use]
    pub fn callers(&self) -> usize {
        self.callers.load(Ordering::Acquire)
    }

    /// A seat for the caller of this name.
    ///
    /// # Errors
    ///
    /// Which of the two bounds was met.
    pub fn take(self: &Arc<Self>, caller: &Arc<str>) -> Result<Seat, Full> {
        match self.taken.entry(Arc::clone(caller)) {
            Entry::Occupied(taken) if *taken.get() >= self.per_caller => return Err(Full::Caller),
            Entry::Occupied(mut taken) => *taken.get_mut() += 1,
            Entry::Vacant(free) => {
                if self.callers.fetch_add(1, Ordering::AcqRel) >= self.most_callers {
                    self.callers.fetch_sub(1, Ordering::AcqRel);
                    return Err(Full::House);
                }
                free.insert(1);
            }
        }
        Ok(Seat { seats: Arc::clone(self), caller: Arc::clone(caller) })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if let Entry::Occupied(mut taken) = self.seats.taken.entry(Arc::clone(&self.caller)) {
            *taken.get_mut() -= 1;
            if *taken.get() == 0 {
                taken.remove();
                self.seats.callers.fetch_sub(1, Ordering::AcqRel);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_bounds_and_no_trace_left() {
        let seats = Arc::new(Seats::new(2, 2));
        let [a, b, c]: [Arc<str>; 3] = ["a", "b", "c"].map(Arc::from);
        let first = seats.take(&a).expect("the first of two");
        let second = seats.take(&a).expect("the second of two");
        assert_eq!(seats.take(&a).expect_err("no third"), Full::Caller);
        let other = seats.take(&b).expect("another caller is not touched");
        assert_eq!(seats.take(&c).expect_err("two callers sit"), Full::House);
        drop(first);
        let again = seats.take(&a).expect("a seat was left");
        drop((second, again));
        let late = seats.take(&c).expect("a caller left");
        drop((late, other));
        assert!(seats.taken.is_empty());
        assert_eq!(seats.callers(), 0);
    }
}
