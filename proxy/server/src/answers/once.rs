//! A write that no row lists: sent once, to the view's own node, and never again, because nobody knows what it does.
//!
//! Its body streams through, both ways; nothing of it is kept. Each leaves evidence: the caller may have to find out
//! which node acted.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;
use http_body_util::BodyExt;
use rangelight_policy::catalogue::Row;
use rangelight_policy::duty;
use rangelight_policy::race::plan::plan;
use tokio::time::Instant;

use super::{House, question};
use crate::body::{BodyFault, CallerBody};
use crate::gateway::Caller;
use crate::nodes::Node;
use crate::nodes::exchange::{Question, read};
use crate::nodes::transport::fault;
use crate::reply::{BoxError, Refusal, Reply};

/// Nobody knows how long an unknown operation takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// Passes the request on to one node.
pub(super) async fn pass_on(
    house: &Arc<House>,
    row: &'static Row,
    head: Parts,
    body: CallerBody,
    caller: &Caller,
    most: Option<Duration>,
) -> Result<Reply, Refusal> {
    let patience = most.map_or(PATIENCE, |most| PATIENCE.min(most));
    let picture = house.desk.nodes.picture();
    let wanted = question::for_policy(row, &head, 0, patience);
    let plan = plan(&wanted, &picture.snapshot, house.mode, question::caller_kind(caller.kind));
    let chosen = plan.ask.first().and_then(|one| Some((one.why, Arc::clone(picture.nodes.get(&one.node)?))));
    let Some((why, node)) = chosen else {
        let message = "no own node can take this; writes that Rangelight does not know go to an own node only";
        return Err(Refusal::unavailable(message));
    };
    let mut question = question::for_nodes(row, head, Bytes::from_static(b"?"), patience, duty::plain(row));
    question.body = Bytes::new();
    let sent = Sent { question, node, why, caller: Arc::clone(&caller.label), begun: Instant::now() };
    let reply = sent.exchange(house, body).await;
    house.story.tell_write(&sent, &reply);
    reply
}

/// A write on its way to its node.
pub(super) struct Sent {
    /// What is sent.
    pub(super) question: Question,
    /// Where to.
    pub(super) node: Arc<Node>,
    /// Why there.
    pub(super) why: &'static str,
    /// Who sent it.
    pub(super) caller: Arc<str>,
    /// When.
    pub(super) begun: Instant,
}

impl Sent {
    async fn exchange(&self, house: &Arc<House>, body: CallerBody) -> Result<Reply, Refusal> {
        let name = &self.node.config.name;
        let sent = self.node.transport.stream(&self.question.head, body.map_err(BoxError::from).boxed_unsync());
        let response = tokio::time::timeout(self.question.patience, sent).await.map_err(|_| {
            let message = format!("{name} did not answer; whether it acted is not known");
            Refusal::new(StatusCode::GATEWAY_TIMEOUT, message)
        })?;
        let response = response.map_err(|error| match BodyFault::behind(&error) {
            Some(fault) => fault.refusal(),
            None => {
                let fault = fault(&error).reason();
                let message =
                    format!("{name} {fault}; the request is not sent again, because what it does is not known");
                Refusal::new(StatusCode::BAD_GATEWAY, message)
            }
        })?;
        let came = read(&house.desk, &self.question, response).await;
        came.reply(name).ok_or_else(|| {
            Refusal::new(StatusCode::BAD_GATEWAY, format!("{name} closed the connection inside its answer"))
        })
    }
}
