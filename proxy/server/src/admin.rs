//! The admin listener: what an operator, a monitor and our own command line ask of a running Rangelight.
//!
//! | request | answer |
//! |---|---|
//! | `GET /` | these lines |
//! | `GET /status` | everything that is known, as JSON ([`Status`]) |
//! | `GET /health` | 200 if a node is ready, else 503 with the reasons, as JSON |
//! | `GET /metrics` | the meters, for Prometheus |
//! | `GET /evidence?limit=N` | the newest stories of races, newest first, as JSON |
//! | `POST /nodes/{name}/cordon`, `…/uncordon` | takes a node out of reads or back in; says whether it can be spared |
//!
//! It stands behind the same front as the listeners for validator clients: Host, Origin, token and limits. `/health`
//! needs no word about listening: all listeners are bound before any answers, and whoever reads the answer reached one.
//!
//! Every answer is made whole. The largest is the evidence, at most [`MOST_EVIDENCE`] records of some 500 bytes.

use std::collections::HashMap;
use std::sync::Arc;

use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use http::{Method, Response, StatusCode};
use rangelight_policy::chain::Moment;
use rangelight_policy::node::{NodeId, NodeState};
use serde::Serialize;

use crate::answers::House;
use crate::connection::Seats;
use crate::evidence::KEPT;
use crate::nodes::Picture;
use crate::observe;
use crate::reply::{Refusal, Reply, empty, json, whole};
use crate::service::{Admitted, Answerer, Answering};
use crate::time;

use page::Page;
use status::{GuardStatus, Health, Maintenance, NetworkStatus, NodeStatus, Status, ViewStatus, mode_name};

pub mod status;

mod page;
#[cfg(test)]
pub(crate) mod reference;

/// Records of evidence given when none are asked for.
pub const USUAL_EVIDENCE: usize = 100;

/// The most records given: all that are kept.
pub const MOST_EVIDENCE: usize = KEPT;

/// No request here has a body; a small one is passed over.
const LONGEST_BODY: usize = 1 << 10;

/// The admin listener's answers.
pub struct Admin {
    house: Arc<House>,
    /// The seats of the listeners for validator clients.
    seats: Vec<Arc<Seats>>,
    started_at: Moment,
}

impl Answerer for Admin {
    type Place = Page;

    fn find(&self, method: &Method, path: &str) -> Result<(Page, usize), Refusal> {
        Ok((Page::find(method, path)?, LONGEST_BODY))
    }

    fn outlives(&self, page: &Page) -> bool {
        matches!(page, Page::Cordon { .. })
    }

    fn answer(&self, admitted: Admitted<Page>) -> Answering {
        let (house, seats, started_at) = (Arc::clone(&self.house), self.seats.clone(), self.started_at);
        Box::pin(async move {
            let here = Self { house, seats, started_at };
            let (head, _) = admitted.request.into_parts();
            let query = head.uri.query().unwrap_or_default();
            let answer = here.page(admitted.place, query, &admitted.caller.label).await;
            let mut reply = answer.unwrap_or_else(Refusal::reply);
            // What is true now is not true later.
            reply.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
            if head.method == Method::HEAD {
                *reply.body_mut() = empty();
            }
            reply
        })
    }
}

impl Admin {
    /// The answers about this house, started now; `seats` are those of the listeners for validator clients.
    #[must_use]
    pub fn new(house: Arc<House>, seats: Vec<Arc<Seats>>) -> Self {
        Self { house, seats, started_at: time::now() }
    }

    async fn page(&self, page: Page, query: &str, caller: &str) -> Result<Reply, Refusal> {
        Ok(match page {
            Page::Index => text("text/plain; charset=utf-8", page::INDEX.to_owned()),
            Page::Status => written(StatusCode::OK, &self.status()),
            Page::Health => {
                let health = Health::of(&self.house.desk.nodes.picture().snapshot);
                let status = if health.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
                written(status, &health)
            }
            Page::Metrics => text("text/plain; version=0.0.4; charset=utf-8", self.house.desk.meters.render()),
            Page::Evidence => written(StatusCode::OK, &self.house.story.evidence.newest(page::limit(query)?)),
            Page::Cordon { node, cordoned } => self.cordon(&node, cordoned, caller).await?,
        })
    }

    fn status(&self) -> Status {
        let House { desk, stream, mode, .. } = &*self.house;
        let (nodes, picture) = (&desk.nodes, desk.nodes.picture());
        let view = picture.snapshot.view.as_ref();
        let offset = nodes.offset_ms();
        let now = Moment(time::now().0.saturating_add_signed(offset));
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_at_ms: self.started_at,
            mode: mode_name(*mode).to_owned(),
            network: nodes.network().map(|network| NetworkStatus::of(&network.served, &network.clock, now)),
            view: view.map(|view| ViewStatus::of(view, &picture.snapshot)),
            guard: GuardStatus::of(&self.house.guard),
            nodes: picture.snapshot.nodes.iter().map(|state| self.node(state, &picture)).collect(),
            subscribers: stream.subscribers(),
            publications_in_flight: self.house.publishing(),
            clock_offset_ms: offset,
            callers: self.seats.iter().map(|seats| seats.callers()).sum(),
        }
    }

    fn node(&self, state: &NodeState, picture: &Picture) -> NodeStatus {
        let id: NodeId = state.profile.id;
        let versions: Arc<HashMap<_, _>> = self.house.desk.nodes.versions();
        let url = picture.nodes.get(&id).map(|node| node.config.url.to_string()).unwrap_or_default();
        NodeStatus::of(state, url, versions.get(&id), picture.snapshot.view.as_ref())
    }

    async fn cordon(&self, name: &str, cordoned: bool, caller: &str) -> Result<Reply, Refusal> {
        let nodes = &self.house.desk.nodes;
        let snapshot = nodes.cordon(name, cordoned).await;
        let picture = nodes.picture();
        let told = snapshot.as_deref().and_then(|snapshot| {
            let state = snapshot.nodes.iter().find(|state| &*state.profile.name == name)?;
            Some(Maintenance::of(state.profile.id, self.node(state, &picture), snapshot, self.house.mode))
        });
        let Some(told) = told else {
            let names: Vec<&str> = picture.snapshot.nodes.iter().map(|state| &*state.profile.name).collect();
            return Err(page::no_such_node(name, &names));
        };
        observe::cordoned(name, cordoned, caller);
        Ok(written(StatusCode::OK, &told))
    }
}

fn written(status: StatusCode, answer: &impl Serialize) -> Reply {
    json(status, serde_json::to_vec(answer).expect("plain values always have a JSON form"))
}

fn text(media: &'static str, body: String) -> Reply {
    let mut reply = Response::new(whole(body));
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media));
    reply
}
