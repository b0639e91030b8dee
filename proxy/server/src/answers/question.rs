//! From a caller's request to what policy has to know of it, and to what nodes get of it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderName;
use http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderValue, ORIGIN, REFERER, USER_AGENT};
use http::request::Parts;
use http::uri::PathAndQuery;
use rangelight_policy::catalogue::{Found, Hedge, Media, Row, Scope, Strategy, UNLISTED_READ, find};
use rangelight_policy::chain::{Moment, Slot};
use rangelight_policy::duty::Rule;
use rangelight_policy::merit;
use rangelight_policy::race::failover::Pace;
use rangelight_policy::race::plan;

use crate::gateway;
use crate::nodes::exchange::Question;
use crate::nodes::transport::{Repeat, SentHead};

#[cfg(test)]
mod tests;

/// What a browser says of itself; a node would judge our caller by it, and we have done so already.
const BROWSERS: [HeaderName; 6] = [
    ORIGIN,
    REFERER,
    HeaderName::from_static("sec-fetch-dest"),
    HeaderName::from_static("sec-fetch-mode"),
    HeaderName::from_static("sec-fetch-site"),
    HeaderName::from_static("sec-fetch-user"),
];

/// What policy has to know.
#[must_use]
pub(super) fn for_policy(row: &Row, head: &Parts, body_bytes: usize, deadline: Duration) -> plan::Question {
    let kind = match row.strategy {
        _ if row.id == UNLISTED_READ.id => plan::Kind::UnlistedRead,
        Strategy::Once => plan::Kind::UnlistedWrite,
        Strategy::Broadcast if row.standing => plan::Kind::Standing,
        Strategy::Broadcast => plan::Kind::Publication,
        Strategy::Deny | Strategy::Events | Strategy::Failover | Strategy::Synthesize => plan::Kind::Read,
    };
    plan::Question {
        kind,
        view: row.view && about_the_head(head),
        friends_last: row.friends_last,
        guarded_friends: row.friends_last && row.scope == Scope::Propose,
        pace: match row.hedge {
            Some(Hedge::AfterMs(_) | Hedge::Quantile) => Pace::Hedged,
            None => Pace::OneByOne,
        },
        hedge_no_sooner: match row.hedge {
            Some(Hedge::AfterMs(ms)) => Duration::from_millis(ms),
            Some(Hedge::Quantile) | None => Duration::ZERO,
        },
        // An optimistic answer is below it: it is kept, and a node that is not optimistic is asked.
        enough: merit::ENOUGH,
        deadline,
        body_bytes: body_bytes as u64,
    }
}

/// A read of an old state or block is the same from every node; the view says nothing about it.
fn about_the_head(head: &Parts) -> bool {
    let path = head.uri.path();
    !path.contains("/finalized") && !path.contains("/genesis")
}

/// What nodes get.
#[must_use]
pub(super) fn for_nodes(
    row: &'static Row,
    mut head: Parts,
    body: Bytes,
    patience: Duration,
    rule: Arc<dyn Rule>,
) -> Question {
    let headers = &mut head.headers;
    for name in BROWSERS.iter().chain(&[HOST, USER_AGENT, CONTENT_LENGTH]) {
        headers.remove(name);
    }
    match row.media {
        // Some nodes answer 406 to an Accept that names what a route does not have.
        Media::Json | Media::SszRequest => {
            headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        }
        Media::Events | Media::SszAnswer | Media::SszBoth => {
            headers.entry(ACCEPT).or_insert(HeaderValue::from_static("application/json"));
        }
    }
    if body.is_empty() {
        headers.remove(CONTENT_TYPE);
    } else {
        // Prysm answers 415 to a body without a type.
        headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
    }
    let target = head.uri.path_and_query().cloned().unwrap_or(PathAndQuery::from_static("/"));
    let repeat = if row.retry_on_new_connection { Repeat::OnNewConnection } else { Repeat::Never };
    let head = SentHead { method: head.method, target, headers: head.headers };
    Question { row, head, body, repeat, patience, rule }
}

/// The slot that a request is about, if it names one.
#[must_use]
pub(super) fn slot(row: &Row, head: &Parts) -> Option<Slot> {
    if row.path.contains("{slot}")
        && let Found::Row(_, params) = find(head.method.as_str(), head.uri.path())
    {
        return params.value("slot")?.parse().ok();
    }
    let query = head.uri.query()?;
    query.split('&').find_map(|pair| pair.strip_prefix("slot="))?.parse().ok()
}

/// The moment by the own nodes' clock, where they agree that ours is wrong.
#[must_use]
pub(super) fn by_nodes_clock(now: Moment, offset_ms: i64) -> Moment {
    Moment(now.0.saturating_add_signed(offset_ms))
}

/// Who asks, in policy's words.
#[must_use]
pub(super) fn caller_kind(kind: gateway::CallerKind) -> plan::CallerKind {
    match kind {
        gateway::CallerKind::Own => plan::CallerKind::Own,
    }
}
