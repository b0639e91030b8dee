//! Faults that spoil an answer, or stand in its place.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use futures_util::stream;
use http::Response;
use http::header::CONTENT_LENGTH;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;

use super::Node;
use super::listen::Link;
use super::reply::{Body, Reply, Whole, bare};
use crate::fault::Fault;

/// Bytes of a block of noise or of an endless body: large enough to fill windows, small enough to stay cheap.
const BLOCK: usize = 16 << 10;

/// Faults that keep a request from being acted upon: what is answered instead.
pub(crate) fn instead(node: &Node) -> Option<Whole> {
    node.find(|active| match active.fault {
        Fault::Status(status) => Some(node.manner.error(status, "an error")),
        Fault::Redirect => Some(bare(302).header("location", format!("{}/login", node.url()))),
        Fault::ErrorBodyWith200 => {
            let mut whole = node.manner.error(500, "internal error");
            whole.status = 200;
            Some(whole)
        }
        _ => None,
    })
}

/// Spoils an answer as the node's faults want it. A streamed answer is only reset: the rest would end it.
pub(crate) fn apply(node: &Node, link: &Arc<Link>, reply: Reply) -> Response<Body> {
    let spoils = |active: &super::Active| match active.fault {
        Fault::ResetMidBody | Fault::Garbage | Fault::Truncate | Fault::Endless | Fault::WrongType => {
            Some(active.fault.clone())
        }
        _ => None,
    };
    let fault = node.find(spoils);
    let whole = match reply {
        Reply::Whole(whole) => whole,
        Reply::Streamed(response) => return *response,
    };
    match fault {
        Some(Fault::ResetMidBody) => reset(link, whole),
        Some(Fault::Garbage) => Whole { status: 200, body: noise(whole.body.len()), ..whole }.response(),
        Some(Fault::Truncate) => {
            let half = whole.body.slice(..whole.body.len() / 2);
            Whole { status: 200, body: half, ..whole }.response()
        }
        Some(Fault::Endless) => endless(Whole { status: 200, ..whole }),
        Some(Fault::WrongType) => Whole { status: 200, body: Bytes::from_static(WRONG), ..whole }.response(),
        _ => whole.response(),
    }
}

/// JSON that is well formed and nowhere what was asked for.
const WRONG: &[u8] = br#"{"data":{"slot":{},"root":7,"head_slot":[],"is_syncing":"perhaps"},"version":12}"#;

/// Noise of at least that length, the same every time.
pub(crate) fn noise(length: usize) -> Bytes {
    let block = crate::digest::stretch::<256>(&[b"noise"]);
    block.iter().copied().cycle().take(length.max(64)).collect::<Vec<u8>>().into()
}

/// Half the body, then a reset: the head promises all of it, so that nobody can take the half for the whole.
fn reset(link: &Arc<Link>, whole: Whole) -> Response<Body> {
    link.reset.store(true, Ordering::Relaxed);
    let length = whole.body.len().max(2);
    let half = whole.body.slice(..whole.body.len() / 2);
    let mut response = Whole { body: Bytes::new(), ..whole }.response();
    let broken = stream::once(async {
        // One turn, in which the server sends what it has: an error that comes at once would swallow the head.
        tokio::task::yield_now().await;
        Err(io::Error::from(io::ErrorKind::ConnectionReset))
    });
    let frames = futures_util::StreamExt::chain(stream::iter([Ok(Frame::data(half))]), broken);
    response.headers_mut().insert(CONTENT_LENGTH, length.into());
    *response.body_mut() = StreamBody::new(frames).boxed_unsync();
    response
}

fn endless(whole: Whole) -> Response<Body> {
    let first = whole.body.clone();
    let mut response = Whole { body: Bytes::new(), ..whole }.response();
    let block = Bytes::from(vec![b' '; BLOCK]);
    let frames = stream::iter(std::iter::once(first).chain(std::iter::repeat(block)));
    let frames = futures_util::StreamExt::map(frames, |bytes| Ok(Frame::data(bytes)));
    *response.body_mut() = StreamBody::new(frames).boxed_unsync();
    response
}
