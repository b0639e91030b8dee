//! The life of one request at a node: received, written down, acted upon, perhaps damaged, answered.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, DATE, USER_AGENT};
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use serde_json::Value;

use super::listen::Link;
use super::reply::{Body, Reply, SSZ, Whole};
use super::route::{Found, Route, find};
use super::{Node, attest, damage, duty, events, pool, propose, publish, state, status};
use crate::clock::http_date;
use crate::fault::Fault;
use crate::ground::{Ground, View};
use crate::locked;
use crate::manner::Manner;

/// The largest body a node reads; above it 413.
const MAX_BODY: usize = 64 << 20;

/// One request, with all that its answer may depend on.
pub(crate) struct Ask<'a> {
    pub(crate) node: &'a Arc<Node>,
    pub(crate) ground: Arc<Ground>,
    pub(crate) manner: &'static Manner,
    pub(crate) view: View,
    pub(crate) path: &'a str,
    pub(crate) holes: Vec<String>,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a Bytes,
}

impl Ask<'_> {
    /// The first value of a query parameter.
    pub(crate) fn param(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// All values of a query parameter, repeated or separated by commas.
    pub(crate) fn params(&self, name: &str) -> Vec<&str> {
        let values = self.query.iter().filter(|(key, _)| key == name);
        values.flat_map(|(_, value)| value.split(',')).filter(|value| !value.is_empty()).collect()
    }

    /// The text at a hole of the path.
    pub(crate) fn hole(&self, at: usize) -> &str {
        self.holes.get(at).map_or("", String::as_str)
    }

    fn header(&self, name: impl http::header::AsHeaderName) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Whether the caller would rather have SSZ than JSON.
    pub(crate) fn prefers_ssz(&self) -> bool {
        let weight = |kind: &str| {
            let part = self.header(ACCEPT).split(',').map(str::trim).find(|part| part.starts_with(kind))?;
            let q = part.split(';').find_map(|option| option.trim().strip_prefix("q="));
            q.map_or(Some(1.0), |q| q.parse::<f32>().ok())
        };
        weight(SSZ).is_some_and(|ssz| weight("application/json").is_none_or(|json| ssz > json))
    }

    /// Whether duties are answered in SSZ to this caller.
    pub(crate) fn wants_ssz_duties(&self) -> bool {
        let caller = self.header(USER_AGENT);
        let json_only = self.manner.json_for.iter().any(|name| caller.starts_with(name));
        self.manner.ssz_duties && !json_only && self.prefers_ssz()
    }

    /// Whether the body is SSZ.
    pub(crate) fn sends_ssz(&self) -> bool {
        self.header(CONTENT_TYPE).starts_with(SSZ)
    }

    /// `Eth-Consensus-Version`.
    pub(crate) fn consensus_version(&self) -> &str {
        self.header("eth-consensus-version")
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Option<Value> {
        serde_json::from_slice(self.body).ok()
    }

    /// The body as a JSON list.
    pub(crate) fn items(&self) -> Option<Vec<Value>> {
        match self.json() {
            Some(Value::Array(items)) => Some(items),
            _ => None,
        }
    }

    pub(crate) fn bad(&self, message: &str) -> Reply {
        self.manner.error(400, message).into()
    }
}

/// Serves one request. An answer that a fault forbids never comes: the connection is cut instead.
pub(crate) async fn serve(
    node: Arc<Node>,
    link: Arc<Link>,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let reused = link.served.fetch_add(1, Ordering::Relaxed) > 0;
    if reused && node.has(&Fault::CloseIdle) {
        link.cut.notify_one();
        return std::future::pending().await;
    }
    link.running.fetch_add(1, Ordering::Relaxed);
    let (parts, body) = request.into_parts();
    let response = match Limited::new(body, MAX_BODY).collect().await {
        Ok(body) => answer(&node, &link, &parts, body.to_bytes()).await,
        Err(_) => node.manner.error(413, "payload too large").response(),
    };
    link.running.fetch_sub(1, Ordering::Relaxed);
    Ok(response)
}

async fn answer(node: &Arc<Node>, link: &Arc<Link>, parts: &http::request::Parts, body: Bytes) -> Response<Body> {
    let number = locked(&node.log).write(node.home.clock.now_ms(), parts, &body);
    going_on(node).await;
    let pause = node.find(|active| match active.fault {
        Fault::Slow(pause) => Some(pause / 2),
        _ => None,
    });
    tokio::time::sleep(pause.unwrap_or_default()).await;
    let reply = match damage::instead(node) {
        Some(instead) => instead.into(),
        None => act(node, parts, &body).await,
    };
    tokio::time::sleep(pause.unwrap_or_default()).await;
    let mut response = damage::apply(node, link, reply);
    dress(node, &mut response);
    locked(&node.log).answered(number, response.status().as_u16());
    response
}

/// Waits while the node stands still.
pub(crate) async fn going_on(node: &Node) {
    let mut faults = node.faults.subscribe();
    // The sender lives in the node, so waiting for it can only end by a change.
    _ = faults.wait_for(|faults| !faults.iter().any(|active| active.fault == Fault::Stall)).await;
}

/// Headers that every answer of a node has.
fn dress(node: &Node, response: &mut Response<Body>) {
    let skew_ms = node.find(|active| match active.fault {
        Fault::ClockSkew(ms) => Some(ms),
        _ => None,
    });
    if let Some(skew_ms) = skew_ms {
        let now = node.home.clock.genesis_time * 1000 + node.home.clock.now_ms();
        if let Ok(date) = HeaderValue::try_from(http_date(now.saturating_add_signed(skew_ms) / 1000)) {
            response.headers_mut().insert(DATE, date);
        }
    }
    if node.manner.tells_idle
        && let Ok(value) = HeaderValue::try_from(format!("timeout={}", node.manner.idle.as_secs()))
    {
        response.headers_mut().insert("keep-alive", value);
    }
}

async fn act(node: &Arc<Node>, parts: &http::request::Parts, body: &Bytes) -> Reply {
    let path = parts.uri.path();
    let manner = node.manner;
    let (route, holes) = match find(&parts.method, path, manner) {
        Found::Route(route, holes) => (route, holes),
        Found::WrongMethod if manner.wrong_method == 405 => return manner.error(405, "method not allowed").into(),
        Found::WrongMethod | Found::Nothing => {
            let text = manner.no_route.replace("{method}", parts.method.as_str()).replace("{path}", path);
            return manner.error(404, &text).into();
        }
    };
    if manner.demands_content_type && !body.is_empty() && !parts.headers.contains_key(CONTENT_TYPE) {
        return manner.plain_error(415, "Unsupported media type").into();
    }
    let ask = Ask {
        node,
        ground: Arc::clone(node.ground()),
        manner,
        view: node.view(),
        path,
        holes,
        query: query(parts.uri.query().unwrap_or_default()),
        headers: &parts.headers,
        body,
    };
    dispatch(ask, route).await
}

async fn dispatch(ask: Ask<'_>, route: Route) -> Reply {
    match route {
        Route::Genesis => status::genesis(&ask),
        Route::Spec => status::spec(&ask),
        Route::ForkSchedule => status::fork_schedule(&ask),
        Route::DepositContract => status::deposit_contract(),
        Route::Health => status::health(&ask),
        Route::Syncing => status::syncing(&ask),
        Route::VersionV1 => status::version_v1(&ask),
        Route::VersionV2 => status::version_v2(&ask),
        Route::PeerCount => status::peer_count(&ask),
        Route::Identity => status::identity(&ask),
        Route::Events => events::open(&ask),
        Route::StateRoot => state::root(&ask),
        Route::StateFork => state::fork(&ask),
        Route::Finality => state::finality(&ask),
        Route::Validators => state::validators(&ask),
        Route::Validator => state::validator(&ask),
        Route::Headers => state::headers(&ask),
        Route::Header => state::header(&ask),
        Route::BlockRoot => state::block_root(&ask),
        Route::Block => state::block(&ask),
        Route::AttesterDuties => duty::attester(&ask),
        Route::ProposerV1 => duty::proposer(&ask, 0),
        Route::ProposerV2 => duty::proposer(&ask, 1),
        Route::SyncDuties => duty::sync(&ask),
        Route::Liveness => duty::liveness(&ask),
        Route::CommitteeSubscriptions => duty::committee_subscriptions(&ask),
        Route::SyncSubscriptions => duty::sync_subscriptions(&ask),
        Route::Prepare => duty::prepare(&ask),
        Route::Register => duty::register(&ask),
        Route::Selections => ask.manner.error(501, "only supported by distributed validator middleware").into(),
        Route::AttestationData => attest::attestation_data(&ask),
        Route::AggregateV1 => attest::aggregate(&ask, attest::Container::Old),
        Route::AggregateV2 => attest::aggregate(&ask, attest::Container::Versioned),
        Route::Contribution => attest::contribution(&ask),
        Route::Attestations => pool::attestations(&ask).await,
        Route::Aggregates => pool::aggregates(&ask),
        Route::SyncMessages => pool::sync_messages(&ask),
        Route::Contributions => pool::contributions(&ask),
        Route::PoolSubmission => pool::submission(&ask),
        Route::ProduceV2 => propose::produce(&ask, propose::Asked::Full),
        Route::ProduceV3 => propose::produce(&ask, propose::Asked::Either),
        Route::ProduceBlinded => propose::produce(&ask, propose::Asked::Blinded),
        Route::PublishV1 | Route::PublishV2 => publish::block(&ask, publish::Form::Full),
        Route::PublishBlindedV1 | Route::PublishBlindedV2 => publish::block(&ask, publish::Form::Blinded),
    }
}

/// Splits a query; `%xx` and `+` are decoded, what cannot be decoded stays as it is.
fn query(text: &str) -> Vec<(String, String)> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(key), decoded(value))
        })
        .collect()
}

fn decoded(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        let digit = |at: usize| after.get(at).and_then(|digit| char::from(*digit).to_digit(16));
        match (byte, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                out.push(u8::try_from(high << 4 | low).unwrap_or(b'?'));
                rest = &after[2..];
            }
            (b'+', _, _) => out.push(b' '),
            (byte, _, _) => out.push(*byte),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Whether the node serves duties at all; if not, the refusal.
pub(crate) fn not_ready(ask: &Ask<'_>) -> Option<Whole> {
    let (distance, syncing) = ask.node.sync_state(&ask.view);
    syncing.then(|| {
        let head = ask.view.head.slot;
        ask.manner.error(503, &format!("Node is syncing - headSlot {head} currentSlot {}", head + distance))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_split_and_decoded() {
        let pairs = query("a=1%2C2&b&c=%zz+&=&d=%");
        let wanted = [("a", "1,2"), ("b", ""), ("c", "%zz "), ("", ""), ("d", "%")];
        assert_eq!(pairs, wanted.map(|(key, value)| (key.to_owned(), value.to_owned())));
    }
}
