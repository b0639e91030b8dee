//! A socket between the kernel and hyper, which adds what hyper cannot do.
//!
//! - **Refusals in our form.** hyper answers a request that it cannot parse by itself, with an empty 400, 414 or 431.
//!   Those bytes are the only ones that are ever written while no request is being answered, so they are known without
//!   looking for them in a stream, and are replaced by a refusal in the API's shape. A head that outgrew the buffer
//!   before its first line ended was a target that is too long, whatever hyper calls it. (Requests sent before the last
//!   reply was taken from a full socket are the one case in which hyper's empty form still goes out.)
//! - **Two patiences.** hyper's one timer covers both an idle connection and a slow head. Here a connection may be idle
//!   for minutes, but a head that has begun must end within seconds; it gets 408.
//! - **A bound on callers that do not read.** Bytes that stay untaken for a minute end the connection.
//! - **Lingering.** After a refusal that left part of a request unread we go on reading for a while. Closing at once
//!   would make the kernel reset the connection and throw away the refusal that the caller has not read yet.
//!
//! In HTTP/2 the library keeps its own protocol: only idle time, untaken bytes and lingering are watched. An oversized
//! header list is answered with an empty 431 there, a malformed target resets its stream; neither passes here.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::StatusCode;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::connection::Activity;
use crate::limits::Limits;
use crate::reply::Refusal;

/// What every HTTP/2 connection begins with (RFC 9113, 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A watched socket.
pub(super) struct Wire<S> {
    socket: S,
    activity: Arc<Activity>,
    limits: Arc<Limits>,
    /// Fires at the idle time's or a head's end. Set lazily: what is due is computed again when it fires.
    patience: Pin<Box<Sleep>>,
    quiet_since: Instant,
    /// When the first byte of the head came that is being read.
    head_since: Option<Instant>,
    /// The head that is being read is past its first line.
    past_first_line: bool,
    /// How much of the preface the connection began with; `None` once it began otherwise.
    preface: Option<usize>,
    /// Runs while the caller leaves written bytes untaken.
    untaken: Option<Pin<Box<Sleep>>>,
    /// Bytes of ours on their way, and how many are written.
    last_words: Vec<u8>,
    said: usize,
    stage: Stage,
}

/// Where a connection is on its way to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Requests may come.
    Open,
    /// Nothing more is read; hyper sees the end of the stream.
    Ended,
    /// Nothing more is written; what still comes is read and thrown away.
    Lingering,
}

// === impl Wire ===

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    pub(super) fn new(socket: S, activity: Arc<Activity>, limits: Arc<Limits>) -> Self {
        let now = Instant::now();
        Self {
            socket,
            activity,
            patience: Box::pin(sleep_until(now + limits.idle)),
            limits,
            quiet_since: now,
            head_since: None,
            past_first_line: false,
            preface: Some(0),
            untaken: None,
            last_words: Vec::new(),
            said: 0,
            stage: Stage::Open,
        }
    }

    fn speaks_http2(&self) -> bool {
        self.preface == Some(PREFACE.len())
    }

    /// Learns from bytes that came.
    fn note(&mut self, bytes: &[u8]) {
        if let Some(rest) = self.preface.map(|matched| &PREFACE[matched..]) {
            let common = rest.len().min(bytes.len());
            let fits = rest[..common] == bytes[..common];
            self.preface = fits.then_some(PREFACE.len() - rest.len() + common);
        }
        if self.speaks_http2() || self.activity.is_busy() {
            self.head_since = None;
            return;
        }
        if self.head_since.is_none() {
            self.head_since = Some(Instant::now());
            self.past_first_line = false;
        }
        self.past_first_line |= bytes.contains(&b'\n');
    }

    /// Ready when the connection has been idle, or its head slow, for too long.
    fn poll_patience(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let busy = self.activity.is_busy();
            let due = match self.head_since {
                _ if busy => None,
                Some(since) => Some(since + self.limits.header_patience),
                None => Some(self.quiet_since + self.limits.idle),
            };
            if let Some(due) = due.filter(|due| *due < self.patience.deadline()) {
                self.patience.as_mut().reset(due);
            }
            ready!(self.patience.as_mut().poll(cx));
            let now = Instant::now();
            match due {
                Some(due) if due <= now => return Poll::Ready(()),
                due => self.patience.as_mut().reset(due.unwrap_or(now + self.limits.idle)),
            }
        }
    }

    /// The caller was idle or slow for too long: hyper is shown the end of the stream.
    fn end(&mut self, cx: &mut Context<'_>) {
        self.stage = Stage::Ended;
        if self.head_since.is_some() && self.last_words.is_empty() {
            self.last_words = Refusal::slow_head(self.limits.header_patience).last_words(None);
            // hyper drops the socket next. One attempt is enough: nothing else was written since the last flush.
            let _ = self.poll_last_words(cx);
        }
    }

    /// hyper's own reply to what it could not parse, in our form; `None` if `bytes` are something else.
    fn refusal_for(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        if self.activity.is_busy() || self.speaks_http2() || !bytes.ends_with(b"\r\n\r\n") {
            return None;
        }
        let head = std::str::from_utf8(bytes).ok()?;
        let status = head.strip_prefix("HTTP/1.")?.get(2..5)?.parse().ok()?;
        let refusal = match StatusCode::from_u16(status).ok()? {
            StatusCode::URI_TOO_LONG => Refusal::target_too_long(),
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE if !self.past_first_line => Refusal::target_too_long(),
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => Refusal::headers_too_large(self.limits.headers),
            StatusCode::BAD_REQUEST => Refusal::bad_request(
                "this is no well-formed HTTP/1.1 request (request line, headers, Content-Length or Transfer-Encoding); \
                 see whether the caller speaks plain HTTP and is pointed at the right port",
            ),
            _ => return None,
        };
        let date = head.lines().find_map(|line| line.strip_prefix("date: "));
        Some(refusal.last_words(date))
    }

    /// Takes hyper's own reply in place of writing it. The number of bytes taken.
    fn replace(&mut self, bytes: &[u8]) -> Option<usize> {
        self.last_words = self.refusal_for(bytes)?;
        self.activity.leave_unread();
        Some(bytes.len())
    }

    fn poll_last_words(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.said < self.last_words.len() {
            match Pin::new(&mut self.socket).poll_write(cx, &self.last_words[self.said..]) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(written)) => self.said += written,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return self.poll_untaken(cx),
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Watches how long written bytes stay untaken.
    fn poll_untaken<T>(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        let patience = self.limits.write_patience;
        let untaken = self.untaken.get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + patience)));
        ready!(untaken.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the caller does not take what was written")))
    }

    fn watched<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_pending() {
            return self.poll_untaken(cx);
        }
        self.untaken = None;
        written
    }

    /// Reads and throws away until the caller is done or the time is over.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut scrap = [0; 8 * 1024];
        while !self.patience.is_elapsed() {
            let mut scrap = ReadBuf::new(&mut scrap);
            match Pin::new(&mut self.socket).poll_read(cx, &mut scrap) {
                Poll::Ready(Ok(())) if !scrap.filled().is_empty() => {}
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => return self.patience.as_mut().poll(cx),
            }
        }
        Poll::Ready(())
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Wire<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.stage != Stage::Open {
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        match Pin::new(&mut this.socket).poll_read(cx, buf) {
            Poll::Ready(Ok(())) => {
                let bytes = &buf.filled()[before..];
                if !bytes.is_empty() {
                    this.note(bytes);
                }
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => {
                ready!(this.poll_patience(cx));
                this.end(cx);
                Poll::Ready(Ok(()))
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if let Some(taken) = this.replace(buf) {
            return Poll::Ready(Ok(taken));
        }
        let written = Pin::new(&mut this.socket).poll_write(cx, buf);
        this.watched(cx, written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        // hyper's own reply is always one piece.
        if let [only] = bufs
            && let Some(taken) = this.replace(only)
        {
            return Poll::Ready(Ok(taken));
        }
        let written = Pin::new(&mut this.socket).poll_write_vectored(cx, bufs);
        this.watched(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_last_words(cx))?;
        ready!(Pin::new(&mut this.socket).poll_flush(cx))?;
        if this.activity.flushed() {
            this.quiet_since = Instant::now();
            this.head_since = None;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.stage != Stage::Lingering {
            ready!(this.poll_last_words(cx))?;
            ready!(Pin::new(&mut this.socket).poll_shutdown(cx))?;
            if !this.activity.has_unread() {
                return Poll::Ready(Ok(()));
            }
            this.stage = Stage::Lingering;
            this.patience.as_mut().reset(Instant::now() + this.limits.linger);
        }
        this.poll_linger(cx).map(Ok)
    }
}
