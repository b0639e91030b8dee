//! Nodes over real sockets: each fault does what it says, each family answers in its manner.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap};
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

use super::{Node, NodeSpec};
use crate::manner::{Consensus, Execution, FAMILIES};
use crate::world::{World, WorldConfig};

mod families;
mod faults;
mod publications;

/// Longer than any answer here takes, so that a hang fails a test instead of stopping it.
const PATIENCE: Duration = Duration::from_secs(20);

struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

/// What a test sends.
#[derive(Default)]
struct Ask<'a> {
    method: Option<Method>,
    path: &'a str,
    headers: &'a [(&'static str, &'a str)],
    body: Vec<u8>,
}

fn get(path: &str) -> Ask<'_> {
    Ask { path, ..Ask::default() }
}

fn post<'a>(path: &'a str, body: &Value) -> Ask<'a> {
    let headers: &[(&str, &str)] = &[("content-type", "application/json")];
    Ask { method: Some(Method::POST), path, headers, body: body.to_string().into_bytes() }
}

async fn open(node: &Node, ask: Ask<'_>) -> Result<http::Response<Incoming>, String> {
    let pooled: Client<HttpConnector, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let mut request = Request::builder()
        .method(ask.method.unwrap_or(Method::GET))
        .uri(format!("{}{}", node.url(), ask.path))
        .body(Full::new(Bytes::from(ask.body)))
        .expect("a request");
    for (name, value) in ask.headers {
        request.headers_mut().insert(*name, value.parse().expect("a header"));
    }
    pooled.request(request).await.map_err(|error| error.to_string())
}

async fn send(node: &Node, ask: Ask<'_>) -> Result<Answer, String> {
    let exchange = async {
        let (parts, body) = open(node, ask).await?.into_parts();
        let body = body.collect().await.map_err(|error| error.to_string())?.to_bytes();
        Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body })
    };
    tokio::time::timeout(PATIENCE, exchange).await.unwrap_or_else(|_| Err("it hangs".into()))
}

/// The answer, which must come.
async fn answer(node: &Node, ask: Ask<'_>) -> Answer {
    send(node, ask).await.expect("an answer")
}

/// Waits for a fact.
async fn until(what: &str, fact: impl Fn() -> bool) {
    let wait = async {
        while !fact() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.expect(what);
}

/// Reads a stream until its text contains something.
async fn read_until(response: http::Response<Incoming>, wanted: &str) -> String {
    let mut body = response.into_body();
    let mut text = String::new();
    let read = async {
        while !text.contains(wanted) {
            let frame = body.frame().await.expect("the stream goes on").expect("it is whole");
            text.push_str(&String::from_utf8_lossy(&frame.into_data().unwrap_or_default()));
        }
    };
    tokio::time::timeout(PATIENCE, read).await.expect(wanted);
    text
}

/// A world in which every validator is the validator client's, with these nodes.
async fn world(nodes: Vec<NodeSpec>, slot_ms: u64) -> World {
    let config = WorldConfig { slot_ms, own: 0..64, nodes, ..WorldConfig::default() };
    World::start(config).await.expect("ports are free")
}

/// One node of every family, each under its family's name.
fn one_of_each() -> Vec<NodeSpec> {
    FAMILIES.into_iter().map(|family| NodeSpec::new(family.name(), family, Execution::Geth)).collect()
}

fn node(name: &str) -> NodeSpec {
    NodeSpec::new(name, Consensus::Lodestar, Execution::Geth)
}

fn head_slot(syncing: &Answer) -> u64 {
    crate::vote::number(&syncing.json()["data"]["head_slot"]).expect("a head slot")
}

async fn syncing(node: &Arc<Node>) -> Answer {
    answer(node, get("/eth/v1/node/syncing")).await
}

fn kind(answer: &Answer) -> &str {
    answer.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default()
}
