//! The end of a race, as the caller's reply.

use std::time::Duration;

use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use http::{Method, StatusCode};
use rangelight_policy::merit::{Body, Observed};
use rangelight_policy::node::NodeId;
use rangelight_policy::publish::{self, Failures, Outcome, Settled};
use rangelight_policy::race::Verdict;

use super::{Asking, reply_as_it_is, reply_of};
use crate::dispatch::Ended;
use crate::nodes::exchange::{Came, Exchanged, Question, observed};
use crate::nodes::transport::Fault;
use crate::reply::{Refusal, Reply, empty, headers};

/// No node's answer was fit for the caller.
const NOBODY: &str = "nobody could answer";

/// What the caller gets, and what is kept of it.
pub(super) struct Concluded {
    /// The reply, or our refusal.
    pub(super) reply: Result<Reply, Refusal>,
    /// The same for the evidence.
    pub(super) ending: Ending,
}

/// How a race ended, for the evidence.
pub(super) struct Ending {
    /// The status that the caller got.
    pub(super) status: StatusCode,
    /// Whether the error is ours.
    pub(super) refused: bool,
    /// The node whose answer it is.
    pub(super) by: Option<NodeId>,
    /// In a few words.
    pub(super) words: &'static str,
    /// How long the caller waited.
    pub(super) took: Duration,
}

/// Turns the end of a race into the caller's reply.
#[must_use]
pub(super) fn outcome(asking: &Asking, ended: Ended<Came>) -> Concluded {
    let (reply, by, words) = match ended {
        Ended::One(mut exchanged) => {
            learn(asking, &exchanged);
            rewrite(asking, &mut exchanged);
            let words = match exchanged.verdict {
                Verdict::Good { .. } => "the answer of one node",
                Verdict::Final { .. } | Verdict::Bad => "the refusal of one node",
            };
            passed_on(asking, exchanged, None, words)
        }
        Ended::Merged(all) => match merged(asking, &all) {
            Some(reply) => (named(asking, reply, &all), None, "made of several answers"),
            None => several(asking, all),
        },
        Ended::Exhausted(all) => several(asking, all),
    };
    let status = match &reply {
        Ok(reply) => reply.status(),
        Err(refusal) => refusal.status(),
    };
    let words = lesson(asking, by).unwrap_or(words);
    let ending = Ending { status, refused: reply.is_err(), by, words, took: asking.begun.elapsed() };
    Concluded { reply, ending }
}

/// What the rule learns from the answer that goes to the caller.
fn learn(asking: &Asking, exchanged: &Exchanged<Came>) {
    if !matches!(exchanged.verdict, Verdict::Good { .. }) {
        return;
    }
    let Some(observed) = seen(&asking.question, &exchanged.came) else { return };
    let alarms = asking.question.rule.chosen(&mut asking.house.books(), exchanged.from, &observed);
    for alarm in alarms {
        asking.house.desk.meters.alarm(&alarm);
    }
}

/// Puts the body that the rule wants in the place of the node's.
fn rewrite(asking: &Asking, exchanged: &mut Exchanged<Came>) {
    if !matches!(exchanged.verdict, Verdict::Good { .. }) {
        return;
    }
    let rewritten =
        seen(&asking.question, &exchanged.came).and_then(|it| asking.question.rule.rewritten(exchanged.from, &it));
    if let (Some(body), Came::Whole(parts, bytes)) = (rewritten, &mut exchanged.came) {
        parts.headers.remove(CONTENT_LENGTH);
        *bytes = body.into();
    }
}

/// What the rule learns from the whole race; its words for the evidence, if it has some.
fn lesson(asking: &Asking, by: Option<NodeId>) -> Option<&'static str> {
    let lesson = asking.question.rule.concluded(&mut asking.house.books(), by);
    for alarm in &lesson.alarms {
        asking.house.desk.meters.alarm(alarm);
    }
    lesson.words
}

/// The answer that the rule makes of several, if it makes one.
fn merged(asking: &Asking, all: &[Exchanged<Came>]) -> Option<Result<Reply, Refusal>> {
    let usable = all.iter().filter(|exchanged| matches!(exchanged.verdict, Verdict::Good { .. }));
    let said: Vec<_> = usable.filter_map(|one| Some((one.from, seen(&asking.question, &one.came)?))).collect();
    asking.question.rule.merge(&said).map(reply_of)
}

/// A success made of several answers, under the name of the first node whose answer is in it.
fn named(asking: &Asking, reply: Result<Reply, Refusal>, all: &[Exchanged<Came>]) -> Result<Reply, Refusal> {
    let mut reply = reply?;
    if let Some(first) = all.iter().find(|one| one.verdict != Verdict::Bad).filter(|_| reply.status().is_success()) {
        headers::clean_answer(reply.headers_mut(), &asking.name(first.from));
    }
    Ok(reply)
}

/// An answer as policy sees it; `None` if there is none.
pub(super) fn seen<'a>(question: &'a Question, came: &'a Came) -> Option<Observed<'a>> {
    let (parts, body) = match came {
        Came::Whole(parts, bytes) => (parts, Body::Whole(bytes)),
        Came::Streaming(parts, opened) => (parts, Body::Opening(opened.opening())),
        Came::Nothing(_) => return None,
    };
    Some(observed(question, parts, body))
}

/// A reply, whose it is, and how it came about.
type Said = (Result<Reply, Refusal>, Option<NodeId>, &'static str);

fn several(asking: &Asking, mut all: Vec<Exchanged<Came>>) -> Said {
    let place = |id: NodeId| asking.plan.ask.iter().position(|one| one.node == id).unwrap_or(usize::MAX);
    all.sort_by_key(|exchanged| place(exchanged.from));
    let mut outcomes: Vec<Outcome> = all.iter().map(|exchanged| told(asking, exchanged)).collect();
    // Those that are still running may yet take the message.
    outcomes.resize(outcomes.len() + asking.still_running(&all), Outcome::Unknown);
    if let Some(made) = asking.question.rule.settle(&outcomes) {
        return (named(asking, Ok(reply_as_it_is(made)), &all), None, "made of several answers");
    }
    match publish::settle(asking.question.row, &outcomes) {
        Settled::Accepted { index, status } if index < all.len() => {
            let exchanged = all.swap_remove(index);
            passed_on(asking, exchanged, Some(status), "the best acceptance")
        }
        Settled::Theirs { index } if index < all.len() => {
            let exchanged = all.swap_remove(index);
            passed_on(asking, exchanged, None, "the most telling refusal")
        }
        Settled::Ours { status, message } => {
            let message = format!("{message}: {}", reasons(asking, &all));
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
            (Err(Refusal::new(status, message)), None, NOBODY)
        }
        Settled::Accepted { .. } | Settled::Theirs { .. } => {
            (Err(nobody(asking, &reasons(asking, &all))), None, NOBODY)
        }
    }
}

fn passed_on(asking: &Asking, exchanged: Exchanged<Came>, status: Option<u16>, words: &'static str) -> Said {
    let Exchanged { from, verdict, came, .. } = exchanged;
    let name = asking.name(from);
    let came = if matches!(verdict, Verdict::Good { .. }) { came } else { in_shape(asking, came) };
    let Some(mut reply) = came.reply(&name) else {
        return (Err(nobody(asking, &name)), None, NOBODY);
    };
    if asking.publication() && matches!(verdict, Verdict::Good { .. }) {
        // A success says nothing but its status: Lighthouse's VC expects an empty body, Lodestar a matching one.
        let shown = status.unwrap_or_else(|| accepted(asking, reply.status().as_u16()));
        *reply.status_mut() = StatusCode::from_u16(shown).unwrap_or(StatusCode::OK);
        *reply.body_mut() = empty();
        reply.headers_mut().remove(CONTENT_LENGTH);
        reply.headers_mut().remove(CONTENT_TYPE);
    }
    (Ok(reply), Some(from), words)
}

/// A refusal as callers can read it. One to a HEAD has no body, and one that is packed cannot be read.
fn in_shape(asking: &Asking, came: Came) -> Came {
    let Came::Whole(mut parts, bytes) = came else { return came };
    let readable = asking.question.head.method != Method::HEAD && !parts.headers.contains_key(CONTENT_ENCODING);
    let refused = parts.status.is_client_error() || parts.status.is_server_error();
    let normal = (readable && refused).then(|| publish::normal_refusal(parts.status.as_u16(), &bytes)).flatten();
    let Some(normal) = normal else { return Came::Whole(parts, bytes) };
    parts.headers.remove(CONTENT_LENGTH);
    parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Came::Whole(parts, normal.into())
}

/// The status with which an acceptance is told. A node that refused what it has already accepted it; where it matters
/// whether it was imported, it has not said so.
fn accepted(asking: &Asking, status: u16) -> u16 {
    let status = if (200..300).contains(&status) { status } else { 202 };
    publish::caller_status(asking.question.row, status)
}

/// How an exchange ended, in the words of the lattice.
fn told(asking: &Asking, exchanged: &Exchanged<Came>) -> Outcome {
    match (&exchanged.came, &exchanged.verdict) {
        (Came::Nothing(fault), _) if fault.unsent() => Outcome::Unreachable,
        (Came::Nothing(_), _) => Outcome::Unknown,
        (came, Verdict::Good { .. }) => {
            Outcome::Accepted { status: came.status().map_or(200, |status| accepted(asking, status)) }
        }
        (Came::Whole(parts, bytes), _) => {
            Outcome::Refused { status: parts.status.as_u16(), failures: Failures::in_body(bytes) }
        }
        (Came::Streaming(parts, _), _) => {
            Outcome::Refused { status: parts.status.as_u16(), failures: Failures::Unlisted }
        }
    }
}

/// Our refusal when nobody could even be asked.
#[must_use]
pub(super) fn nobody(asking: &Asking, why: &str) -> Refusal {
    let path = if why.is_empty() { "no node can be asked" } else { why };
    Refusal::unavailable(format!("{path}: {}", reasons(asking, &[])))
}

/// Every node with its reason: those that were asked, and why the others were not.
fn reasons(asking: &Asking, all: &[Exchanged<Came>]) -> String {
    let nodes = &asking.picture.snapshot.nodes;
    if nodes.is_empty() {
        return "no node is configured, or none could be started; `rangelight check` says why".to_owned();
    }
    let line = |state: &rangelight_policy::node::NodeState| {
        let id = state.profile.id;
        let said = all.iter().find(|exchanged| exchanged.from == id).map(|exchanged| exchanged.reason.clone());
        let planned = asking.plan.ask.iter().any(|one| one.node == id);
        let reason = said.unwrap_or_else(|| match (planned, state.reasons.first()) {
            (true, _) => "has not answered yet".to_owned(),
            (false, Some(reason)) => format!("not asked: {reason}"),
            (false, None) => format!("not asked: {}", state.tier.name()),
        });
        format!("{} ({reason})", state.profile.name)
    };
    nodes.iter().map(line).collect::<Vec<_>>().join(", ")
}

/// An exchange with a node that is no longer configured.
#[must_use]
pub(super) fn gone(id: NodeId) -> Exchanged<Came> {
    Exchanged {
        from: id,
        verdict: Verdict::Bad,
        reason: "is no longer configured".to_owned(),
        came: Came::Nothing(Fault::Unreachable),
    }
}
