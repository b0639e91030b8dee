//! The load: kept-alive connections that each ask again as soon as they have their answer.
//!
//! Every answer is read to its end and its status and length are looked at, since a fast refusal would look like a fast
//! proxy. A connection is opened and used once before the clock starts.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{ACCEPT, HOST};
use http::{Request, Response};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::Outcome;

/// What is asked, and how often.
#[derive(Clone, Debug)]
pub struct Load {
    /// Path and query.
    pub target: String,
    /// Connections side by side.
    pub connections: usize,
    /// Requests on each of them.
    pub requests: usize,
    /// The length of the right answer.
    pub length: usize,
}

/// One connection.
pub struct Caller {
    to: SocketAddr,
    sender: SendRequest<Empty<Bytes>>,
}

impl Caller {
    /// Connects.
    ///
    /// # Errors
    ///
    /// When nobody listens.
    pub async fn connect(to: SocketAddr) -> Outcome<Self> {
        let socket = TcpStream::connect(to).await?;
        socket.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(socket)).await?;
        tokio::spawn(connection);
        Ok(Self { to, sender })
    }

    /// Asks, and waits for the head of the answer.
    ///
    /// # Errors
    ///
    /// When the connection breaks.
    pub async fn ask(&mut self, target: &str) -> Outcome<Response<Incoming>> {
        self.sender.ready().await?;
        let request = Request::get(target)
            .header(HOST, self.to.to_string())
            .header(ACCEPT, "application/json")
            .body(Empty::new())?;
        Ok(self.sender.send_request(request).await?)
    }

    /// Asks for what must be there, and reads it whole.
    ///
    /// # Errors
    ///
    /// When the connection breaks or the answer is no success.
    pub async fn read(&mut self, target: &str) -> Outcome<Bytes> {
        let response = self.ask(target).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        if status.is_success() { Ok(body) } else { Err(format!("{target}: {status} {body:?}").into()) }
    }

    /// Reads an answer of any length and throws it away; gives its length and the time it took.
    ///
    /// # Errors
    ///
    /// When the connection breaks or the answer is no success.
    pub async fn swallow(&mut self, target: &str) -> Outcome<(u64, Duration)> {
        let begun = Instant::now();
        let response = self.ask(target).await?;
        if !response.status().is_success() {
            return Err(format!("{target}: {}", response.status()).into());
        }
        let (mut body, mut length) = (response.into_body(), 0);
        while let Some(frame) = body.frame().await {
            length += frame?.data_ref().map_or(0, |bytes| bytes.len() as u64);
        }
        Ok((length, begun.elapsed()))
    }
}

impl Load {
    /// How many requests a round has.
    #[must_use]
    pub fn total(&self) -> usize {
        self.connections * self.requests
    }

    /// Runs one round; the latencies of all requests, ascending.
    ///
    /// # Errors
    ///
    /// At the first wrong answer.
    pub async fn run(&self, to: SocketAddr) -> Outcome<Vec<Duration>> {
        let mut callers = Vec::new();
        for _ in 0..self.connections {
            let mut caller = Caller::connect(to).await?;
            caller.read(&self.target).await?;
            callers.push(caller);
        }
        let mut tasks = JoinSet::new();
        for mut caller in callers {
            let load = self.clone();
            tasks.spawn(async move {
                let mut latencies = Vec::with_capacity(load.requests);
                for _ in 0..load.requests {
                    let begun = Instant::now();
                    let body = caller.read(&load.target).await?;
                    latencies.push(begun.elapsed());
                    if body.len() != load.length {
                        return Outcome::Err(format!("{}: {} bytes", load.target, body.len()).into());
                    }
                }
                Ok(latencies)
            });
        }
        let mut all = Vec::with_capacity(self.total());
        while let Some(latencies) = tasks.join_next().await {
            all.extend(latencies??);
        }
        all.sort_unstable();
        Ok(all)
    }
}
