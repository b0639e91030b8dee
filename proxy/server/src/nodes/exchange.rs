//! One exchange: a caller's request sent to one node, and what came back, judged.
//!
//! How much of the answer is read before it is judged is the row's choice. A small answer that a duty depends on is
//! read whole, so that a truncated one goes to the next node. Anything else is judged by its status, its headers and
//! its first bytes, and streams from there: its head is on the way to the caller before its end is known, and a later
//! break breaks the caller's answer too.
//!
//! A node that refuses the form of a request (a route that it lacks, an encoding that it does not read) gets it in another
//! form, if the rule has one, once and within the same patience; its second answer is the one that counts.
//!
//! A turn with the node is held until the answer is judged. A streamed answer goes on without it: its pace is the
//! caller's, and callers that read slowly must not keep duties waiting; its number is bounded by the requests that a
//! caller may have in flight.
//!
//! Bounds: answers read whole are counted in the body budget; refusals are read up to [`REFUSAL`]; a streamed answer
//! holds one piece at a time, and ends if its node brings nothing for [`STALL`].

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::response::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use rangelight_policy::catalogue::{self, AnswerReading, Row, Strategy};
use rangelight_policy::duty::{Edit, Rule};
use rangelight_policy::health::Exchange;
use rangelight_policy::merit::{self, EthHeaders, Observed};
use rangelight_policy::node::NodeId;
use rangelight_policy::race::Verdict;
use tokio::time::{Instant, Sleep, timeout};

use crate::body::BodyFault;
use crate::budget::{self, Budget, Purpose};
use crate::nodes::transport::{Fault, Lack, Repeat, SentHead};
use crate::nodes::{Node, Nodes};
use crate::observe::{Meters, Worth};
use crate::reply::{BoxError, Reply, ReplyBody, headers, whole};

/// The longest refusal that is read. Prysm lists each failed item of a publication; ten thousand fit.
const REFUSAL: usize = 2 << 20;

/// The longest answer that a rule reads whole where the row would stream it.
const WHOLE: usize = 16 << 20;

/// A streamed answer whose node brings nothing for so long is broken off. Prysm thinks for many seconds about old
/// states before it goes on.
const STALL: Duration = Duration::from_secs(60);

/// After a publication's success so long for its body, which hardly anybody sends.
const ACCEPTANCE: Duration = Duration::from_secs(1);

/// The header by which a node says that its SSZ answer is optimistic.
const OPTIMISTIC: HeaderName = HeaderName::from_static("eth-execution-optimistic");

/// What is asked of every node of a race.
pub struct Question {
    /// The rule.
    pub row: &'static Row,
    /// The request.
    pub head: SentHead,
    /// Its body, shared by all exchanges.
    pub body: Bytes,
    /// Whether it may be sent again on a new connection.
    pub repeat: Repeat,
    /// How long an exchange may take, whether or not anybody still waits for it.
    pub patience: Duration,
    /// What answers are judged by.
    pub rule: Arc<dyn Rule>,
}

/// How one exchange ended.
pub struct Exchanged<R> {
    /// The node asked.
    pub from: NodeId,
    /// What the answer is worth.
    pub verdict: Verdict,
    /// Why, in a few words, for evidence and refusals; e.g. `200` or `cannot be reached`.
    pub reason: String,
    /// What came: an answer, or why there is none.
    pub came: R,
}

/// What came from a node.
pub enum Came {
    /// An answer that is all there.
    Whole(Parts, Bytes),
    /// An answer whose rest is still to come.
    Streaming(Parts, Opened),
    /// No answer.
    Nothing(Fault),
}

/// The body of a streamed answer: the piece that was looked at, then the rest.
pub struct Opened {
    first: Option<Bytes>,
    rest: Incoming,
    stall: Option<Pin<Box<Sleep>>>,
}

/// What an exchange needs from the house.
pub struct Desk {
    /// Where the fleet learns how exchanges end.
    pub nodes: Nodes,
    /// The memory for answers that are read whole.
    pub budget: Arc<Budget>,
    /// The counters.
    pub meters: Arc<Meters>,
}

/// Tells how long an exchange lasted if it is dropped before its end: a node that lost a race was at least that slow.
struct Watch<'a> {
    desk: &'a Desk,
    node: &'a Node,
    id: NodeId,
    begun: Instant,
    ended: bool,
}

/// A dropped exchange younger than this says nothing about its node.
const TELLING: Duration = Duration::from_millis(100);

/// Asks one node.
pub async fn ask(desk: &Desk, id: NodeId, node: &Node, question: &Question) -> Exchanged<Came> {
    let waiting = Instant::now();
    let publication = matches!(question.row.strategy, Strategy::Broadcast | Strategy::Once);
    let _telling = publication.then(|| desk.meters.under_way.begin(question.row.operation, &node.config.name));
    let _turn = match node.transport.turn(question.patience).await {
        Ok(turn) => turn,
        Err(fault) => return nothing(id, fault),
    };
    // Our own queue is no part of what the node took, but of what the caller's patience covers.
    let patience = question.patience.saturating_sub(waiting.elapsed());
    let mut watch = Watch { desk, node, id, begun: Instant::now(), ended: false };
    let came = timeout(patience, attempt(desk, id, node, question)).await;
    let came = came.unwrap_or(Came::Nothing(Fault::Timeout));
    let (verdict, reason) = match &came {
        Came::Nothing(fault) => (Verdict::Bad, fault.reason().to_owned()),
        Came::Whole(parts, bytes) => {
            let body = match question.head.method {
                Method::HEAD => merit::Body::Absent,
                _ => merit::Body::Whole(bytes),
            };
            judge(desk, id, question, parts, body)
        }
        Came::Streaming(parts, opened) => judge(desk, id, question, parts, merit::Body::Opening(opened.opening())),
    };
    watch.end(&came, &verdict);
    Exchanged { from: id, verdict, reason, came }
}

/// An exchange that said nothing about its node.
fn nothing(id: NodeId, fault: Fault) -> Exchanged<Came> {
    Exchanged { from: id, verdict: Verdict::Bad, reason: fault.reason().to_owned(), came: Came::Nothing(fault) }
}

/// Sends the request in the form that is for this node, and once more in another one if the rule has one for a node that
/// refused it.
async fn attempt(desk: &Desk, id: NodeId, node: &Node, question: &Question) -> Came {
    let came = once(desk, node, question, question.rule.request(id)).await;
    let Came::Whole(parts, bytes) = &came else { return came };
    if !parts.status.is_client_error() && !parts.status.is_server_error() {
        return came;
    }
    match question.rule.instead(id, &observed(question, parts, merit::Body::Whole(bytes))) {
        Some(edit) => once(desk, node, question, Some(edit)).await,
        None => came,
    }
}

async fn once(desk: &Desk, node: &Node, question: &Question, edit: Option<Edit>) -> Came {
    let sent = match edit {
        None => node.transport.send(&question.head, question.body.clone(), question.repeat).await,
        Some(edit) => {
            let (head, body) = edited(question, edit);
            node.transport.send(&head, body, question.repeat).await
        }
    };
    match sent {
        Ok(response) => read(desk, question, response).await,
        Err(fault) => Came::Nothing(fault),
    }
}

/// Reads as much of an answer as its row wants to see.
pub async fn read(desk: &Desk, question: &Question, response: Response<Incoming>) -> Came {
    let (parts, body) = response.into_parts();
    if question.head.method == Method::HEAD {
        return Came::Whole(parts, Bytes::new());
    }
    let limit = match question.row.answer {
        AnswerReading::Whole { limit } => usize::try_from(limit).unwrap_or(usize::MAX),
        AnswerReading::Peek if question.rule.reads_whole() => WHOLE,
        AnswerReading::Peek if parts.status.is_success() => return open(parts, body).await,
        AnswerReading::Peek => REFUSAL,
    };
    let limit = if parts.status.is_success() { limit } else { limit.min(REFUSAL) };
    // Blocks, and what is said of them, may use the part that is kept for them.
    let purpose = if question.row.id.starts_with('B') { Purpose::OwnBlock } else { Purpose::Other };
    let accepted = question.row.strategy == Strategy::Broadcast && parts.status.is_success();
    let patience = if accepted { question.patience.min(ACCEPTANCE) } else { question.patience };
    match budget::collect(body, limit, &desk.budget, purpose, patience).await {
        Ok(bytes) => Came::Whole(parts, bytes),
        // The status has said it: the message is taken, whatever becomes of the words.
        Err(_) if accepted => Came::Whole(parts, Bytes::new()),
        Err(BodyFault::NoRoom) => Came::Nothing(Fault::Ours(Lack::Memory)),
        Err(BodyFault::TooLarge { .. }) => Came::Nothing(Fault::Ours(Lack::Limit)),
        Err(BodyFault::Slow) => Came::Nothing(Fault::Timeout),
        Err(BodyFault::Broken(_)) => Came::Nothing(Fault::Truncated),
    }
}

async fn open(parts: Parts, mut rest: Incoming) -> Came {
    loop {
        match rest.frame().await {
            Some(Ok(frame)) => match frame.into_data() {
                Ok(bytes) if !bytes.is_empty() => {
                    return Came::Streaming(parts, Opened { first: Some(bytes), rest, stall: None });
                }
                _ => {}
            },
            Some(Err(_)) => return Came::Nothing(Fault::Truncated),
            None => return Came::Whole(parts, Bytes::new()),
        }
    }
}

/// The request as one node gets it. What cannot be written as HTTP is left as the caller had it.
fn edited(question: &Question, edit: Edit) -> (SentHead, Bytes) {
    let mut head = question.head.clone();
    match edit.method {
        Some(catalogue::Method::Get) => head.method = Method::GET,
        Some(catalogue::Method::Post) => head.method = Method::POST,
        Some(catalogue::Method::Any) | None => {}
    }
    if let Some(target) = edit.target.and_then(|target| target.parse().ok()) {
        head.target = target;
    }
    for (name, value) in edit.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            head.headers.insert(HeaderName::from_static(name), value);
        }
    }
    let body = edit.body.map_or_else(|| question.body.clone(), Bytes::from);
    if body.is_empty() {
        head.headers.remove(CONTENT_TYPE);
    }
    (head, body)
}

fn judge(desk: &Desk, from: NodeId, question: &Question, parts: &Parts, body: merit::Body<'_>) -> (Verdict, String) {
    let judged = question.rule.judge(from, &observed(question, parts, body));
    if let Some(alarm) = &judged.alarm {
        desk.meters.alarm(alarm);
    }
    (judged.verdict, judged.words)
}

/// An answer as policy sees it.
#[must_use]
pub fn observed<'a>(question: &'a Question, parts: &'a Parts, body: merit::Body<'a>) -> Observed<'a> {
    let said = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
    Observed {
        status: parts.status.as_u16(),
        content_type: text(&parts.headers, &CONTENT_TYPE),
        optimistic: text(&parts.headers, &OPTIMISTIC),
        accept: text(&question.head.headers, &ACCEPT),
        body,
        eth: EthHeaders {
            consensus_version: said("eth-consensus-version"),
            payload_blinded: said("eth-execution-payload-blinded"),
            payload_value: said("eth-execution-payload-value"),
            block_value: said("eth-consensus-block-value"),
        },
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

// === impl Came, Opened ===

impl Opened {
    /// The piece that was looked at; empty once it is on its way.
    #[must_use]
    pub fn opening(&self) -> &[u8] {
        self.first.as_deref().unwrap_or_default()
    }
}

impl Came {
    /// The answer's status, if there is one.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Whole(parts, _) | Self::Streaming(parts, _) => Some(parts.status.as_u16()),
            Self::Nothing(_) => None,
        }
    }

    /// The answer on its way to the caller, under the node's name; `None` if there is none.
    #[must_use]
    pub fn reply(self, node: &str) -> Option<Reply> {
        let (mut parts, body) = match self {
            Self::Whole(parts, bytes) => (parts, whole(bytes)),
            Self::Streaming(parts, opened) => (parts, ReplyBody::new(opened)),
            Self::Nothing(_) => return None,
        };
        headers::clean_answer(&mut parts.headers, node);
        Some(Response::from_parts(parts, body))
    }
}

impl Body for Opened {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        if let Some(first) = this.first.take() {
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        if let Poll::Ready(frame) = Pin::new(&mut this.rest).poll_frame(cx) {
            this.stall = None;
            return Poll::Ready(frame.map(|frame| frame.map_err(BoxError::from)));
        }
        let stall = this.stall.get_or_insert_with(|| Box::pin(tokio::time::sleep(STALL)));
        stall.as_mut().poll(cx).map(|()| Some(Err("the node stopped sending".into())))
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let first = self.first.as_ref().map_or(0, |bytes| bytes.len() as u64);
        let rest = self.rest.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower().saturating_add(first));
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper.saturating_add(first));
        }
        hint
    }
}

// === impl Watch ===

impl Watch<'_> {
    fn end(&mut self, came: &Came, verdict: &Verdict) {
        self.ended = true;
        let took = self.begun.elapsed();
        let worth = match verdict {
            Verdict::Good { .. } => Worth::Good,
            Verdict::Final { .. } => Worth::Final,
            Verdict::Bad => Worth::Bad,
        };
        self.desk.meters.exchanged(&self.node.config.name, worth, took);
        let exchange = match (came, verdict) {
            (Came::Nothing(Fault::Ours(_)), _) => return,
            (Came::Nothing(Fault::Unreachable | Fault::Tls), _) => Exchange::Refused,
            (Came::Nothing(_), _) => Exchange::Faulted,
            (_, Verdict::Good { .. } | Verdict::Final { .. }) => Exchange::Answered { ms: millis(took) },
            // A route or an encoding that it lacks, or a message that it refuses, is no fault of the node.
            _ if came.status().is_some_and(|status| (400..500).contains(&status)) => {
                Exchange::Answered { ms: millis(took) }
            }
            _ => Exchange::Faulted,
        };
        self.desk.nodes.exchanged(self.id, exchange);
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        let lasted = self.begun.elapsed();
        if !self.ended && lasted > TELLING {
            let exchange = Exchange::Outlasted { ms: millis(lasted) };
            self.desk.nodes.exchanged(self.id, exchange);
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl<R> fmt::Debug for Exchanged<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchanged").field("from", &self.from).field("reason", &self.reason).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
