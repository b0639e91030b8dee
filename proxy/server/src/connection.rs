//! One connection, as its socket and its requests both see it.
//!
//! hyper reads and writes the socket, the service answers requests, and neither tells the other enough. Idle time, the
//! time that a head may take, and whether bytes being written are a reply of ours or hyper's own refusal all depend on
//! one fact: is a request being answered? [`Activity`] is this fact, shared by the socket (`listen/wire.rs`) and by the
//! bodies in both directions.

mod seats;

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use crate::reply::{BoxError, ReplyBody};
pub use seats::{Full, Seat, Seats};

/// Who is at the other end of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Remote {
    /// An address of the network. The port is left out: a caller that connects anew is no new caller.
    Network(IpAddr),
    /// Some process of this machine, through a unix socket. File permissions decide who can be there.
    Unix,
}

/// One connection.
#[derive(Debug)]
pub struct Connection {
    /// Who is at the other end.
    pub remote: Remote,
    /// What happens on it.
    pub activity: Arc<Activity>,
}

/// What happens on a connection now.
#[derive(Debug, Default)]
pub struct Activity {
    /// Requests whose reply is not yet given whole to hyper.
    in_flight: AtomicUsize,
    /// A request came, and its reply may not yet be written whole to the socket.
    busy: AtomicBool,
    /// Part of a request was left unread, so closing at once would reset the connection.
    unread: AtomicBool,
}

/// A request being answered, from its head to the end of its reply.
#[derive(Debug)]
pub struct InFlight(Arc<Activity>);

/// What serves the requests of a listener's connections.
pub trait Front: Send + Sync + 'static {
    /// Answers one request. `in_flight` goes with the reply's body, so that it ends with the last byte.
    fn serve(self: Arc<Self>, request: Request<Incoming>, connection: Arc<Connection>, in_flight: InFlight) -> Serving;
}

/// A request being served.
pub type Serving = Pin<Box<dyn Future<Output = Response<SentBody>> + Send>>;

/// A reply's body, with what must last until its end.
#[derive(Debug)]
pub struct SentBody {
    body: ReplyBody,
    /// The caller's seat; taken again at the end of the body, not at the end of the head.
    _seat: Option<Seat>,
    _in_flight: InFlight,
}

// === impl Activity ===

impl Activity {
    /// A request came.
    #[must_use]
    pub fn begin(self: &Arc<Self>) -> InFlight {
        self.in_flight.fetch_add(1, Ordering::AcqRel);
        self.busy.store(true, Ordering::Release);
        InFlight(Arc::clone(self))
    }

    /// Is a request being answered, or its reply being written?
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.busy.load(Ordering::Acquire)
    }

    /// All that was to be written is written. True if the connection became quiet by this.
    pub fn flushed(&self) -> bool {
        self.in_flight.load(Ordering::Acquire) == 0 && self.busy.swap(false, Ordering::AcqRel)
    }

    /// Part of a request stays unread.
    pub fn leave_unread(&self) {
        self.unread.store(true, Ordering::Release);
    }

    /// Was part of a request left unread?
    #[must_use]
    pub fn has_unread(&self) -> bool {
        self.unread.load(Ordering::Acquire)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::AcqRel);
    }
}

// === impl SentBody ===

impl SentBody {
    /// A body that keeps the caller's seat and the connection busy until it ends or is given up.
    #[must_use]
    pub fn new(body: ReplyBody, seat: Option<Seat>, in_flight: InFlight) -> Self {
        Self { body, _seat: seat, _in_flight: in_flight }
    }
}

impl Body for SentBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
