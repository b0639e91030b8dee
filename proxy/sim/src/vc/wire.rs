//! One HTTP client to one URL, with kept-alive connections as real validator clients have.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, Method, Request};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use serde_json::Value;

use super::profile::Profile;
use crate::locked;

/// The largest answer read.
const MAX_ANSWER: usize = 64 << 20;
/// How long a connection is kept idle: longer than most servers, so that theirs decides.
const IDLE: Duration = Duration::from_secs(75);
/// Most of an error's text that goes into a complaint.
const ERROR_TEXT: usize = 300;

const SSZ: &str = "application/octet-stream";
const JSON: &str = "application/json";

/// The client.
#[derive(Debug)]
pub(super) struct Wire {
    pooled: Client<HttpConnector, Full<Bytes>>,
    base: String,
    profile: Profile,
    /// Routes that answered 415 to SSZ.
    json_only: Mutex<BTreeSet<String>>,
}

/// A body to send.
pub(super) enum Send {
    /// Nothing.
    Nothing,
    /// JSON.
    Json(Value),
    /// SSZ.
    Ssz(Vec<u8>),
}

/// A call.
pub(super) struct Call<'a> {
    pub(super) method: Method,
    pub(super) path: &'a str,
    pub(super) body: Send,
    /// `Eth-Consensus-Version`, where it is due.
    pub(super) version: Option<&'static str>,
    /// Whether SSZ is preferred as the answer.
    pub(super) wants_ssz: bool,
    pub(super) patience: Duration,
}

/// An answer with a success status.
pub(super) struct Answer {
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Wire {
    pub(super) fn new(base: &str, profile: Profile) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let pooled = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE)
            .pool_timer(TokioTimer::new())
            .build(connector);
        Self { pooled, base: base.to_owned(), profile, json_only: Mutex::default() }
    }

    /// Reads JSON.
    pub(super) async fn get(&self, path: &str, patience: Duration) -> Result<Value, String> {
        let call = Call { method: Method::GET, path, body: Send::Nothing, version: None, wants_ssz: false, patience };
        self.call(call).await?.json()
    }

    /// Sends JSON, reads JSON.
    pub(super) async fn ask(&self, path: &str, body: Value, patience: Duration) -> Result<Value, String> {
        let call =
            Call { method: Method::POST, path, body: Send::Json(body), version: None, wants_ssz: false, patience };
        self.call(call).await?.json()
    }

    /// Sends JSON; whatever comes back is fine as long as its status is.
    pub(super) async fn tell(&self, path: &str, body: Value, patience: Duration) -> Result<(), String> {
        let call =
            Call { method: Method::POST, path, body: Send::Json(body), version: None, wants_ssz: false, patience };
        self.call(call).await.map(drop)
    }

    /// Publishes: in SSZ where there is one, until the route answers 415; then in JSON for good.
    pub(super) async fn publish(
        &self,
        path: &str,
        version: Option<&'static str>,
        json: Value,
        ssz: Option<Vec<u8>>,
        patience: Duration,
    ) -> Result<(), String> {
        let call = |body| Call { method: Method::POST, path, body, version, wants_ssz: false, patience };
        let ssz = ssz.filter(|_| !locked(&self.json_only).contains(path));
        if let Some(bytes) = ssz {
            match self.call(call(Send::Ssz(bytes))).await {
                Err(why) if why.starts_with("415") => _ = locked(&self.json_only).insert(path.to_owned()),
                done => return done.map(drop),
            }
        }
        self.call(call(Send::Json(json))).await.map(drop)
    }

    /// Makes a call; an error is its status and text, or why there is none.
    pub(super) async fn call(&self, call: Call<'_>) -> Result<Answer, String> {
        let request = self.request(call.method, call.path, call.wants_ssz, call.version, call.body)?;
        let exchange = async {
            let response = self.pooled.request(request).await.map_err(|error| deepest(&error))?;
            let (parts, body) = response.into_parts();
            let body = Limited::new(body, MAX_ANSWER).collect().await.map_err(|error| error.to_string())?.to_bytes();
            if parts.status.is_success() {
                return Ok(Answer { headers: parts.headers, body });
            }
            let text: String = String::from_utf8_lossy(&body).chars().take(ERROR_TEXT).collect();
            Err(format!("{} {text}", parts.status.as_u16()))
        };
        tokio::time::timeout(call.patience, exchange)
            .await
            .unwrap_or_else(|_| Err(format!("no answer within {} ms", call.patience.as_millis())))
    }

    /// Opens a stream: its status, and its body if that is 200.
    pub(super) async fn stream(&self, path: &str) -> Result<Incoming, (Option<u16>, String)> {
        let mut request = self.request(Method::GET, path, false, None, Send::Nothing).map_err(|why| (None, why))?;
        request.headers_mut().insert(ACCEPT, http::HeaderValue::from_static("text/event-stream"));
        let response = self.pooled.request(request).await.map_err(|error| (None, deepest(&error)))?;
        match response.status().as_u16() {
            200 => Ok(response.into_body()),
            status => Err((Some(status), format!("the event stream was refused with {status}"))),
        }
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        wants_ssz: bool,
        version: Option<&'static str>,
        body: Send,
    ) -> Result<Request<Full<Bytes>>, String> {
        let accept = if wants_ssz { "application/octet-stream;q=1,application/json;q=0.9" } else { JSON };
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header(ACCEPT, accept)
            .header(USER_AGENT, self.profile.user_agent);
        if let Some(version) = version {
            request = request.header("Eth-Consensus-Version", version);
        }
        let bytes = match body {
            Send::Nothing => Bytes::new(),
            Send::Json(value) => {
                request = request.header(CONTENT_TYPE, JSON);
                Bytes::from(value.to_string())
            }
            Send::Ssz(bytes) => {
                request = request.header(CONTENT_TYPE, SSZ);
                Bytes::from(bytes)
            }
        };
        request.body(Full::new(bytes)).map_err(|error| error.to_string())
    }
}

impl Answer {
    /// The body as JSON.
    pub(super) fn json(&self) -> Result<Value, String> {
        serde_json::from_slice(&self.body).map_err(|error| format!("the answer is not JSON: {error}"))
    }

    /// Whether the body is SSZ.
    pub(super) fn is_ssz(&self) -> bool {
        self.header("content-type").starts_with(SSZ)
    }

    /// A header's text, empty if there is none.
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// The innermost cause: what is above it says only that a request failed.
fn deepest(error: &(dyn std::error::Error + 'static)) -> String {
    let mut deepest = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest.to_string()
}
