//! The data plane towards one node: kept-alive pooled connections, one exchange at a time over each.
//!
//! Two pools stand side by side. The *warm* one keeps idle connections; the *cold* one never does. A node that closes
//! an idle connection just as we send on it (Lodestar does so after 5 s) would cost a duty, so an exchange that a row
//! calls repeatable, and that ended in a reset or an end of stream before the answer's first byte, is sent once more
//! over the cold pool: a connection that was opened for it cannot be stale. Asking the warm pool again was tried and
//! can hand out the next stale connection, as all idle ones were closed at the same time.
//!
//! Exchanges of bodies at hand take turns: [`IN_FLIGHT`] of them run at one time, the rest wait within their patience. A
//! burst of one-attestation requests would otherwise open a connection for each, and run this machine out of file
//! descriptors, or the node out of its own. What this machine lacks is [`Fault::Ours`] and says nothing about the node.
//!
//! Redirects are not followed and nothing is decompressed: what a node says is passed on or judged as it came.

use std::error::Error as _;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, AUTHORIZATION, HOST, USER_AGENT};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, Uri, Version};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error as ClientError};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::config::NodeConfig;
use crate::reply::BoxError;

/// What is sent: a body that is at hand and can be sent again, or one that streams through once.
pub type SentBody = Either<Full<Bytes>, UnsyncBoxBody<Bytes, BoxError>>;

/// How we introduce ourselves. Lodestar answers some families' User-Agents in JSON only, so the VC's is not passed on.
pub const OWN_USER_AGENT: &str = concat!("rangelight/", env!("CARGO_PKG_VERSION"));

/// A connection attempt that takes longer is a fault. A friend on another continent needs 300 ms with TLS.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(1_500);

/// Idle connections live this long at most; the node's own limit is usually shorter and wins.
const IDLE: Duration = Duration::from_secs(90);

/// Idle connections kept per node: a burst of one-attestation requests must not reconnect for each.
const IDLE_CONNECTIONS: usize = 64;

/// Exchanges with one node that run at one time, each on a connection of its own. Beacon nodes answer no faster beyond
/// it, and some refuse more connections from one address.
pub const IN_FLIGHT: usize = 128;

/// A turn to speak with a node; given back when dropped.
pub type Turn = OwnedSemaphorePermit;

/// Whether the VC's request may be sent a second time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// Once more on a new connection, if the first died before the answer's first byte.
    OnNewConnection,
    /// Never: the node may have acted on it.
    Never,
}

/// Why an exchange gave no answer. The words end up in evidence and in what the VC reads when a race is exhausted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nobody listens there, or the name does not resolve.
    Unreachable,
    /// No connection came about in time, so nothing was sent. A stopped program whose queue is full looks like that too,
    /// so what the node last said of itself stays.
    NoConnection,
    /// TLS failed: an unknown authority, a wrong name, an expired certificate.
    Tls,
    /// The connection ended before the answer began.
    Reset,
    /// The connection ended inside the answer.
    Truncated,
    /// Not HTTP, or an answer beyond our limits.
    Garbled,
    /// No answer in time.
    Timeout,
    /// This machine lacks something. It says nothing about the node.
    Ours(Lack),
}

/// What this machine lacked for an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lack {
    /// File descriptors, local ports or socket buffers: nothing was sent.
    Sockets,
    /// A turn: all exchanges that may run with this node at one time went on until the patience was over. Nothing was
    /// sent.
    Turn,
    /// Memory for an answer that is to be read whole.
    Memory,
    /// The will to read so much: the answer is larger than our limit for its operation.
    Limit,
}

/// The head of a request to a node; the caller's path and query, byte for byte.
#[derive(Clone, Debug)]
pub struct SentHead {
    /// Its method.
    pub method: Method,
    /// Its path and query as the caller wrote them.
    pub target: PathAndQuery,
    /// Its headers, already stripped by [`crate::reply`].
    pub headers: HeaderMap,
}

/// One node's data plane.
#[derive(Clone)]
pub struct Transport {
    scheme: Scheme,
    authority: Authority,
    prefix: String,
    fixed: HeaderMap,
    warm: Client<HttpsConnector<HttpConnector>, SentBody>,
    cold: Client<HttpsConnector<HttpConnector>, SentBody>,
    turns: Arc<Semaphore>,
}

// === impl Transport ===

impl Transport {
    /// Builds the pools; connects nowhere yet.
    #[must_use]
    pub fn new(node: &NodeConfig, tls: rustls::ClientConfig) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(Duration::from_secs(20)));
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        tcp.enforce_http(false);
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let mut builder = Client::builder(TokioExecutor::new());
        builder.timer(TokioTimer::new()).pool_timer(TokioTimer::new()).pool_idle_timeout(IDLE);
        let warm = builder.pool_max_idle_per_host(IDLE_CONNECTIONS).build(connector.clone());
        let cold = builder.pool_max_idle_per_host(0).retry_canceled_requests(false).build(connector);
        let mut fixed = fixed_headers(node);
        // The pool would write it anew for every request.
        if let Ok(host) = HeaderValue::from_str(node.url.authority().as_str()) {
            fixed.insert(HOST, host);
        }
        Self {
            scheme: node.url.scheme().clone(),
            authority: node.url.authority().clone(),
            prefix: node.url.prefix().to_owned(),
            fixed,
            warm,
            cold,
            turns: Arc::new(Semaphore::new(IN_FLIGHT)),
        }
    }

    /// Waits for a turn to speak, first come, first served.
    ///
    /// # Errors
    /// [`Fault::Ours`] if none comes free within `patience`.
    pub async fn turn(&self, patience: Duration) -> Result<Turn, Fault> {
        match tokio::time::timeout(patience, Arc::clone(&self.turns).acquire_owned()).await {
            Ok(Ok(turn)) => Ok(turn),
            // The semaphore is never closed.
            Ok(Err(_)) | Err(_) => Err(Fault::Ours(Lack::Turn)),
        }
    }

    /// Sends a request whose body is at hand.
    ///
    /// # Errors
    /// The [`Fault`], after the one repetition that `repeat` allows.
    pub async fn send(&self, head: &SentHead, body: Bytes, repeat: Repeat) -> Result<Response<Incoming>, Fault> {
        let first = self.warm.request(self.request(head, Either::Left(Full::new(body.clone())))).await;
        match first {
            Ok(response) => Ok(response),
            Err(error) if repeat == Repeat::OnNewConnection && fault(&error) == Fault::Reset => {
                let again = self.request(head, Either::Left(Full::new(body)));
                self.cold.request(again).await.map_err(|error| fault(&error))
            }
            Err(error) => Err(fault(&error)),
        }
    }

    /// Sends a request whose body streams through; never repeated. A new connection is used, since a stale one could
    /// not be told from a node that acted.
    ///
    /// # Errors
    /// The client's error as it is: the caller's own body may be behind it. [`fault`] sorts the rest.
    pub async fn stream(
        &self,
        head: &SentHead,
        body: UnsyncBoxBody<Bytes, BoxError>,
    ) -> Result<Response<Incoming>, ClientError> {
        let request = self.request(head, Either::Right(body));
        self.cold.request(request).await
    }

    fn request(&self, head: &SentHead, body: SentBody) -> Request<SentBody> {
        let mut uri = http::uri::Parts::default();
        uri.scheme = Some(self.scheme.clone());
        uri.authority = Some(self.authority.clone());
        uri.path_and_query = Some(self.target(&head.target));
        let mut request = Request::new(body);
        *request.uri_mut() = Uri::from_parts(uri).expect("scheme, authority and path make a URI");
        *request.method_mut() = head.method.clone();
        *request.version_mut() = Version::HTTP_11;
        *request.headers_mut() = head.headers.clone();
        for name in [HOST, ACCEPT_ENCODING, AUTHORIZATION] {
            request.headers_mut().remove(name);
        }
        for (name, value) in &self.fixed {
            request.headers_mut().insert(name, value.clone());
        }
        request
    }

    fn target(&self, target: &PathAndQuery) -> PathAndQuery {
        if self.prefix.is_empty() {
            return target.clone();
        }
        // Two valid paths, one behind the other, are a valid path; only its length could be too much.
        PathAndQuery::try_from(format!("{}{target}", self.prefix)).unwrap_or_else(|_| target.clone())
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport").field("authority", &self.authority).finish_non_exhaustive()
    }
}

/// The headers that every request to this node carries, credentials among them (marked sensitive).
#[must_use]
pub fn fixed_headers(node: &NodeConfig) -> HeaderMap {
    let mut fixed = HeaderMap::new();
    fixed.insert(USER_AGENT, HeaderValue::from_static(OWN_USER_AGENT));
    let mut put = |name: HeaderName, secret: &crate::config::Secret| {
        // The configuration refuses secrets that are no header value, so nothing is lost here.
        if let Ok(mut value) = HeaderValue::from_str(secret.expose()) {
            value.set_sensitive(true);
            fixed.insert(name, value);
        }
    };
    if let Some(authorization) = &node.authorization {
        put(AUTHORIZATION, authorization);
    }
    for (name, value) in &node.headers {
        put(name.clone(), value);
    }
    fixed
}

// === impl Fault ===

impl Fault {
    /// The words for it.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Unreachable => "cannot be reached",
            Self::NoConnection => "cannot be reached in time",
            Self::Tls => "TLS failed",
            Self::Reset => "closed the connection without an answer",
            Self::Truncated => "closed the connection inside its answer",
            Self::Garbled => "answered something that is not HTTP",
            Self::Timeout => "did not answer in time",
            Self::Ours(Lack::Sockets) => "this machine has no file descriptors or ports left",
            Self::Ours(Lack::Memory) => "its answer found no memory here",
            Self::Ours(Lack::Limit) => "its answer is larger than Rangelight reads",
            Self::Ours(Lack::Turn) => "too many exchanges with it are in flight",
        }
    }

    /// Whether it is certain that the node got nothing of the request.
    #[must_use]
    pub fn unsent(self) -> bool {
        matches!(self, Self::Unreachable | Self::NoConnection | Self::Tls | Self::Ours(Lack::Sockets | Lack::Turn))
    }
}

/// Sorts the client's errors by what they mean for us.
#[must_use]
pub fn fault(error: &ClientError) -> Fault {
    let mut cause = error.source();
    while let Some(inner) = cause {
        if inner.is::<rustls::Error>() {
            return Fault::Tls;
        }
        if let Some(hyper) = inner.downcast_ref::<hyper::Error>() {
            let beneath = hyper.source().and_then(|cause| cause.downcast_ref::<std::io::Error>());
            return if beneath.is_some_and(refuses_us) { Fault::Tls } else { hyper_fault(hyper, error.is_connect()) };
        }
        if let Some(io) = inner.downcast_ref::<std::io::Error>() {
            if is_tls(io) {
                return Fault::Tls;
            }
            if exhausted(io) {
                return Fault::Ours(Lack::Sockets);
            }
            if io.kind() == std::io::ErrorKind::TimedOut {
                return if error.is_connect() { Fault::NoConnection } else { Fault::Timeout };
            }
        }
        cause = inner.source();
    }
    if error.is_connect() { Fault::Unreachable } else { Fault::Reset }
}

/// Whether rustls speaks through an `io::Error`. The connector wraps it twice, and `source` skips what is wrapped.
fn is_tls(io: &std::io::Error) -> bool {
    io.get_ref().is_some_and(|wrapped| {
        wrapped.is::<rustls::Error>() || wrapped.downcast_ref::<std::io::Error>().is_some_and(is_tls)
    })
}

/// Whether the node ended the handshake because of who we are. In TLS 1.3 that comes after our first request, which was
/// then never looked at; any other trouble of TLS on a standing connection says nothing about what became of a request.
fn refuses_us(io: &std::io::Error) -> bool {
    use rustls::AlertDescription as Alert;

    let about_us = |error: &rustls::Error| {
        let rustls::Error::AlertReceived(alert) = error else { return false };
        matches!(
            alert,
            Alert::CertificateRequired
                | Alert::BadCertificate
                | Alert::UnsupportedCertificate
                | Alert::CertificateRevoked
                | Alert::CertificateExpired
                | Alert::CertificateUnknown
                | Alert::UnknownCA
                | Alert::AccessDenied
                | Alert::HandshakeFailure
        )
    };
    io.get_ref().is_some_and(|wrapped| {
        wrapped.downcast_ref::<rustls::Error>().is_some_and(about_us)
            || wrapped.downcast_ref::<std::io::Error>().is_some_and(refuses_us)
    })
}

/// Whether the system refused a socket because this machine, or this process, has none left.
#[must_use]
pub fn exhausted(io: &std::io::Error) -> bool {
    const EMFILE: i32 = 24;
    const ENFILE: i32 = 23;
    // The numbers of Linux. Ports have a kind; buffers and descriptors have none that is stable.
    const ENOBUFS: i32 = 105;
    io.kind() == std::io::ErrorKind::AddrNotAvailable || matches!(io.raw_os_error(), Some(EMFILE | ENFILE | ENOBUFS))
}

fn hyper_fault(error: &hyper::Error, connecting: bool) -> Fault {
    if error.is_parse() {
        Fault::Garbled
    } else if error.is_timeout() {
        if connecting { Fault::NoConnection } else { Fault::Timeout }
    } else if connecting {
        Fault::Unreachable
    } else {
        // Incomplete messages, cancelled and closed connections, and broken pipes all mean that no answer began.
        Fault::Reset
    }
}

#[cfg(test)]
mod tests;
