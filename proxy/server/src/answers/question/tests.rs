//! From a request to the race it gets.

use std::sync::Arc;
use std::time::Duration;

use http::Request;
use rangelight_policy::catalogue;
use rangelight_policy::chain::Moment;
use rangelight_policy::family::{ConsensusFamily, ExecutionFamily};
use rangelight_policy::merit::{self, Body, Observed};
use rangelight_policy::node::{NodeId, NodeState, Participation, Profile, Snapshot, Tier, Trust};
use rangelight_policy::race::plan::{CallerKind, Mode, plan};
use rangelight_policy::race::{Answer, Event, Losers, Outcome};

use super::for_policy;

fn own(id: u16) -> NodeState {
    let profile = Profile {
        id: NodeId(id),
        name: id.to_string().into(),
        trust: Trust::Own,
        participation: Participation::Full,
        operator: None,
        consensus: ConsensusFamily::Unknown,
        execution: ExecutionFamily::Unknown,
    };
    NodeState {
        profile: Arc::new(profile),
        tier: Tier::Ready,
        compared: true,
        cordoned: false,
        doubtful: false,
        head: None,
        hedge_after_ms: 100,
        reasons: Arc::new([]),
    }
}

#[test]
fn a_verified_node_answers_before_an_optimistic_one() {
    let row = catalogue::row("header").expect("a listed read");
    let (head, ()) = Request::get("/eth/v1/beacon/headers/head").body(()).expect("a request").into_parts();
    let question = for_policy(row, &head, 0, Duration::from_secs(4));
    let snapshot = Snapshot { at: Moment(0), nodes: vec![own(0), own(1)], view: None, ..Snapshot::default() };
    let mut race = plan(&question, &snapshot, Mode::Guarded, CallerKind::Own).race().expect("somebody to ask");
    let said = |optimistic: bool| {
        let json = format!(r#"{{"execution_optimistic":{optimistic},"data":{{}}}}"#);
        let observed = Observed {
            status: 200,
            content_type: Some("application/json"),
            optimistic: None,
            accept: None,
            eth: Default::default(),
            body: Body::Whole(json.as_bytes()),
        };
        merit::judge(row, &observed)
    };
    assert_eq!(race.begin().send, [NodeId(0)]);
    let step = race.observe(Event::Answer { from: NodeId(0), verdict: said(true).0 }, Duration::from_millis(5));
    assert_eq!((step.send, step.outcome), (vec![NodeId(1)], None), "a better one may come");
    let step = race.observe(Event::Answer { from: NodeId(1), verdict: said(false).0 }, Duration::from_millis(9));
    let answer = Answer::One(NodeId(1));
    assert_eq!(step.outcome, Some(Outcome::Reply { answer, losers: Losers::Cancel }));
}
