//! Stable answers: what we say from our own knowledge (rows G1 to G9, and the few paths that only one client asks for).
//!
//! A validator client compares these answers over time, and some end or start anew when one flaps. So they do not
//! depend on which node happens to answer: genesis and spec are one kept picture, health and syncing are the fleet's
//! judgement with a hold, the version is ours.

use http::request::Parts;
use http::{Method, Response, StatusCode};
use rangelight_policy::catalogue::Row;
use serde_json::json;

use crate::nodes::Nodes;
use crate::reply::{Refusal, Reply, empty, json as json_reply};
use crate::time;

/// What `GET /eth/v1/node/version` says. One name only: some client libraries choose their error handling by the names
/// that they find in it.
pub const VERSION: &str = concat!("rangelight/v", env!("CARGO_PKG_VERSION"));

/// Our own knowledge.
#[derive(Clone)]
pub struct Stable {
    nodes: Nodes,
}

impl Stable {
    /// Knowledge of these nodes.
    #[must_use]
    pub fn new(nodes: Nodes) -> Self {
        Self { nodes }
    }

    /// Answers one of the synthesized rows.
    ///
    /// # Errors
    /// Our refusal: nothing is known yet, or a parameter makes no sense.
    pub fn answer(&self, row: &Row, head: &Parts) -> Result<Reply, Refusal> {
        let mut reply = match row.operation {
            "health" => self.health(head)?,
            "lighthouse_staking" => json_reply(StatusCode::OK, ""),
            "persistent_subnets" => return Err(Refusal::not_found(head.uri.path())),
            operation => json_reply(StatusCode::OK, self.body(operation)?),
        };
        if head.method == Method::HEAD {
            *reply.body_mut() = empty();
        }
        Ok(reply)
    }

    fn body(&self, operation: &str) -> Result<String, Refusal> {
        let served = || {
            let known = self.nodes.network();
            known.ok_or_else(|| {
                let why = "the network is not known yet: no own node has told its genesis and spec";
                Refusal::unavailable(format!("{why}; {}", self.reasons()))
            })
        };
        Ok(match operation {
            "genesis" => served()?.served.genesis_body(),
            "spec" => served()?.served.spec_body(),
            "fork_schedule" => served()?.served.fork_schedule_body(),
            "deposit_contract" => served()?.served.deposit_contract_body().ok_or_else(|| {
                Refusal::new(StatusCode::NOT_FOUND, "the spec of this network names no deposit contract")
            })?,
            "syncing" => self.syncing()?,
            "peer_count" => self.peer_count()?,
            "version_v1" => json!({ "data": { "version": VERSION } }).to_string(),
            "version_v2" => version_v2(),
            other => return Err(Refusal::new(StatusCode::NOT_FOUND, format!("{other} is not served"))),
        })
    }

    /// 200, 206 or 503 as the fleet judges; 206 is what the caller asked to see for "syncing".
    fn health(&self, head: &Parts) -> Result<Reply, Refusal> {
        let query = head.uri.query().unwrap_or_default();
        let wanted = query.split('&').find_map(|pair| pair.strip_prefix("syncing_status="));
        let syncing = match wanted.map(str::parse::<u16>) {
            None => StatusCode::PARTIAL_CONTENT,
            Some(Ok(status @ 100..=599)) => StatusCode::from_u16(status).unwrap_or(StatusCode::PARTIAL_CONTENT),
            Some(_) => return Err(Refusal::bad_request("syncing_status must be a number from 100 to 599")),
        };
        let status = match self.nodes.fleet().health_status(time::now()) {
            200 => StatusCode::OK,
            206 => syncing,
            _ => StatusCode::SERVICE_UNAVAILABLE,
        };
        let mut reply = Response::new(empty());
        // An informational status would not end the exchange; the caller who asks for one gets an empty success.
        *reply.status_mut() = if status.is_informational() { StatusCode::NO_CONTENT } else { status };
        Ok(reply)
    }

    fn syncing(&self) -> Result<String, Refusal> {
        let said = self.nodes.fleet().syncing(time::now());
        let said = said.ok_or_else(|| Refusal::unavailable(format!("no node answers; {}", self.reasons())))?;
        Ok(json!({ "data": {
            "head_slot": said.head_slot,
            "sync_distance": said.sync_distance.to_string(),
            "is_syncing": said.is_syncing,
            "is_optimistic": said.is_optimistic.unwrap_or(false),
            "el_offline": said.el_offline.unwrap_or(false),
        }})
        .to_string())
    }

    fn peer_count(&self) -> Result<String, Refusal> {
        let connected = self.nodes.fleet().peer_count();
        let connected = connected
            .ok_or_else(|| Refusal::unavailable("no node has told its peer count yet; ask again in a second"))?;
        Ok(json!({ "data": {
            "disconnected": "0", "connecting": "0", "connected": connected.to_string(), "disconnecting": "0",
        }})
        .to_string())
    }

    fn reasons(&self) -> String {
        let picture = self.nodes.picture();
        let line = |state: &rangelight_policy::node::NodeState| {
            let why = state.reasons.first().map_or(state.tier.name(), String::as_str);
            format!("{} ({why})", state.profile.name)
        };
        picture.snapshot.nodes.iter().map(line).collect::<Vec<_>>().join(", ")
    }
}

fn version_v2() -> String {
    json!({ "data": { "beacon_node": {
        "code": "RL",
        "name": "Rangelight",
        "version": concat!("v", env!("CARGO_PKG_VERSION")),
        "commit": "00000000",
    }}})
    .to_string()
}
