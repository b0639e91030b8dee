//! What a node received, oldest first, bounded in entries and in bytes.
//!
//! Beyond [`ENTRIES`] entries or [`BYTES`] bytes of bodies the oldest entries go; the count goes on. A body above
//! [`WHOLE_BODY`] is kept as its hash only, which still tells whether two nodes got the same bytes.

use std::collections::VecDeque;

use bytes::Bytes;
use http::{HeaderMap, Method, Uri};

use crate::digest::{Root, hash};

/// Entries kept: a few thousand publications fit, which is what tests send.
const ENTRIES: usize = 16_384;
/// Bytes of bodies kept.
const BYTES: usize = 32 << 20;
/// The largest body kept whole; blocks without many transactions fit.
const WHOLE_BODY: usize = 256 << 10;

/// One request as a node received it.
#[derive(Clone, Debug)]
pub struct Received {
    /// Its number on this node, from 0.
    pub number: u64,
    /// Milliseconds since genesis, when the body was complete.
    pub at_ms: u64,
    /// The method.
    pub method: Method,
    /// Path and query as sent.
    pub uri: Uri,
    /// The headers as sent.
    pub headers: HeaderMap,
    /// The body; empty if it was too large to keep.
    pub body: Bytes,
    /// The body's length.
    pub length: usize,
    /// sha256 over the body and its length.
    pub hash: Root,
    /// The status it was answered with; `None` if no answer was begun.
    pub status: Option<u16>,
}

/// The log of one node.
#[derive(Debug, Default)]
pub(crate) struct Log {
    entries: VecDeque<Received>,
    bytes: usize,
    count: u64,
}

impl Log {
    /// Writes a request down and gives its number.
    pub(crate) fn write(&mut self, at_ms: u64, parts: &http::request::Parts, body: &Bytes) -> u64 {
        let number = self.count;
        self.count += 1;
        let kept = if body.len() <= WHOLE_BODY { body.clone() } else { Bytes::new() };
        self.bytes += kept.len();
        self.entries.push_back(Received {
            number,
            at_ms,
            method: parts.method.clone(),
            uri: parts.uri.clone(),
            headers: parts.headers.clone(),
            body: kept,
            length: body.len(),
            hash: hash(&[body]),
            status: None,
        });
        while self.entries.len() > ENTRIES || self.bytes > BYTES {
            let Some(old) = self.entries.pop_front() else { break };
            self.bytes -= old.body.len();
        }
        number
    }

    /// Notes what a request was answered with.
    pub(crate) fn answered(&mut self, number: u64, status: u16) {
        let first = self.entries.front().map_or(0, |entry| entry.number);
        let at = number.checked_sub(first).and_then(|at| usize::try_from(at).ok());
        if let Some(entry) = at.and_then(|at| self.entries.get_mut(at)) {
            entry.status = Some(status);
        }
    }

    pub(crate) fn all(&self) -> Vec<Received> {
        self.entries.iter().cloned().collect()
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_entries_go_first_and_the_count_goes_on() {
        let (parts, ()) = http::Request::post("/eth/v1/x").body(()).expect("a request").into_parts();
        let mut log = Log::default();
        for _ in 0..ENTRIES + 10 {
            log.write(0, &parts, &Bytes::new());
        }
        assert_eq!(log.all().len(), ENTRIES);
        assert_eq!(log.all()[0].number, 10);
        log.answered(3, 200);
        log.answered(10, 200);
        assert_eq!(log.all()[0].status, Some(200));
        assert_eq!(log.count(), ENTRIES as u64 + 10);
    }

    #[test]
    fn bodies_are_bounded_in_bytes() {
        let (parts, ()) = http::Request::post("/eth/v1/x").body(()).expect("a request").into_parts();
        let mut log = Log::default();
        let body = Bytes::from(vec![0; WHOLE_BODY]);
        (0..300).for_each(|_| _ = log.write(0, &parts, &body));
        assert!(log.bytes <= BYTES && log.all().len() == BYTES / WHOLE_BODY);
        log.write(0, &parts, &Bytes::from(vec![0; WHOLE_BODY + 1]));
        assert_eq!(log.all().last().map(|entry| (entry.body.len(), entry.length)), Some((0, WHOLE_BODY + 1)));
    }
}
