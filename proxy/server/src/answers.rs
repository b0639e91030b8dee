//! Answers: which part of the house answers an admitted request.
//!
//! | strategy | answered by |
//! |---|---|
//! | synthesize | our own knowledge ([`stable`](crate::stable)) |
//! | events | the merged stream ([`stream`](crate::stream)) |
//! | deny | a refusal that says where to ask instead |
//! | failover, broadcast, once | nodes, in a race that policy plans and [`dispatch`](crate::dispatch) drives |
//!
//! A read's race lives in its request: when the caller hangs up, its exchanges are dropped. A publication's race lives
//! in a task of its own: a caller that hangs up changes nothing, the losers finish, and a drain waits for them. At most
//! [`BACKGROUND`] such tasks run; above it publications are refused with 503, for a message that is taken and then lost
//! is worse than one that the VC knows it must send again.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, HOST, ORIGIN, REFERER, USER_AGENT};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderValue, StatusCode};
use rangelight_policy::catalogue::{Params, Reading, Row, Strategy};
use rangelight_policy::chain::Slot;
use rangelight_policy::events::parse_topics;
use rangelight_policy::race::plan::{CallerKind, Mode, Plan, plan};
use tokio::sync::{Semaphore, oneshot};
use tokio::time::Instant;

use crate::budget::{self, Purpose};
use crate::dispatch::{Ended, drive};
use crate::gateway::Caller;
use crate::nodes::exchange::{Came, Desk, Question, ask};
use crate::nodes::transport::{Repeat, SentHead};
use crate::nodes::Picture;
use crate::observe;
use crate::reply::{Refusal, Reply, headers};
use crate::service::{Admitted, Answering, Answerer};
use crate::stable::Stable;
use crate::stream::Stream;
use crate::time;

mod news;
mod question;
mod story;

use news::PictureNews;
pub use story::Story;

/// Publications that may run after their answer. A VC of a thousand keys makes some thousand in a slot.
pub const BACKGROUND: usize = 8_192;

/// How long a publication's exchange may run on: past a slot of the longest network its message is of no more use.
const PUBLICATION_PATIENCE: Duration = Duration::from_secs(12);

/// Everything that answers.
pub struct Answers {
    desk: Desk,
    stable: Stable,
    stream: Arc<Stream>,
    story: Story,
    mode: Mode,
    background: Arc<Semaphore>,
}

/// One request on its way through a race.
struct Asking {
    question: Arc<Question>,
    plan: Plan,
    picture: Arc<Picture>,
    caller: Arc<str>,
    path: String,
    begun: Instant,
}
