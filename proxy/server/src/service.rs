//! The life of a request, in reading order.
//!
//! [`Service::live`] is the whole list: read it from top to bottom and you have followed a request from its head to the
//! last byte of its reply. Each step may end it with a [`Refusal`]; what comes after has been let in by all before. What
//! answers in the end is behind [`Answerer`], so that the own listeners and the admin listener share the same front and
//! differ only in what their paths mean.

use std::pin::Pin;
use std::sync::Arc;

use http::header::{CONNECTION, HeaderMap, HeaderValue};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{Method, Request, Response, StatusCode, Uri, Version};
use hyper::body::{Body, Incoming};
use rangelight_policy::catalogue::{self, BODY_LIMIT, Found, Reading, Row, Strategy};

use crate::body::CallerBody;
use crate::connection::{Connection, Front, InFlight, Seat, SentBody, Serving};
use crate::gateway::{Admission, Caller, Gateway, Sharing};
use crate::limits::Limits;
use crate::reply::{EndConnection, Refusal, Reply, headers};

/// What answers requests that were let in.
pub trait Answerer: Send + Sync + 'static {
    /// What a path means here: an operation, a page.
    type Place: Send + 'static;

    /// What a method and a raw path mean, and how large the request's body may be in bytes. [`operation`] does it for
    /// the Beacon API.
    ///
    /// # Errors
    ///
    /// The refusal for a path or method that is not served.
    fn find(&self, method: &Method, path: &str) -> Result<(Self::Place, usize), Refusal>;

    /// Whether a request is answered although its caller hung up: a signed message must go out all the same.
    fn outlives(&self, place: &Self::Place) -> bool;

    /// Answers a request. Dropping the returned future means that the caller hung up.
    fn answer(&self, admitted: Admitted<Self::Place>) -> Answering;
}

/// An answer in the making.
pub type Answering = Pin<Box<dyn Future<Output = Reply> + Send>>;

/// A request that was let in.
#[derive(Debug)]
pub struct Admitted<P> {
    /// The request: target in origin form, headers fit to be sent on, body bounded in size and pace.
    pub request: Request<CallerBody>,
    /// Who sends it.
    pub caller: Caller,
    /// What its path means.
    pub place: P,
}

/// One listener's service.
pub struct Service<A> {
    gateway: Gateway,
    answerer: Arc<A>,
    limits: Limits,
}

/// What must reach the end of the reply, whatever became of the request.
struct Passage {
    version: Version,
    seat: Option<Seat>,
    sharing: Option<Sharing>,
}

impl<A: Answerer> Service<A> {
    /// A service behind this gateway.
    #[must_use]
    pub fn new(gateway: Gateway, answerer: Arc<A>, limits: &Limits) -> Self {
        Self { gateway, answerer, limits: limits.clone() }
    }

    /// The life of a request. All but the waiting for its answer happens at once, in the turn in which its head was read.
    fn live(&self, request: Request<Incoming>, connection: &Connection) -> (Answering, Passage) {
        let (mut head, body) = request.into_parts();
        let has_body = !body.is_end_stream();
        let mut passage = Passage { version: head.version, seat: None, sharing: None };
        let reply = match self.admit(&mut head, connection, &mut passage) {
            Ok(Step::Reply(reply)) => reply,
            // What is let in gets its answer, from a node or from ourselves.
            Ok(Step::Answer(caller, place, limit)) => {
                match CallerBody::new(body, limit, &self.limits, Arc::clone(&connection.activity)) {
                    Ok(body) => {
                        let request = Request::from_parts(head, body);
                        let outlives = self.answerer.outlives(&place);
                        let answering = self.answerer.answer(Admitted { request, caller, place });
                        return (if outlives { outliving(answering) } else { answering }, passage);
                    }
                    // An announced excess is refused before its first byte is read.
                    Err(fault) => fault.refusal().reply(),
                }
            }
            // A body that nobody will read ends the connection, since the next request cannot be found behind it.
            Err(refusal) if has_body => {
                connection.activity.leave_unread();
                refusal.ending_connection().reply()
            }
            Err(refusal) => refusal.reply(),
        };
        (Box::pin(std::future::ready(reply)), passage)
    }

    /// Everything that is decided by the head alone.
    fn admit(&self, head: &mut Parts, connection: &Connection, passage: &mut Passage) -> Result<Step<A>, Refusal> {
        // A head may be as large as hyper takes; the headers' own part of it is bounded here.
        if size(&head.headers) > self.limits.headers {
            return Err(Refusal::headers_too_large(self.limits.headers));
        }
        // Who is calling, and may he? Web pages and rebound names end here, then callers without the token, then those
        // with too many requests in flight.
        let caller = match self.gateway.admit(head, connection)? {
            Admission::Preflight(reply) => return Ok(Step::Reply(reply)),
            Admission::Granted { caller, seat, sharing } => {
                (passage.seat, passage.sharing) = (Some(seat), sharing);
                caller
            }
        };
        // A target may name us (`http://localhost:5055/eth/…`); from here on it is only path and query.
        if let Some(uri) = origin_form(&head.uri)? {
            head.uri = uri;
        }
        // What does the path mean? Tricks with dots, slashes and encodings end here, and wrong methods.
        let (place, limit) = self.answerer.find(&head.method, head.uri.path())?;
        // What belongs to this connection, or was meant for us alone, goes no further.
        headers::clean_request(&mut head.headers);
        Ok(Step::Answer(caller, place, limit))
    }
}

/// How a request goes on after its head was judged.
enum Step<A: Answerer> {
    Answer(Caller, A::Place, usize),
    Reply(Reply),
}

impl<A: Answerer> Front for Service<A> {
    fn serve(self: Arc<Self>, request: Request<Incoming>, connection: Arc<Connection>, in_flight: InFlight) -> Serving {
        let (answering, passage) = self.live(request, &connection);
        Box::pin(async move {
            let mut reply = answering.await;
            passage.mark(&mut reply);
            let (head, body) = reply.into_parts();
            Response::from_parts(head, SentBody::new(body, passage.seat, in_flight))
        })
    }
}

impl Passage {
    /// What a reply must say because of the request that it answers.
    fn mark(&self, reply: &mut Reply) {
        // A page that may ask must also be allowed to read.
        if let Some(sharing) = &self.sharing {
            sharing.allow(reply.headers_mut());
        }
        // HTTP/2 has no such header: there only the stream ends.
        if reply.extensions().get::<EndConnection>().is_some() && self.version < Version::HTTP_2 {
            reply.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
    }
}

/// Answers in a task of its own. hyper drops the future of a request as soon as it sees that the caller closed, which may
/// be before the first time that it would have run it: a caller that sends a whole message and closes would be unheard.
fn outliving(answering: Answering) -> Answering {
    let task = tokio::spawn(answering);
    Box::pin(async move {
        let bug = |_| Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "the answer ended by a bug; the log has it");
        task.await.unwrap_or_else(|error| bug(error).reply())
    })
}

// === the target and the headers ===

/// Names and values with what a line of HTTP/1.1 has around them.
fn size(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len()).sum()
}

/// The target without the name in it; `None` if there is none.
fn origin_form(uri: &Uri) -> Result<Option<Uri>, Refusal> {
    if uri.authority().is_none() {
        return Ok(None);
    }
    // CONNECT names only an authority and has no path at all.
    let path = uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
    let mut parts = http::uri::Parts::default();
    parts.path_and_query = Some(path);
    Uri::from_parts(parts).map(Some).map_err(|_| Refusal::bad_request("the request target has no path; send one"))
}

/// The operation of the Beacon API that a method and a raw path mean, and the limit of its body.
///
/// # Errors
///
/// 400 for a path that can be read in two ways, 404 for what is not served, 405 with `Allow` for a wrong method.
pub fn operation(method: &Method, path: &str) -> Result<(&'static Row, usize), Refusal> {
    let row = match catalogue::find(method.as_str(), path) {
        Found::BadPath(reason) => return Err(Refusal::bad_request(reason.to_string())),
        Found::Row(row, _) | Found::Unlisted { row, .. } => row,
        Found::WrongMethod { allow } => return Err(Refusal::wrong_method(method, path, allow)),
    };
    if row.strategy == Strategy::Deny {
        return Err(Refusal::new(StatusCode::NOT_FOUND, row.note));
    }
    let limit = match row.body {
        Reading::Collect { limit } | Reading::Stream { limit } => limit,
        // Such a body is not read; the limit only tells an absurd one from a superfluous one.
        Reading::None => BODY_LIMIT,
    };
    Ok((row, usize::try_from(limit).unwrap_or(usize::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_paths_mean() {
        let publication = 64 << 20;
        for (method, path, wanted) in [
            ("GET", "/eth/v1/node/health", Ok(16 << 20)),
            ("HEAD", "/eth/v1/node/health", Ok(16 << 20)),
            ("POST", "/eth/v2/beacon/blocks", Ok(publication)),
            ("POST", "/eth/v1/beacon/states/head/validators", Ok(16 << 20)),
            ("GET", "/eth/v9/not/yet/known", Ok(16 << 20)),
            ("PUT", "/eth/v1/node/health", Err((405, Some("GET, HEAD")))),
            ("GET", "/eth/v1/../v1/node/health", Err((400, None))),
            ("GET", "/eth//v1/node/health", Err((400, None))),
            ("GET", "/eth/v1%2fnode/health", Err((400, None))),
            ("GET", "/eth/v1/node/health/", Err((400, None))),
            ("GET", "/eth/v1/%zz", Err((400, None))),
            ("OPTIONS", "*", Err((400, None))),
            ("GET", "/eth/v1/keystores", Err((404, None))),
        ] {
            let method = Method::from_bytes(method.as_bytes()).expect("a method");
            match (operation(&method, path), wanted) {
                (Ok((_, limit)), Ok(wanted)) => assert_eq!(limit, wanted, "{method} {path}"),
                (Err(refusal), Err((status, allow))) => {
                    assert_eq!(refusal.status().as_u16(), status, "{method} {path}");
                    assert!(!refusal.message().is_empty(), "{method} {path}");
                    let reply = refusal.reply();
                    let said = reply.headers().get(http::header::ALLOW).map(HeaderValue::as_bytes);
                    assert_eq!(said, allow.map(str::as_bytes), "{method} {path}");
                }
                (got, _) => unreachable!("{method} {path}: {:?}", got.map(|(row, _)| row.operation)),
            }
        }
    }

    #[test]
    fn targets_lose_the_name() {
        for (sent, wanted) in [
            ("/a?b=c", None),
            ("http://localhost:5055/a?b=c", Some("/a?b=c")),
            ("http://localhost", Some("/")),
            ("localhost:443", Some("/")),
            ("*", None),
        ] {
            let uri: Uri = sent.parse().expect("a target");
            let left = origin_form(&uri).expect("a path").map(|uri| uri.to_string());
            assert_eq!(left.as_deref(), wanted, "{sent}");
        }
    }
}
