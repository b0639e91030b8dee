//! Callers and an answerer for the tests of the front.

use std::net::SocketAddr;

use bytes::Bytes;
use futures_util::StreamExt;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Method, Response, StatusCode};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use rangelight_policy::catalogue::Row;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::super::*;
use crate::budget::{Budget, Purpose, collect};
use crate::gateway::{Gateway, Rules};
use crate::reply::{BoxError, Refusal, Reply, json};
use crate::service::{Admitted, Answerer, Answering, Service, operation};

/// With sockets nothing takes so long, so what does hangs.
const HANG: Duration = Duration::from_secs(30);
/// The same under the paused clock: longer than every limit of the front.
const PAUSED_HANG: Duration = Duration::from_secs(3_000);

/// A request that is answered at once.
pub(super) const GOOD: &str = "GET /eth/v1/node/version HTTP/1.1\r\nHost: localhost\r\n\r\n";
/// A request whose answer waits for [`Echo::go`].
pub(super) const HELD: &str = "GET /eth/v1/node/health HTTP/1.1\r\nHost: localhost\r\n\r\n";
/// A request whose answer ends with the drain.
pub(super) const EVENTS: &str = "GET /eth/v1/events?topics=head HTTP/1.1\r\nHost: localhost\r\n\r\n";
/// A request for [`LARGE`] bytes.
pub(super) const MUCH: &str = "GET /eth/v1/node/syncing HTTP/1.1\r\nHost: localhost\r\n\r\n";
pub(super) const LARGE: usize = 4 << 20;

/// An answerer whose answers depend on the path's last word; a POST is read whole and answered with its length.
#[derive(Clone)]
pub(super) struct Echo {
    /// Requests that got here.
    pub(super) came: watch::Sender<usize>,
    /// Each permit lets one held request go.
    pub(super) go: Arc<Semaphore>,
    draining: watch::Receiver<bool>,
    budget: Arc<Budget>,
}

/// A front that runs.
pub(super) struct House {
    pub(super) echo: Echo,
    pub(super) bound: Bound,
}

/// A front without a listener, for connections in memory.
pub(super) struct Room {
    pub(super) echo: Echo,
    shared: Shared,
    /// Begins the drain.
    _draining: watch::Sender<bool>,
}

/// One end of a connection.
pub(super) struct Talk<S> {
    pub(super) stream: S,
    read: Vec<u8>,
    hang: Duration,
}

/// What came back.
#[derive(Debug)]
pub(super) struct Heard {
    pub(super) status: u16,
    /// The head, in lower case.
    pub(super) head: String,
    pub(super) body: Vec<u8>,
}

// === impl Echo ===

impl Answerer for Echo {
    type Place = &'static Row;

    fn find(&self, method: &Method, path: &str) -> Result<(&'static Row, usize), Refusal> {
        operation(method, path)
    }

    fn outlives(&self, row: &&'static Row) -> bool {
        row.method != rangelight_policy::catalogue::Method::Get
    }

    fn answer(&self, admitted: Admitted<&'static Row>) -> Answering {
        let echo = self.clone();
        Box::pin(async move { echo.reply(admitted).await })
    }
}

impl Echo {
    fn new(draining: watch::Receiver<bool>) -> Self {
        let (came, go) = (watch::Sender::new(0), Arc::new(Semaphore::new(0)));
        Self { came, go, draining, budget: Arc::default() }
    }

    /// A front that this answerer stands behind.
    pub(super) fn front(&self, limits: &Limits) -> Arc<Service<Self>> {
        Arc::new(Service::new(Gateway::new(rules(), limits), Arc::new(self.clone()), limits))
    }

    async fn reply(self, admitted: Admitted<&'static Row>) -> Reply {
        let came = || self.came.send_modify(|came| *came += 1);
        if admitted.request.method() == Method::POST {
            let body = admitted.request.into_body();
            let collected = collect(body, usize::MAX, &self.budget, Purpose::Other, PAUSED_HANG).await;
            return match collected {
                Ok(body) => {
                    came();
                    json(StatusCode::OK, body.len().to_string())
                }
                Err(fault) => fault.refusal().reply(),
            };
        }
        came();
        match admitted.request.uri().path().rsplit('/').next() {
            Some("events") => self.events(),
            Some("health") => {
                self.go.acquire().await.expect("never closed").forget();
                json(StatusCode::OK, "\"gone\"")
            }
            Some("mirror") => json(StatusCode::OK, seen(&admitted.request)),
            Some("syncing") => json(StatusCode::OK, vec![b'1'; LARGE]),
            _ => json(StatusCode::OK, format!("{:?}", admitted.caller.label)),
        }
    }

    /// A comment, then nothing until the drain.
    fn events(self) -> Reply {
        let mut draining = self.draining;
        let comment = futures_util::stream::iter([Ok::<_, BoxError>(Frame::data(Bytes::from_static(b":\n\n")))]);
        let silence = futures_util::stream::once(async move { begun(&mut draining).await }).filter_map(async |()| None);
        let mut reply = Response::new(StreamBody::new(Box::pin(comment.chain(silence))).boxed_unsync());
        reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        reply
    }

    /// Waits until so many requests got here.
    pub(super) async fn came(&self, count: usize) {
        let mut came = self.came.subscribe();
        let waited = timeout(HANG, came.wait_for(|came| *came >= count)).await;
        waited.expect("the requests come").expect("the sender lives");
    }
}

/// A request as it gets here: its target, then its headers in order of their names, one a line.
fn seen<B>(request: &Request<B>) -> String {
    let mut lines: Vec<_> = request.headers().iter().map(|line| format!("{line:?}")).collect();
    lines.sort();
    format!("{}\n{}", request.uri(), lines.join("\n"))
}

// === impl House, Room ===

fn rules() -> Rules {
    Rules {
        section: "[listen]",
        hosts: vec![],
        origins: vec!["https://page.example".into()],
        token: None,
        host_name: None,
    }
}

impl House {
    /// A front on these addresses.
    pub(super) fn on(addresses: &[ListenAddress], limits: &Limits) -> Self {
        let draining = watch::Sender::new(false);
        let echo = Echo::new(draining.subscribe());
        let front: Arc<dyn Front> = echo.front(limits);
        let listeners =
            addresses.iter().map(|address| Listener { address: address.clone(), front: Arc::clone(&front) }).collect();
        let bound = start(listeners, limits, draining).expect("the addresses are free");
        Self { echo, bound }
    }

    /// A front on a port of loopback.
    pub(super) fn new(limits: &Limits) -> Self {
        Self::on(&[tcp("127.0.0.1:0")], limits)
    }

    pub(super) fn port(&self) -> SocketAddr {
        match self.bound.addresses().first() {
            Some(ListenAddress::Tcp(address)) => *address,
            other => unreachable!("{other:?} is no port"),
        }
    }

    pub(super) async fn connect(&self) -> Talk<TcpStream> {
        Talk::new(TcpStream::connect(self.port()).await.expect("it listens"))
    }

    /// The server is alive for the next caller.
    pub(super) async fn still_answers(&self, after: &str) {
        let mut talk = self.connect().await;
        talk.say(GOOD).await;
        assert_eq!(talk.hear().await.map(|heard| heard.status), Some(200), "after {after}");
    }
}

impl Room {
    pub(super) fn new(limits: &Limits) -> Self {
        let draining = watch::Sender::new(false);
        let echo = Echo::new(draining.subscribe());
        let front = echo.front(limits);
        let (builder, draining_now) = (Arc::new(builder(limits)), draining.subscribe());
        let shared = Shared { front, limits: Arc::new(limits.clone()), builder, draining: draining_now };
        Self { echo, shared, _draining: draining }
    }

    /// A connection through a pipe that holds so many bytes.
    pub(super) fn connect(&self, holds: usize) -> Talk<DuplexStream> {
        let (ours, theirs) = tokio::io::duplex(holds);
        tokio::spawn(serve(theirs, Remote::Unix, self.shared.clone()));
        Talk::paused(ours)
    }
}

pub(super) fn tcp(address: &str) -> ListenAddress {
    ListenAddress::Tcp(address.parse().expect("an address"))
}

// === impl Talk ===

impl<S: AsyncRead + AsyncWrite + Unpin> Talk<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, read: Vec::new(), hang: HANG }
    }

    /// One end of a connection in memory, under the paused clock.
    pub(super) fn paused(stream: S) -> Self {
        Self { hang: PAUSED_HANG, ..Self::new(stream) }
    }

    /// Sends bytes; that the other side no longer takes them is no failure.
    pub(super) async fn say(&mut self, bytes: impl AsRef<[u8]>) {
        let _ =
            timeout(self.hang, self.stream.write_all(bytes.as_ref())).await.expect("the bytes are taken or refused");
    }

    /// Reads more; false at the end of the connection.
    async fn more(&mut self) -> bool {
        let read =
            timeout(self.hang, self.stream.read_buf(&mut self.read)).await.expect("bytes or an end, never silence");
        read.is_ok_and(|count| count > 0)
    }

    /// The next reply, `None` if the connection ended without one. A body without a length is read to its end.
    pub(super) async fn hear(&mut self) -> Option<Heard> {
        let end = loop {
            if let Some(at) = self.read.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break at + 4;
            }
            if !self.more().await {
                assert!(self.read.is_empty(), "half a head: {:?}", String::from_utf8_lossy(&self.read));
                return None;
            }
        };
        let head = String::from_utf8(self.read.drain(..end).collect()).expect("text").to_lowercase();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status line");
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).map(|text| text.parse());
        let none = if status == 204 { 0 } else { usize::MAX };
        let length: usize = length.unwrap_or(Ok(none)).expect("a length");
        while self.read.len() < length && self.more().await {}
        let body = self.read.drain(..length.min(self.read.len())).collect();
        Some(Heard { status, head, body })
    }

    /// Waits until anything of a reply is here.
    pub(super) async fn some(&mut self) {
        assert!(!self.read.is_empty() || self.more().await, "the connection ended");
    }

    /// Reads what still comes, until the connection ends. The number of bytes.
    pub(super) async fn end(&mut self) -> usize {
        while self.more().await {}
        self.read.len()
    }
}

impl Heard {
    /// It is a refusal in the API's shape; its message.
    pub(super) fn refusal(&self) -> String {
        assert!(self.head.contains("\r\ncontent-type: application/json\r\n"), "{}", self.head);
        let said: serde_json::Value = serde_json::from_slice(&self.body).expect("JSON");
        assert_eq!(said["code"], self.status, "{said}");
        said["message"].as_str().expect("a message").to_owned()
    }
}
