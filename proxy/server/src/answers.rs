//! Answers: which part of the house answers an admitted request.
//!
//! | strategy | answered by |
//! |---|---|
//! | synthesize | our own knowledge ([`stable`](crate::stable)) |
//! | events | the merged stream ([`stream`](crate::stream)) |
//! | deny | refused at the door (`service.rs`), with a word on where to ask instead |
//! | failover, broadcast, once | nodes, in a race that policy plans and [`dispatch`](crate::dispatch) drives |
//!
//! A read's race lives in its request: when the caller hangs up, its exchanges are dropped. A publication's race lives
//! in a task of its own: a caller that hangs up changes nothing, the losers finish, and a drain waits for them. At most
//! [`BACKGROUND`] such tasks run; above it publications are refused with 503, for a message that is taken and then lost
//! is worse than one that the VC knows it must send again.
//!
//! In pass-through mode the other stable answers are read from a node like everything else. Health and the event stream
//! stay ours: one node's stream would end with that node, its health says nothing of the others, and an empty body is
//! no answer of a read.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use http::header::{ACCEPT, CONTENT_LENGTH};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, StatusCode, response};
use http_body::Body as _;
use http_body_util::BodyExt;
use rangelight_policy::books::Books;
use rangelight_policy::capability;
use rangelight_policy::catalogue::{Found, Reading, Row, Strategy, find};
use rangelight_policy::chain::Moment;
use rangelight_policy::duty::{self, Brief, Headers, Made, Rule};
use rangelight_policy::events::parse_topics;
use rangelight_policy::merit;
use rangelight_policy::node::Trust;
use rangelight_policy::race::plan::{Conduct, Kind, Mode, Plan, plan};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::Instant;

use crate::body::CallerBody;
use crate::budget::{self, Purpose};
use crate::dispatch::{self, drive};
use crate::gateway::Caller;
use crate::guard::Guard;
use crate::memo::{Memo, Named};
use crate::nodes::Picture;
use crate::nodes::exchange::{Came, Desk, Exchanged, Question, ask, observed};
use crate::reply::headers::NODE;
use crate::reply::{Refusal, Reply, empty, json, whole};
use crate::service::{Admitted, Answerer, Answering, operation};
use crate::stable::Stable;
use crate::stream::Stream;
use crate::time;

mod guarded;
mod news;
mod once;
mod question;
mod settle;
mod story;

use news::PictureNews;
pub use story::Story;

/// Publications that may run at one time, answered or not. A VC of a thousand keys makes some thousand in a slot.
pub const BACKGROUND: usize = 8_192;

/// How long a publication's exchange may run on: past a slot of the longest network its message is of no more use.
const PUBLICATION_PATIENCE: Duration = Duration::from_secs(12);

/// How long the collecting of a request's body may take in all; its pace is bounded by the front.
const BODY_PATIENCE: Duration = Duration::from_secs(60);

/// Everything that answers the Beacon API.
pub struct Answers {
    house: Arc<House>,
    budget_of_answer: Option<Duration>,
}

/// What all listeners share.
pub struct House {
    /// What exchanges need.
    pub desk: Desk,
    /// Our own knowledge.
    pub stable: Stable,
    /// The merged stream.
    pub stream: Arc<Stream>,
    /// Evidence and metrics of requests.
    pub story: Story,
    /// How far the rules go.
    pub mode: Mode,
    /// The slashing guard.
    pub guard: Arc<Guard>,
    background: Arc<Semaphore>,
    books: Mutex<Books>,
    memo: Memo,
}

/// One request on its way through a race.
struct Asking {
    house: Arc<House>,
    question: Arc<Question>,
    plan: Plan,
    picture: Arc<Picture>,
    caller: Arc<str>,
    begun: Instant,
}

impl House {
    /// A house of these parts.
    #[must_use]
    pub fn new(desk: Desk, stable: Stable, stream: Arc<Stream>, story: Story, mode: Mode, guard: Arc<Guard>) -> Self {
        let background = Arc::new(Semaphore::new(BACKGROUND));
        Self { desk, stable, stream, story, mode, guard, background, books: Mutex::default(), memo: Memo::default() }
    }

    /// Waits until no publication runs any more.
    pub async fn published(&self) {
        let all = u32::try_from(BACKGROUND).unwrap_or(u32::MAX);
        let _ = self.background.acquire_many(all).await;
    }

    /// Publications that run now.
    #[must_use]
    pub fn publishing(&self) -> usize {
        BACKGROUND - self.background.available_permits()
    }
}

impl Answerer for Answers {
    type Place = &'static Row;

    fn find(&self, method: &Method, path: &str) -> Result<(&'static Row, usize), Refusal> {
        operation(method, path).inspect_err(|refusal| self.house.desk.meters.refused(refusal.status().as_u16()))
    }

    fn outlives(&self, row: &&'static Row) -> bool {
        matches!(row.strategy, Strategy::Broadcast | Strategy::Once)
    }

    fn answer(&self, admitted: Admitted<&'static Row>) -> Answering {
        let house = Arc::clone(&self.house);
        let most = self.budget_of_answer;
        Box::pin(async move {
            let (row, begun) = (admitted.place, Instant::now());
            let reply = match house.answer(admitted, most, begun).await {
                Ok(reply) => reply,
                Err(refusal) => {
                    house.desk.meters.refused(refusal.status().as_u16());
                    refusal.reply()
                }
            };
            house.desk.meters.answered(row, reply.status().as_u16(), begun.elapsed());
            reply
        })
    }
}

impl Answers {
    /// The answers of one listener; `most` caps the time of each.
    #[must_use]
    pub fn new(house: Arc<House>, most: Option<Duration>) -> Self {
        Self { house, budget_of_answer: most }
    }
}

impl House {
    async fn answer(
        self: &Arc<Self>,
        admitted: Admitted<&'static Row>,
        most: Option<Duration>,
        begun: Instant,
    ) -> Result<Reply, Refusal> {
        let Admitted { request, caller, place: row } = admitted;
        let (head, body) = request.into_parts();
        let own_knowledge =
            self.mode != Mode::PassThrough || row.operation == "health" || row.id.starts_with(['D', 'K']);
        match row.strategy {
            Strategy::Synthesize if own_knowledge => return self.stable.answer(row, &head),
            Strategy::Events => return self.events(&head, caller.label),
            Strategy::Deny => return Err(Refusal::not_found(head.uri.path())),
            // Boxed: the rare way would make the memory of every other request three times as large.
            Strategy::Once => return Box::pin(once::pass_on(self, row, head, body, &caller, most)).await,
            Strategy::Broadcast | Strategy::Failover | Strategy::Synthesize => {}
        }
        let body = match row.body {
            Reading::Collect { .. } => self.collect(row, body).await?,
            Reading::None | Reading::Stream { .. } => Bytes::new(),
        };
        let (body, withheld) = Box::pin(guarded::pass(self, row, &head, body, &caller)).await?;
        let picture = self.desk.nodes.picture();
        let rule = self.rule(row, &head, &body, &caller, &picture);
        // Nobody signs over the answer to a HEAD.
        let memo = rule.memo().filter(|_| head.method != Method::HEAD);
        if memo.is_none()
            && let Some(made) = rule.at_once()
        {
            return reply_of(made);
        }
        let deadline = self.deadline(row, &head, most);
        let wanted = question::for_policy(row, &head, body.len(), deadline);
        let mut plan = plan(&wanted, &picture.snapshot, self.mode, question::caller_kind(caller.kind));
        if self.mode == Mode::Guarded {
            self.books().capabilities.order(row, merit::wants_ssz_alone(accept(&head)), &mut plan.ask, self.now());
        }
        let plan = rule.conduct(plan);
        let publication = matches!(wanted.kind, Kind::Publication | Kind::Standing);
        let patience = if publication { PUBLICATION_PATIENCE.max(deadline) } else { deadline };
        let question = Arc::new(question::for_nodes(row, head, body, patience, rule));
        let asking = Asking { house: Arc::clone(self), question, plan, picture, caller: caller.label, begun };
        match memo {
            _ if publication => {
                let rule = &asking.question.rule;
                let frozen = rule.freezes().iter().filter(|meant| self.memo.freeze(meant)).count();
                if let (Some((slot, head)), 1..) = (rule.holds(), frozen) {
                    self.stream.hold(&asking.caller, slot, head);
                }
                let reply = self.publish(asking).await;
                guarded::told(withheld, reply).await
            }
            Some(memo) => {
                let question = Arc::clone(&asking.question);
                let picture = Arc::clone(&asking.picture);
                let friend = |parts: &response::Parts| {
                    let name = parts.headers.get(NODE).and_then(|name| name.to_str().ok());
                    let state = picture.snapshot.nodes.iter().find(|one| Some(&*one.profile.name) == name);
                    state.is_some_and(|one| one.profile.trust == Trust::Friend)
                };
                let keep = |parts: &response::Parts, body: &Bytes| {
                    if friend(parts) && !question.rule.keeps_friends() {
                        return None;
                    }
                    let made = observed(&question, parts, merit::Body::Whole(body));
                    question.rule.keeps(&made).then(|| Named(question.rule.name(&made)))
                };
                let make = async {
                    match asking.question.rule.at_once() {
                        Some(made) => reply_of(made),
                        None => asking.race(None).await,
                    }
                };
                let reply = self.memo.answer(&memo, self.now(), make, keep).await?;
                in_form(&question, reply).await
            }
            None => asking.race(None).await,
        }
    }

    /// The rule of a request; where no rules are in force it is the row alone.
    fn rule(&self, row: &'static Row, head: &Parts, body: &[u8], caller: &Caller, picture: &Picture) -> Arc<dyn Rule> {
        if self.mode != Mode::Guarded {
            return duty::plain(row);
        }
        let params = match find(head.method.as_str(), head.uri.path()) {
            Found::Row(_, params) => Some(params),
            Found::BadPath(_) | Found::Unlisted { .. } | Found::WrongMethod { .. } => None,
        };
        let network = self.desk.nodes.network();
        let text = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
        let brief = Brief {
            row,
            params: params.as_ref(),
            path: head.uri.path(),
            query: head.uri.query(),
            headers: Headers {
                accept: text("accept"),
                content_type: text("content-type"),
                consensus_version: text("eth-consensus-version"),
            },
            body,
            caller: &caller.label,
            kind: question::caller_kind(caller.kind),
            snapshot: &picture.snapshot,
            network: network.as_ref().map(|network| &network.served),
            clock: network.as_ref().map(|network| network.clock),
            now: self.now(),
        };
        let mut books = self.books();
        books.capabilities.versions(&self.desk.nodes.versions());
        duty::rule(&brief, &mut books)
    }

    /// What an exchange taught, whoever's answer goes to the caller.
    fn learn(&self, question: &Question, exchanged: &Exchanged<Came>) {
        if self.mode != Mode::Guarded {
            return;
        }
        let Some(observed) = settle::seen(question, &exchanged.came) else { return };
        let lack = capability::lack(question.row, observed.status, observed.body.bytes());
        let mut books = self.books();
        if let Some(aspect) = lack {
            books.capabilities.learn(exchanged.from, question.row.operation, aspect, self.now());
        }
        question.rule.heard(&mut books, exchanged.from, &observed);
    }

    /// The books, locked; never across a wait.
    pub(crate) fn books(&self) -> MutexGuard<'_, Books> {
        // Whoever panicked while it held them has left values, not half of one.
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Now, by the nodes' clock.
    pub(crate) fn now(&self) -> Moment {
        question::by_nodes_clock(time::now(), self.desk.nodes.offset_ms())
    }

    async fn collect(&self, row: &'static Row, body: CallerBody) -> Result<Bytes, Refusal> {
        let limit = usize::MAX; // The front has bounded the body already.
        let purpose = if row.id.starts_with('B') { Purpose::OwnBlock } else { Purpose::Other };
        Ok(budget::collect(body, limit, &self.desk.budget, purpose, BODY_PATIENCE).await?)
    }

    /// Runs a publication in a task of its own, so that it outlives its caller.
    async fn publish(&self, asking: Asking) -> Result<Reply, Refusal> {
        let permit = Arc::clone(&self.background).try_acquire_owned().map_err(|_| {
            let message = "too many publications are still on their way to the nodes; send this one again in a second";
            Refusal::unavailable(message).retry_after(Duration::from_secs(1))
        })?;
        let (tell, told) = oneshot::channel();
        tokio::spawn(async move {
            let reply = asking.race(Some(permit)).await;
            // The caller may have hung up; the message is out all the same.
            let _ = tell.send(reply);
        });
        let lost = || Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "the publication ended without an outcome");
        told.await.unwrap_or_else(|_| Err(lost()))
    }

    fn events(&self, head: &Parts, caller: Arc<str>) -> Result<Reply, Refusal> {
        let topics = parse_topics(head.uri.query().unwrap_or_default());
        let topics = topics.map_err(|refused| Refusal::bad_request(refused.to_string()))?;
        let mut reply = self.stream.subscribe(topics.into_iter().collect(), caller);
        if head.method == Method::HEAD {
            *reply.body_mut() = empty();
        }
        Ok(reply)
    }

    fn deadline(&self, row: &Row, head: &Parts, most: Option<Duration>) -> Duration {
        let clock = self.desk.nodes.clock();
        let wanted = row.deadline.resolve(clock.as_ref(), self.now(), question::slot(row, head));
        // Rows without a deadline are those that nodes do not answer, except in pass-through mode.
        let wanted = wanted.unwrap_or(PUBLICATION_PATIENCE);
        most.map_or(wanted, |most| wanted.min(most))
    }
}

/// The forms in which a caller takes an answer.
fn accept(head: &Parts) -> Option<&str> {
    head.headers.get(ACCEPT).and_then(|value| value.to_str().ok())
}

/// A kept answer as this caller reads it: who asked before may have got it in another form.
async fn in_form(question: &Question, reply: Reply) -> Result<Reply, Refusal> {
    let (parts, body) = reply.into_parts();
    if body.size_hint().exact().is_none() {
        return Ok(Reply::from_parts(parts, body));
    }
    let broken = |_| Refusal::unavailable("the answer broke off on its way");
    let body = body.collect().await.map_err(broken)?.to_bytes();
    let Some(made) = question.rule.in_form(&observed(question, &parts, merit::Body::Whole(&body))) else {
        return Ok(Reply::from_parts(parts, whole(body)));
    };
    let mut reply = reply_of(made)?;
    for (name, value) in &parts.headers {
        if *name != CONTENT_LENGTH {
            reply.headers_mut().entry(name).or_insert_with(|| value.clone());
        }
    }
    Ok(reply)
}

/// An answer of ours.
pub(super) fn reply_of(made: Made) -> Result<Reply, Refusal> {
    let status = StatusCode::from_u16(made.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if status.is_client_error() || status.is_server_error() {
        return Err(Refusal::new(status, String::from_utf8_lossy(&made.body)));
    }
    Ok(reply_as_it_is(made))
}

/// An answer of ours whose body is the whole body, also that of a refusal. Without one it has no media type.
pub(super) fn reply_as_it_is(made: Made) -> Reply {
    let status = StatusCode::from_u16(made.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut reply = match made.body.is_empty() {
        true => Reply::new(empty()),
        false => json(status, made.body),
    };
    *reply.status_mut() = status;
    for (name, value) in made.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            reply.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    reply
}

impl Asking {
    /// Asks the nodes. With a permit the losers run on and keep it.
    async fn race(self, permit: Option<OwnedSemaphorePermit>) -> Result<Reply, Refusal> {
        let Some(mut race) = self.plan.race() else {
            let Conduct::Refuse(why) = &self.plan.conduct else { return Err(settle::nobody(&self, "")) };
            return Err(settle::nobody(&self, &why.to_string()));
        };
        let desk = &self.house.desk;
        let send = |id| {
            let node = self.picture.nodes.get(&id).map(Arc::clone);
            let (house, question) = (Arc::clone(&self.house), Arc::clone(&self.question));
            async move {
                match node {
                    Some(node) => {
                        let exchanged = ask(&house.desk, id, &node, &question).await;
                        house.learn(&question, &exchanged);
                        if question.row.standing {
                            question.rule.ended(&mut house.books(), id, &exchanged.verdict);
                        }
                        exchanged
                    }
                    // Configured away between the picture and the plan; it is as one that cannot be reached.
                    None => settle::gone(id),
                }
            }
        };
        let news = PictureNews::new(desk.nodes.watch(), Arc::clone(&self.picture));
        let finished = drive(race.as_mut(), send, news).await;
        let (mut asked, mut rest) = (finished.asked, finished.rest);
        let settle::Concluded { reply, ending } = settle::outcome(&self, finished.ended);
        if rest.is_empty() {
            self.house.story.tell(&self, &asked, &ending);
            return reply;
        }
        let meters = Arc::clone(&desk.meters);
        meters.background.increment(1.0);
        tokio::spawn(async move {
            let _permit = permit;
            while let Some(exchanged) = rest.next().await {
                dispatch::note_end(&mut asked, &exchanged, self.begun.elapsed());
            }
            self.house.story.tell(&self, &asked, &ending);
            meters.background.decrement(1.0);
        });
        reply
    }
}
