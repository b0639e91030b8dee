//! The fast node: a front before a simulated one, that answers what is measured from memory.
//!
//! A slow node hides what a proxy costs. The simulated node makes each answer anew, so the front asks it once for each
//! target that the load uses and repeats the bytes. Everything else goes through to it: genesis, spec, syncing and the
//! event stream are what Rangelight's probes expect, and heads keep moving.
//!
//! [`BIG`] is the one answer that is made here: valid JSON of [`BIG_BYTES`] in pieces without a length, as nodes send
//! a whole validator set.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::stream;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::response::Parts;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rangelight_sim::{Consensus, Execution, NodeSpec, World, WorldConfig};
use tokio::net::TcpListener;

use crate::Outcome;
use crate::bare::Bare;

/// The path of the big answer.
pub const BIG: &str = "/eth/v1/beacon/states/head/validators";

/// At least so long is it.
pub const BIG_BYTES: usize = 300 << 20;

/// The paths that are answered from memory.
pub const HOT: [&str; 2] = ["/eth/v1/validator/attestation_data", "/eth/v1/beacon/states/head/validators/0"];

/// One validator as nodes list it.
const VALIDATOR: &str = r#"{"index":"1","balance":"32000000000","status":"active_ongoing","validator":{"pubkey":"0x93247f2209abcacf57b75a51dafae777f9dd38bc7053d1af526f220a7489a6d3a2753e5f3e8b1cfe39b56f43611df74a","withdrawal_credentials":"0x00d50c5c4f7b1b5a3f0c1a1f6b6d0a3b7a3a8b7cf6c2f8b1a6f0b8ff2b6a8c4e","effective_balance":"32000000000","slashed":false,"activation_eligibility_epoch":"0","activation_epoch":"0","exit_epoch":"18446744073709551615","withdrawable_epoch":"18446744073709551615"}}"#;

type Body = UnsyncBoxBody<Bytes, hyper::Error>;

struct Front {
    inner: Bare,
    memory: Mutex<HashMap<String, (Parts, Bytes)>>,
    piece: Bytes,
}

/// Runs three nodes on ports of their own until the future is dropped; `tell` gets their addresses.
///
/// # Errors
///
/// When a port cannot be had.
pub async fn run(tell: impl FnOnce(&[SocketAddr])) -> Outcome<Infallible> {
    let nodes = vec![
        NodeSpec::new("attic", Consensus::Lighthouse, Execution::Geth),
        NodeSpec::new("cellar", Consensus::Teku, Execution::Besu),
        NodeSpec::new("shed", Consensus::Nimbus, Execution::Nethermind),
    ];
    // Slots as short as those of test networks, so that an idle Rangelight has events to pass on.
    let world = World::start(WorldConfig { slot_ms: 4_000, nodes, ..WorldConfig::default() }).await?;
    let mut addresses = Vec::new();
    for node in world.nodes() {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        addresses.push(listener.local_addr()?);
        tokio::spawn(serve(listener, Bare::new(node.address())?));
    }
    tell(&addresses);
    std::future::pending().await
}

async fn serve(listener: TcpListener, inner: Bare) -> Outcome<()> {
    let piece = format!("{VALIDATOR},").repeat((64 << 10) / VALIDATOR.len()).into();
    let front = Arc::new(Front { inner, memory: Mutex::default(), piece });
    loop {
        let (socket, _) = listener.accept().await?;
        socket.set_nodelay(true)?;
        let front = Arc::clone(&front);
        let service = service_fn(move |request| {
            let front = Arc::clone(&front);
            async move { front.answer(request).await }
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(socket), service));
    }
}

impl Front {
    async fn answer(&self, request: Request<Incoming>) -> Outcome<Response<Body>> {
        let path = request.uri().path();
        if path == BIG {
            return Ok(self.big());
        }
        if !HOT.contains(&path) {
            return Ok(self.inner.pass(request).await?.map(BodyExt::boxed_unsync));
        }
        let target = request.uri().to_string();
        let known = self.memory.lock().unwrap_or_else(PoisonError::into_inner).get(&target).cloned();
        let (head, bytes) = match known {
            Some(known) => known,
            None => {
                let (head, body) = self.inner.pass(request).await?.into_parts();
                let answer = (head, body.collect().await?.to_bytes());
                if answer.0.status.is_success() {
                    self.memory.lock().unwrap_or_else(PoisonError::into_inner).insert(target, answer.clone());
                }
                answer
            }
        };
        Ok(Response::from_parts(head, Full::new(bytes).map_err(|never| match never {}).boxed_unsync()))
    }

    fn big(&self) -> Response<Body> {
        let begin = Bytes::from_static(br#"{"execution_optimistic":false,"finalized":false,"data":["#);
        let end = Bytes::from(format!("{VALIDATOR}]}}"));
        let pieces = std::iter::repeat_n(self.piece.clone(), BIG_BYTES.div_ceil(self.piece.len()));
        let all = std::iter::once(begin).chain(pieces).chain([end]);
        let mut response =
            Response::new(StreamBody::new(stream::iter(all.map(|it| Ok(Frame::data(it))))).boxed_unsync());
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }
}
