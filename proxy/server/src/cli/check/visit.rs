//! A visit: everything that is asked of one node, directly, as the running proxy would ask it.
//!
//! | question | for |
//! |---|---|
//! | `version` | is anybody there? Its answer opens the connection, so that the next one is measured without it |
//! | `syncing`, alone | sync state, latency, the node's clock |
//! | `genesis`, `spec`, `version` v2, `peer_count` | network, families, peers |
//! | `events`, with every topic | does the stream open, and which topics are refused |
//! | the head block, as SSZ | does it speak SSZ; only the answer's head is read |
//!
//! Three steps one after the other, each bounded by the patience of [`Control`] or, for the events, by [`EVENTS`]: a
//! node that says nothing at all costs some nine seconds, and all nodes are visited at the same time.

use std::time::Duration;

use rangelight_policy::chain::Moment;
use rangelight_policy::events::{Topic, TopicPlan, Topics};
use rangelight_policy::family::Versions;
use rangelight_policy::health::Syncing;
use rangelight_policy::network::{Genesis, Spec};
use tokio::time::timeout;

use crate::config::NodeConfig;
use crate::nodes::control::{Control, Read, Unread};
use crate::nodes::feed::{self, Opened};
use crate::nodes::{probe, tls};
use crate::time;

/// How long the topics are tried. A node that does not say which topic it refuses takes some tries for each.
const EVENTS: Duration = Duration::from_secs(3);

/// Streams opened to learn the topics; above it what is known by then is shown.
const TRIES: usize = 64;

const SSZ: &str = "application/octet-stream";

/// What was learnt of one node. An error says in a few words why something was not.
#[derive(Clone, Debug)]
pub(super) struct Visit {
    /// Its sync state.
    pub(super) syncing: Result<Syncing, String>,
    /// How long the sync state took, on a connection that stood.
    pub(super) took: Option<Duration>,
    /// The node's clock against ours in milliseconds, by its `Date`, which has whole seconds.
    pub(super) clock_ms: Option<i64>,
    /// Its genesis.
    pub(super) genesis: Result<Genesis, String>,
    /// Its spec.
    pub(super) spec: Result<Spec, String>,
    /// Its versions.
    pub(super) versions: Option<Versions>,
    /// Its peers.
    pub(super) peers: Option<u64>,
    /// The topics that it refuses on a stream that opens.
    pub(super) events: Result<Topics, String>,
    /// Whether it answers in SSZ.
    pub(super) ssz: Result<bool, String>,
}

impl Visit {
    /// A visit to a node that could not be spoken to at all.
    pub(super) fn failed(why: &str) -> Self {
        let why = || why.to_owned();
        Self {
            syncing: Err(why()),
            took: None,
            clock_ms: None,
            genesis: Err(why()),
            spec: Err(why()),
            versions: None,
            peers: None,
            events: Err(why()),
            ssz: Err(why()),
        }
    }

    /// Visits a node.
    pub(super) async fn pay(node: &NodeConfig) -> Self {
        let control = tls::client_config(node)
            .map_err(|error| error.to_string())
            .and_then(|tls| Control::new(node, tls).map_err(|error| error.to_string()));
        let control = match control {
            Ok(control) => control,
            Err(why) => return Self::failed(&why),
        };
        let version = match control.read("/eth/v1/node/version").await {
            Ok(version) => version,
            Err(why) => return Self::failed(&why.to_string()),
        };
        let syncing = control.read("/eth/v1/node/syncing").await;
        let now = time::now();
        let (genesis, spec, version_v2, peers, events, ssz) = tokio::join!(
            control.read("/eth/v1/beacon/genesis"),
            control.read("/eth/v1/config/spec"),
            control.read("/eth/v2/node/version"),
            control.read("/eth/v1/node/peer_count"),
            timeout(EVENTS, refused_topics(&control)),
            control.media("/eth/v2/beacon/blocks/head", SSZ),
        );
        let date = syncing.as_ref().ok().and_then(|read| read.date);
        Self {
            took: syncing.as_ref().ok().map(|read| read.took),
            clock_ms: date.map(|date| difference(date, now)),
            syncing: syncing.map_err(|why| why.to_string()).and_then(|read| probe::syncing(&read)),
            genesis: body(genesis).and_then(|read| Genesis::read(&read.body).map_err(|error| error.to_string())),
            spec: body(spec).and_then(|read| Spec::read(&read.body).map_err(|error| error.to_string())),
            versions: probe::versions_of(Some(&version), version_v2.ok().as_ref()),
            peers: peers.ok().and_then(|read| probe::peers(&read).ok()),
            events: events.unwrap_or_else(|_| Err("did not answer in time".to_owned())),
            ssz: ssz.map(|media| media == SSZ),
        }
    }
}

/// Opens streams until one stands with every topic that the node takes.
async fn refused_topics(control: &Control) -> Result<Topics, String> {
    let wanted: Topics = Topic::all().collect();
    let mut plan = TopicPlan::default();
    let mut stood = false;
    for _ in 0..TRIES {
        let asked = plan.ask(&wanted);
        match feed::open(control, &asked).await {
            Opened::Stream(_) => {
                stood = true;
                plan.on_accepted(&asked);
                if plan.ask(&wanted) == asked {
                    break;
                }
            }
            Opened::Refused(message) => {
                plan.on_refused(&asked, &message);
                if asked.len() == 1 && asked.contains(&Topic::Head) {
                    return Err("refuses even the topic head".to_owned());
                }
            }
            Opened::Nothing(why) => return Err(why),
        }
    }
    if stood { Ok(plan.refused().clone()) } else { Err("refuses every set of topics that was tried".to_owned()) }
}

fn body(read: Result<Read, Unread>) -> Result<Read, String> {
    read.map_err(|why| why.to_string())
        .and_then(|read| if read.status == 200 { Ok(read) } else { Err(format!("answered {}", read.status)) })
}

/// A date has whole seconds, so its middle is meant.
fn difference(there: Moment, here: Moment) -> i64 {
    i64::try_from(i128::from(there.0) + 500 - i128::from(here.0)).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_judged_by_the_middle_of_its_second() {
        for (there, here, wanted) in
            [(10_000, 10_500, 0), (10_000, 10_900, -400), (15_000, 10_500, 5_000), (0, 4_500, -4_000)]
        {
            assert_eq!(difference(Moment(there), Moment(here)), wanted);
        }
    }
}
