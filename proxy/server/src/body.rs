//! A caller's request body, with its bounds.
//!
//! A body streams through to a node untouched; nothing here holds bytes. Two bounds travel with it:
//!
//! - **size**: a Content-Length above the operation's limit is refused before the first byte is read; a body of unknown
//!   length is counted while it comes.
//! - **pace**: the caller must bring so many bytes in so much *waiting* time. Only the time in which we wanted bytes and
//!   none were there counts, so a node that takes bytes slowly, or a race that is not reading yet, costs the caller
//!   nothing. A caller that sends one byte now and then is not saved by it.
//!
//! Trailers are dropped: they belong to the caller's connection, and no operation has any.

use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep};

use crate::connection::Activity;
use crate::limits::Limits;
use crate::reply::{BoxError, Refusal};

/// The body of a caller's request.
#[derive(Debug)]
pub struct CallerBody<B: Body = Incoming> {
    inner: B,
    limit: usize,
    read: usize,
    patience: Duration,
    floor: usize,
    /// Waiting time and bytes since the floor was last reached.
    waited: Duration,
    brought: usize,
    waiting_since: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
    over: bool,
    connection: Arc<Activity>,
}

/// Why a body could not be read to its end.
#[derive(Debug, thiserror::Error)]
pub enum BodyFault {
    /// It broke off, or its framing is wrong.
    #[error("the body broke off or is framed wrongly")]
    Broken(#[source] BoxError),
    /// All memory for bodies is in use.
    #[error("all memory for bodies is in use")]
    NoRoom,
    /// It stopped coming.
    #[error("the body stopped coming")]
    Slow,
    /// It is larger than allowed.
    #[error("the body is larger than {limit} bytes")]
    TooLarge {
        /// What is allowed, in bytes.
        limit: usize,
    },
}

impl<B: Body<Data = Bytes> + Unpin> CallerBody<B> {
    /// A body of at most `limit` bytes.
    ///
    /// # Errors
    ///
    /// [`BodyFault::TooLarge`] if the caller announced more.
    pub fn new(inner: B, limit: usize, limits: &Limits, connection: Arc<Activity>) -> Result<Self, BodyFault> {
        if inner.size_hint().lower() > limit as u64 {
            connection.leave_unread();
            return Err(BodyFault::TooLarge { limit });
        }
        Ok(Self {
            inner,
            limit,
            read: 0,
            patience: limits.body_patience,
            floor: limits.body_floor,
            waited: Duration::ZERO,
            brought: 0,
            waiting_since: None,
            timer: None,
            over: false,
            connection,
        })
    }

    fn poll_patience(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.waiting_since.is_none() {
            let now = Instant::now();
            self.waiting_since = Some(now);
            let deadline = now + self.patience.saturating_sub(self.waited);
            match &mut self.timer {
                Some(timer) => timer.as_mut().reset(deadline),
                None => self.timer = Some(Box::pin(tokio::time::sleep_until(deadline))),
            }
        }
        match &mut self.timer {
            Some(timer) => timer.as_mut().poll(cx),
            None => Poll::Pending,
        }
    }

    fn note(&mut self, bytes: usize) {
        if let Some(since) = self.waiting_since.take() {
            self.waited += since.elapsed();
        }
        self.brought += bytes;
        if self.brought >= self.floor {
            (self.brought, self.waited) = (0, Duration::ZERO);
        }
        self.read += bytes;
    }

    fn fail(&mut self, fault: BodyFault) -> Option<Result<Frame<Bytes>, BodyFault>> {
        self.over = true;
        self.connection.leave_unread();
        Some(Err(fault))
    }
}

impl<B> Body for CallerBody<B>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin,
{
    type Data = Bytes;
    type Error = BodyFault;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyFault>>> {
        let this = self.get_mut();
        while !this.over {
            match Pin::new(&mut this.inner).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    let Ok(bytes) = frame.into_data() else { continue };
                    this.note(bytes.len());
                    if this.read > this.limit {
                        let limit = this.limit;
                        return Poll::Ready(this.fail(BodyFault::TooLarge { limit }));
                    }
                    return Poll::Ready(Some(Ok(Frame::data(bytes))));
                }
                Poll::Ready(Some(Err(error))) => return Poll::Ready(this.fail(BodyFault::Broken(error.into()))),
                Poll::Ready(None) => this.over = true,
                Poll::Pending => {
                    ready!(this.poll_patience(cx));
                    return Poll::Ready(this.fail(BodyFault::Slow));
                }
            }
        }
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.over || self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl<B: Body> Drop for CallerBody<B> {
    fn drop(&mut self) {
        if !self.over && !self.inner.is_end_stream() {
            self.connection.leave_unread();
        }
    }
}

// === impl BodyFault ===

impl BodyFault {
    /// The fault behind an error of an exchange, if the caller's body was the cause: the node is then not to blame.
    #[must_use]
    pub fn behind<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(fault) = error.downcast_ref() {
                return Some(fault);
            }
            next = error.source();
        }
        None
    }

    /// What the caller is told.
    #[must_use]
    pub fn refusal(&self) -> Refusal {
        match self {
            Self::Broken(_) => {
                let message =
                    "the request's body broke off or is framed wrongly (chunks, Content-Length); send it again";
                Refusal::bad_request(message).ending_connection()
            }
            Self::NoRoom => Refusal::unavailable("all memory for request bodies is in use; send it again in a second")
                .retry_after(Duration::from_secs(1))
                .ending_connection(),
            Self::Slow => Refusal::slow_body(),
            Self::TooLarge { limit } => Refusal::body_too_large(*limit),
        }
    }
}

impl From<BodyFault> for Refusal {
    fn from(fault: BodyFault) -> Self {
        fault.refusal()
    }
}

#[cfg(test)]
mod tests;
