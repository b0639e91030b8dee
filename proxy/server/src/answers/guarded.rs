//! The guard's place in a publication's life: between the caller's last byte and the first node's first.
//!
//! The body is read, its messages are judged and recorded as one act, and only what may go goes on. A single object that
//! may not is refused with 403. Of a list the rest goes on, cut out of the original bytes, and the answer about it is
//! put together with what was withheld, at the caller's own places.
//!
//! A body that cannot be read is refused with 400. It may not pass on the ground that no guard could mean it: whether a
//! node reads it in another way is not known, and a validator client never writes one.
//!
//! A request that nobody's publication lists, and a message of which nobody can say whose it is (an attestation of the
//! old routes names a seat and no validator), pass; the latter are counted.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::request::Parts;
use http_body_util::BodyExt;
use rangelight_policy::catalogue::{Row, Strategy};
use rangelight_policy::chain::{Root, Slot};
use rangelight_policy::duty::Alarm;
use rangelight_policy::merit;
use rangelight_policy::race::plan::CallerKind;
use rangelight_policy::signed::{self, AttestationData, Message};
use rangelight_policy::slashing::Named;
use rangelight_policy::slashing::{Conflict, Decision, Deed, Record, Window};
use rangelight_policy::withheld::{Failure, Told, Withheld};

use super::{House, question};
use crate::evidence;
use crate::gateway::Caller;
use crate::guard::{Asked, Scene, Undecided};
use crate::nodes::network::Network;
use crate::reply::{Refusal, Reply};
use crate::time;

/// At the first start of all the network is not known until the own nodes have told it; later it is kept.
const FIRST_START: Duration = Duration::from_secs(3);

/// What a person has to know when a message was withheld.
const CURE: &str = "if two validator clients have these keys, stop one of them now; if there is only one, it has signed \
                    this after a reorg or with a lost protection database, and nothing is to be done: sending it would \
                    have been slashed";

/// Judges a request's messages and records them: the body that may go on, and what was taken out of it.
///
/// # Errors
///
/// If nothing of it may go on.
pub(super) async fn pass(
    house: &House,
    row: &'static Row,
    head: &Parts,
    body: Bytes,
    caller: &Caller,
) -> Result<(Bytes, Option<Withheld>), Refusal> {
    if row.strategy != Strategy::Broadcast || !house.guard.in_force() {
        return Ok((body, None));
    }
    let text = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
    let ssz = merit::is_ssz(text(CONTENT_TYPE.as_str()));
    let messages = signed::read(row.operation, ssz, text("eth-consensus-version"), &body).map_err(|why| {
        let message = format!("{why}; the slashing guard lets nothing out that it cannot read: correct the body");
        Refusal::bad_request(message)
    })?;
    if messages.is_empty() {
        if row.operation == "publish_sync_messages" {
            look(house, ssz, &body, caller);
        }
        return Ok((body, None));
    }
    let network = house.desk.nodes.network_within(FIRST_START).await.ok_or_else(|| {
        let message = "no own node has told its network yet, so the slashing guard cannot judge; start one, and send \
                       this again";
        Refusal::unavailable(message).retry_after(Duration::from_secs(1))
    })?;
    let failures = judge(house, &network, &messages, caller).await;
    let failures = failures.map_err(|why| Refusal::unavailable(why.to_string()))?;
    if failures.is_empty() {
        return Ok((body, None));
    }
    let single = matches!(messages[0].deed, Deed::Block { .. });
    let withheld = Withheld::new(messages.len(), failures);
    tell(house, row, head, caller, &withheld, single);
    if single {
        let words = withheld.alone().failures.swap_remove(0).message;
        return Err(Refusal::new(StatusCode::FORBIDDEN, words));
    }
    if withheld.is_all() {
        return Err(refusal(withheld.alone()));
    }
    match signed::without(&body, ssz, messages.len(), &withheld.places()) {
        Some(rest) => Ok((rest.into(), Some(withheld))),
        None => Err(whole(&withheld)),
    }
}

/// The answer about the whole, from the nodes' about the rest.
///
/// # Errors
///
/// As before, and whenever something was withheld.
pub(super) async fn told(withheld: Option<Withheld>, reply: Result<Reply, Refusal>) -> Result<Reply, Refusal> {
    let Some(withheld) = withheld else { return reply };
    let reply = reply.unwrap_or_else(Refusal::reply);
    let (parts, body) = reply.into_parts();
    // A reply of a publication is whole and small; one that breaks off says nothing.
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let refusal = refusal(withheld.beside(parts.status.as_u16(), &body));
    Err(match parts.headers.get(RETRY_AFTER) {
        Some(wait) => refusal.with(RETRY_AFTER, wait.clone()),
        None => refusal,
    })
}

/// The messages that must not go out.
async fn judge(
    house: &House,
    network: &Network,
    messages: &[Message],
    caller: &Caller,
) -> Result<Vec<Failure>, Undecided> {
    let mut roots = Roots { network, last: None };
    let known = messages.iter().filter_map(|message| {
        // Which seat is whose is not remembered; the old routes are gone on every network from Electra on.
        let validator = message.resolve(|_, _, _| None)?;
        let record = Record { validator, deed: message.deed, named: Named::Signature(message.signature) };
        let head = message.data.map(|data| data.beacon_block_root);
        Some((message.place, Asked { record, root: roots.of(message), head }))
    });
    let (places, asked): (Vec<usize>, Vec<Asked>) = known.unzip();
    house.desk.meters.unjudged(messages.len() - asked.len());
    let said: Vec<Option<String>> = match question::caller_kind(caller.kind) {
        CallerKind::Own => {
            let window = window_for(house, network, &asked);
            let scene = Scene { window, network: network.served.genesis.validators_root };
            house.guard.decide_and_record(&caller.label, &asked, &scene).await?.iter().map(words).collect()
        }
        CallerKind::Peer => {
            let not_yours = || Some("this validator is served here; its messages come from its own client".to_owned());
            house.guard.peers_may(&asked)?.into_iter().map(|may| if may { None } else { not_yours() }).collect()
        }
    };
    let failures = places.into_iter().zip(asked).zip(said).filter_map(|((index, asked), said)| {
        let Record { validator, deed, .. } = asked.record;
        let message = format!("the slashing guard withholds this {deed} of validator {}: {}", validator.0, said?);
        Some(Failure { index, message })
    });
    Ok(failures.collect())
}

/// The window of the clock by which these were signed. Where the nodes' clock and this machine's differ, the validator
/// client may go by either, so messages that fit ours alone are judged by it. Both windows are as narrow as any.
fn window_for(house: &House, network: &Network, asked: &[Asked]) -> Window {
    let by_nodes = window(house, network);
    let ours = Window { now: network.clock.slot(time::now()).unwrap_or(Slot(0)), clock: network.clock };
    let fits = |window: &Window| asked.iter().all(|one| window.holds(&one.record.deed));
    if !fits(&by_nodes) && fits(&ours) { ours } else { by_nodes }
}

/// What the clock allows now; before genesis, what it will allow then.
fn window(house: &House, network: &Network) -> Window {
    Window { now: network.clock.slot(house.now()).unwrap_or(Slot(0)), clock: network.clock }
}

/// Sync committee messages are only looked at. What cannot be read is the nodes' to judge.
fn look(house: &House, ssz: bool, body: &[u8], caller: &Caller) {
    let own = question::caller_kind(caller.kind) == CallerKind::Own;
    if let (true, Some(network), Ok(messages)) = (own, house.desk.nodes.network(), signed::read_sync(ssz, body)) {
        house.guard.saw_sync(&caller.label, &messages, &window(house, &network));
    }
}

/// Why a message must not go out, with the cure; `None` if it may.
fn words(decision: &Decision) -> Option<String> {
    let Decision::Refused(conflict) = decision else { return None };
    Some(match conflict {
        Conflict::OutsideWindow => format!("{conflict}; set the clocks of this machine and of the client by NTP"),
        Conflict::TooManyValidators => format!("{conflict}; spread them over several Rangelights"),
        _ => format!("{conflict}; {CURE}"),
    })
}

/// Signing roots of attestations; those of one body mostly say the same.
struct Roots<'a> {
    network: &'a Network,
    last: Option<(AttestationData, Option<Root>)>,
}

impl Roots<'_> {
    fn of(&mut self, message: &Message) -> Option<Root> {
        let data = message.data?;
        if let Some((_, root)) = self.last.filter(|(last, _)| *last == data) {
            return root;
        }
        let served = &self.network.served;
        let fork = served.spec.fork_at(data.target.epoch);
        let root = fork.map(|fork| signed::signing_root(&data, fork.version, served.genesis.validators_root));
        self.last = Some((data, root));
        root
    }
}

fn refusal(told: Told) -> Refusal {
    let status = StatusCode::from_u16(told.status).unwrap_or(StatusCode::BAD_REQUEST);
    Refusal::new(status, told.message).failing(told.failures.into_iter().map(|item| (item.index, item.message)))
}

/// A list that cannot be divided: nothing of it went out.
fn whole(withheld: &Withheld) -> Refusal {
    let body = br#"{"message":"nothing was sent, for the list cannot be divided: send the others again, as JSON"}"#;
    refusal(withheld.beside(400, body))
}

/// Says it to the owner, and keeps it as evidence.
fn tell(house: &House, row: &'static Row, head: &Parts, caller: &Caller, withheld: &Withheld, single: bool) {
    let told = withheld.alone();
    let first = told.failures.first().map(|failure| failure.message.as_str()).unwrap_or_default();
    let message = format!("{} sent by {}: {first}", told.message, caller.label);
    house.desk.meters.alarm(&Alarm { sort: "guard_withheld", message: message.clone() });
    house.story.evidence.keep(evidence::Record {
        at: house.now(),
        operation: row.operation,
        caller: std::sync::Arc::clone(&caller.label),
        path: head.uri.path().chars().take(200).collect(),
        asked: Vec::new(),
        would_ask: Vec::new(),
        outcome: message,
        status: if single { 403 } else { 400 },
        took_ms: 0,
    });
}
