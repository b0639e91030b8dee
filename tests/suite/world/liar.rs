//! A node whose event stream says what the test says; everything else it passes on to an honest node.
//!
//! What simulated nodes tell follows from their chain, faults included. A node that invents events, or floods, needs
//! somebody to write them.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::broadcast;
use tokio::task::JoinHandle;

/// Events that wait for a slow reader; a test that says more without being heard loses the oldest.
const QUEUE: usize = 1 << 16;

type Body = UnsyncBoxBody<Bytes, hyper::Error>;
type Honest = Client<HttpConnector, Full<Bytes>>;

/// A running liar.
pub(crate) struct Liar {
    url: String,
    said: broadcast::Sender<Bytes>,
    door: JoinHandle<()>,
}

impl Liar {
    /// Starts one before an honest node.
    pub(crate) async fn start(honest: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has free ports");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        let said = broadcast::channel(QUEUE).0;
        let (events, base) = (said.clone(), honest.to_owned());
        let nodes: Honest = Client::builder(TokioExecutor::new()).build(HttpConnector::new());
        let door = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (events, base, nodes) = (events.clone(), base.clone(), nodes.clone());
                let service = service_fn(move |request: Request<Incoming>| {
                    let (events, base, nodes) = (events.subscribe(), base.clone(), nodes.clone());
                    async move {
                        Ok::<_, Infallible>(match request.uri().path() {
                            "/eth/v1/events" => stream_of(events),
                            _ => honestly(&nodes, &base, request).await,
                        })
                    }
                });
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Self { url, said, door }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// How many read its event stream. Requests in flight count too, for a moment.
    pub(crate) fn listeners(&self) -> usize {
        self.said.receiver_count()
    }

    /// Says an event to all who listen.
    pub(crate) fn say(&self, topic: &str, event: &Value) {
        // Nobody listening is the test's matter.
        let _ = self.said.send(Bytes::from(format!("event: {topic}\ndata: {event}\n\n")));
    }
}

impl Drop for Liar {
    fn drop(&mut self) {
        self.door.abort();
    }
}

fn stream_of(events: broadcast::Receiver<Bytes>) -> Response<Body> {
    let frames = futures_util::stream::unfold(events, |mut events| async move {
        let said = events.recv().await.ok()?;
        Some((Ok(Frame::data(said)), events))
    });
    let mut response = Response::new(StreamBody::new(frames).boxed_unsync());
    response.headers_mut().insert("content-type", http::HeaderValue::from_static("text/event-stream"));
    response
}

async fn honestly(nodes: &Honest, base: &str, request: Request<Incoming>) -> Response<Body> {
    let (mut parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    parts.uri = format!("{base}{path}").parse().expect("a path of a request is a path");
    parts.headers.remove("host");
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    match nodes.request(Request::from_parts(parts, Full::new(body))).await {
        Ok(response) => response.map(BodyExt::boxed_unsync),
        Err(_) => {
            let mut response = Response::new(Full::default().map_err(|never| match never {}).boxed_unsync());
            *response.status_mut() = http::StatusCode::BAD_GATEWAY;
            response
        }
    }
}
