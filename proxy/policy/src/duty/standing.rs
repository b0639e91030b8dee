//! The rule of standing submissions: preparations, registrations, preferences, subscriptions.
//!
//! What the own validator client says is remembered before anybody is asked, so that it is not lost even if no node
//! takes it: the register tells it to each node that lacks it ([`crate::standing`]). It goes out as the plan says, to every
//! node that may be asked to do duties, and the first that takes it is the answer. One node without a builder, or of an
//! older fork, refuses what another takes; the refusal is shown only if nobody took it. A node counts as told when it
//! said so itself, also after the answer.
//!
//! Registrations go to own nodes alone while one is there. A friend's node makes no blinded block for us, so all that it
//! could do with them is to tell the same relays once more, and relays count.
//!
//! Registrations and preferences may come as SSZ. A node that refuses that form gets the same list as JSON in the same
//! exchange, a replay too; it is not noted, because such lists are rare and the second form costs one more way.
//!
//! A peer's submissions go to the nodes and are not remembered. If one names a validator that our own validator client
//! prepared or registered, all of it is refused: a peer must not decide whom our blocks pay.

use std::sync::Arc;
use std::time::Duration;

use super::{Alarm, Brief, Edit, Judged, Made, Rule};
use crate::books::Books;
use crate::catalogue::Row;
use crate::merit::{self, Observed};
use crate::node::{NodeId, Snapshot, Tier, Trust};
use crate::publish::Failures;
use crate::publish::layout::layout;
use crate::race::Verdict;
use crate::race::failover::Pace;
use crate::race::plan::{self, CallerKind, Mode, Plan, Question};
use crate::standing::{Form, Kind, Replay, Span, Submission, Warning, hex};

/// What a peer hears who names one of our validators.
const NOT_YOURS: &str = "the list names a validator of this home's own validator client; nothing of it was taken";

/// The rule of one submission.
#[derive(Debug)]
pub(super) struct Standing {
    row: &'static Row,
    kind: Kind,
    said: Said,
    ssz: Option<Ssz>,
}

/// A list that came as SSZ.
#[derive(Debug)]
struct Ssz {
    list: Box<[u8]>,
    /// Its `Eth-Consensus-Version`.
    version: Option<Box<str>>,
}

/// Who said it.
#[derive(Debug)]
enum Said {
    /// Our validator client; remembered under these numbers.
    Own(Span),
    /// A peer, of his own validators.
    Peer,
    /// A peer, of ours.
    Meddling,
    /// The register, to one node.
    Again,
}

impl Standing {
    pub(super) fn new(kind: Kind, brief: &Brief<'_>, books: &mut Books) -> Self {
        let submission = Submission {
            kind,
            form: Form::of(brief.headers.content_type),
            version: brief.headers.consensus_version,
            body: brief.body,
        };
        let said = match brief.kind {
            CallerKind::Own => Said::Own(books.standing.remember(&submission, brief.clock, brief.now)),
            CallerKind::Peer if books.standing.knows(&submission) => Said::Meddling,
            CallerKind::Peer => Said::Peer,
        };
        let ssz = (submission.form == Form::Ssz)
            .then(|| Ssz { list: brief.body.into(), version: submission.version.map(Box::from) });
        Self { row: brief.row, kind, said, ssz }
    }
}

/// The rule of a replay.
#[must_use]
pub fn again(replay: &Replay) -> Arc<dyn Rule> {
    let version = || replay.version.as_deref().map(Box::from);
    let ssz = (replay.form == Form::Ssz).then(|| Ssz { list: replay.body.as_slice().into(), version: version() });
    Arc::new(Standing { row: replay.kind.row(), kind: replay.kind, said: Said::Again, ssz })
}

impl Rule for Standing {
    fn at_once(&self) -> Option<Made> {
        let refused = matches!(self.said, Said::Meddling);
        refused.then(|| Made { status: 403, body: NOT_YOURS.into(), headers: Vec::new() })
    }

    fn conduct(&self, mut plan: Plan) -> Plan {
        let own = plan.ask.iter().any(|one| one.trust == Trust::Own && one.tier < Tier::Away);
        if self.kind == Kind::Registrations && own {
            plan.ask.retain(|one| one.trust == Trust::Own);
        }
        plan
    }

    fn instead(&self, _to: NodeId, refusal: &Observed<'_>) -> Option<Edit> {
        let unread = match refusal.status {
            415 => true,
            400 => Failures::in_body(refusal.body.bytes()) == Failures::Unlisted,
            _ => false,
        };
        let Ssz { list, version } = self.ssz.as_ref().filter(|_| unread)?;
        let json = layout(self.row.operation, version.as_deref())?.json(list)?;
        let headers = vec![("content-type", "application/json".to_owned())];
        Some(Edit { body: Some(json.into_bytes()), headers, ..Edit::default() })
    }

    fn judge(&self, _from: NodeId, observed: &Observed<'_>) -> Judged {
        Judged::by_row(self.row, observed)
    }

    fn ended(&self, books: &mut Books, from: NodeId, verdict: &Verdict) {
        if let (Said::Own(span), Verdict::Good { .. }) = (&self.said, verdict) {
            books.standing.took(from, *span);
        }
    }
}

/// The nodes that get standing submissions, replays among them.
#[must_use]
pub fn told(snapshot: &Snapshot) -> Vec<NodeId> {
    let question = Question {
        kind: plan::Kind::Standing,
        view: false,
        friends_last: false,
        guarded_friends: false,
        pace: Pace::OneByOne,
        hedge_no_sooner: Duration::ZERO,
        enough: merit::ENOUGH,
        deadline: Duration::ZERO,
        body_bytes: 0,
    };
    let plan = plan::plan(&question, snapshot, Mode::Guarded, CallerKind::Own);
    plan.ask.iter().map(|one| one.node).collect()
}

/// A warning of the register, for the owner.
#[must_use]
pub fn alarm(warning: &Warning) -> Alarm {
    let (sort, message) = match warning {
        Warning::Recipients { changed, more } => {
            let line = |(validator, old, new): &(u64, [u8; 20], [u8; 20])| {
                format!("{validator}: {} before, {} now", hex(old), hex(new))
            };
            let lines = changed.iter().map(line).collect::<Vec<_>>().join("; ");
            let rest = if *more == 0 { String::new() } else { format!("; and {more} more") };
            let cure = "if you did not change it, stop the validator client and find out who did";
            ("fee-recipient-changed", format!("the fee recipient of validators changed ({lines}{rest}); {cure}"))
        }
        Warning::ZeroRecipient { validator } => (
            "fee-recipient-zero",
            format!(
                "the validator client prepares validator {validator} with the zero address, so its blocks would pay nobody; \
                 set a fee recipient in the validator client"
            ),
        ),
        Warning::Preferences { slot } => (
            "preferences-differ",
            format!(
                "the validator client sent other proposer preferences for slot {slot} than before; the first ones are kept, \
                 for on gossip only they count"
            ),
        ),
        Warning::Full { kind } => (
            "standing-full",
            format!(
                "more items of {} than are remembered; the oldest are not told again to a node that restarts",
                kind.operation()
            ),
        ),
    };
    Alarm { sort, message }
}

#[cfg(test)]
mod tests;
