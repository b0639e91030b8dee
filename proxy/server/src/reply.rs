//! What goes back to a caller.
//!
//! A reply is either a node's answer, cleaned by [`headers`], or a [`Refusal`] that we make ourselves. Both have one
//! body type, boxed, so that a streamed 300 MiB state and a refusal of 80 bytes travel the same way. An error in a
//! reply's body cuts the connection (HTTP/1.1) or the stream (HTTP/2): the caller then knows that the answer is not
//! whole, which a quietly shortened body would hide.

pub mod headers;
mod refusal;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full};

pub use refusal::Refusal;

/// Any failure of a body.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The body of a reply.
pub type ReplyBody = UnsyncBoxBody<Bytes, BoxError>;

/// An answer on its way to the caller.
pub type Reply = Response<ReplyBody>;

/// An extension of a reply: the connection must end after it, because part of the request will not be read.
///
/// Only HTTP/1.1 heeds it. A stream of HTTP/2 ends alone.
#[derive(Clone, Copy, Debug)]
pub struct EndConnection;

/// A body of bytes that are all there.
#[must_use]
pub fn whole(bytes: impl Into<Bytes>) -> ReplyBody {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

/// A body without bytes.
#[must_use]
pub fn empty() -> ReplyBody {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

/// A reply of ours in JSON.
#[must_use]
pub fn json(status: StatusCode, text: impl Into<Bytes>) -> Reply {
    let mut reply = Response::new(whole(text));
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    reply
}
