//! A small HTTP client with opinions.
//!
//! It keeps connections alive as validator clients do, sends what it is told, and looks at every answer with
//! [`opinion`](crate::opinion). A request that gets no answer within [`PATIENCE`] fails the test.

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, Method, Request};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use serde_json::Value;
use tokio::time::timeout;

use crate::events::Events;
use crate::opinion::{self, Door};
use crate::wait::PATIENCE;

/// The largest answer that is read; a test of larger ones streams with a client of its own.
const LONGEST: usize = 64 << 20;

/// Somebody who calls one base URL.
#[derive(Clone, Debug)]
pub struct Caller {
    connections: Client<HttpConnector, Full<Bytes>>,
    base: String,
    door: Door,
}

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// What was asked, for messages.
    pub asked: String,
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Caller {
    /// Calls an own listener: every opinion holds.
    #[must_use]
    pub fn of_listener(base: &str) -> Self {
        Self::new(base, Door::Own)
    }

    /// Calls the admin listener: no node answers there.
    #[must_use]
    pub fn of_admin(base: &str) -> Self {
        Self::new(base, Door::Admin)
    }

    /// Calls a node directly, to compare; nothing is held against it.
    #[must_use]
    pub fn of_node(base: &str) -> Self {
        Self::new(base, Door::Node)
    }

    fn new(base: &str, door: Door) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let connections = Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(connector);
        Self { connections, base: base.trim_end_matches('/').to_owned(), door }
    }

    /// The base URL, without a slash at the end.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// GET, JSON preferred.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path, &[(ACCEPT.as_str(), "application/json")], "")).await
    }

    /// POST of JSON.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        let headers = [(ACCEPT.as_str(), "application/json"), (CONTENT_TYPE.as_str(), "application/json")];
        self.send(self.request(Method::POST, path, &headers, body.to_string())).await
    }

    /// A request with exactly these headers.
    ///
    /// # Panics
    ///
    /// If the path or a header cannot be sent at all.
    #[must_use]
    pub fn request(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Request<Full<Bytes>> {
        let uri = format!("{}{path}", self.base);
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(Full::new(body.into())).expect("the test writes a request that can be sent")
    }

    /// Sends a request and judges the answer.
    ///
    /// # Panics
    ///
    /// If no answer comes, or one that breaks an opinion.
    pub async fn send(&self, request: Request<Full<Bytes>>) -> Answer {
        let asked = format!("{} {}", request.method(), request.uri());
        self.try_send(request).await.unwrap_or_else(|why| panic!("{asked}: {why}"))
    }

    /// As [`send`](Self::send), where no answer, or half a one, may be the right thing.
    ///
    /// # Errors
    ///
    /// Why there is none.
    ///
    /// # Panics
    ///
    /// If an answer breaks an opinion, or nothing at all happens within [`PATIENCE`].
    pub async fn try_send(&self, request: Request<Full<Bytes>>) -> Result<Answer, String> {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let asked = format!("{method} {}", request.uri());
        let exchange = async {
            let response = self.connections.request(request).await.map_err(|error| chain(&error))?;
            let (parts, body) = response.into_parts();
            let body = Limited::new(body, LONGEST).collect().await.map_err(|error| error.to_string())?.to_bytes();
            Ok(Answer { asked: asked.clone(), status: parts.status.as_u16(), headers: parts.headers, body })
        };
        let answer = timeout(PATIENCE, exchange).await.unwrap_or_else(|_| panic!("{asked}: nothing for {PATIENCE:?}"));
        answer.inspect(|answer| {
            if let Err(why) = opinion::judge(self.door, &method, &path, answer) {
                panic!("{asked}: {} and {why}", answer.status);
            }
        })
    }

    /// Sends a request and gives the answer as it comes, unjudged but for its headers: for large or cut bodies.
    ///
    /// # Panics
    ///
    /// If no answer begins within [`PATIENCE`].
    pub async fn stream(&self, request: Request<Full<Bytes>>) -> http::Response<Incoming> {
        let asked = format!("{} {}", request.method(), request.uri());
        let response = timeout(PATIENCE, self.connections.request(request)).await;
        let response = response.unwrap_or_else(|_| panic!("{asked}: nothing for {PATIENCE:?}"));
        let response = response.unwrap_or_else(|error| panic!("{asked}: {}", chain(&error)));
        if self.door != Door::Node
            && let Err(why) = opinion::judge_headers(response.headers())
        {
            panic!("{asked}: {why}");
        }
        response
    }

    /// Opens the event stream with this query, as `topics=head`.
    ///
    /// # Panics
    ///
    /// If it is not opened with 200 and the right headers.
    pub async fn events(&self, query: &str) -> Events {
        let path = format!("/eth/v1/events?{query}");
        let response =
            self.stream(self.request(Method::GET, &path, &[(ACCEPT.as_str(), "text/event-stream")], "")).await;
        Events::new(response, self.door != Door::Node)
    }
}

impl Answer {
    /// Itself, if it is a success.
    ///
    /// # Panics
    ///
    /// If it is none.
    pub fn ok(self) -> Self {
        assert!((200..300).contains(&self.status), "{}: {} {}", self.asked, self.status, self.text());
        self
    }

    /// Itself, if it has this status.
    ///
    /// # Panics
    ///
    /// If it has another.
    pub fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}: {}", self.asked, self.text());
        self
    }

    /// The body as JSON.
    ///
    /// # Panics
    ///
    /// If it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{}: {error}: {}", self.asked, self.text()))
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A header's text, empty if it is absent.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The node that it came from, if one did.
    #[must_use]
    pub fn node(&self) -> Option<&str> {
        self.headers.get("x-rangelight-node").and_then(|value| value.to_str().ok())
    }
}

/// An error with all its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
