//! Which network is served, case by case.

use std::sync::Arc;

use rangelight_policy::chain::{Epoch, Moment};
use rangelight_policy::health::NetworkStanding;
use rangelight_policy::network::{Comparison, Gap, Genesis, Lacks, Mismatch, NetworkChoice, Spec};
use rangelight_policy::node::NodeId;

use super::{Chart, FILE, NAMED, WAIT_FOR_OWN, kept_in, standing};
use crate::state::State;

/// A genesis whose root is this digit, 64 times.
fn genesis(digit: char) -> Genesis {
    let root = digit.to_string().repeat(64);
    let body = format!(
        r#"{{"data":{{"genesis_time":"1000","genesis_validators_root":"0x{root}","genesis_fork_version":"0x00000000"}}}}"#
    );
    Genesis::read(body.as_bytes()).expect("a genesis")
}

fn spec() -> Spec {
    Spec::read(br#"{"data":{"SECONDS_PER_SLOT":"12","SLOTS_PER_EPOCH":"32"}}"#).expect("a spec")
}

/// A chart of `own` own nodes, of which node n says network `said[n]`; friends follow. Settled at once, then after the
/// wait. What is served, by the digit of its root, each time.
fn served(mut chart: Chart, own: u16, said: &[(u16, char)], now: u64) -> Result<[Option<char>; 2], String> {
    let all: Vec<NodeId> = (0..10).map(NodeId).collect();
    chart.configured(all[..usize::from(own)].to_vec(), &all);
    for (node, digit) in said {
        chart.heard(NodeId(*node), &Arc::from(format!("node{node}")), genesis(*digit), spec(), Moment(now));
    }
    let mut seen = [None, None];
    for (place, moment) in [now, now + WAIT_FOR_OWN].into_iter().enumerate() {
        chart.settle(&[], Moment(moment)).map_err(|unsettled| unsettled.to_string())?;
        let root = chart.network().map(|network| network.served.genesis.validators_root.to_string());
        seen[place] = root.and_then(|root| root.chars().nth(2));
    }
    Ok(seen)
}

#[test]
fn which_network_is_served() {
    let (a, b) = (Some('a'), Some('b'));
    for (name, choice, own, said, wanted) in [
        ("nobody spoke", None, 2, vec![], Ok([None, None])),
        ("one own node, the only one", None, 1, vec![(0, 'a')], Ok([a, a])),
        ("one of two waits for the other, but not for ever", None, 2, vec![(0, 'a')], Ok([None, a])),
        ("most of three need not wait", None, 3, vec![(0, 'a'), (1, 'a')], Ok([a, a])),
        ("most of three, one elsewhere", None, 3, vec![(0, 'b'), (1, 'a'), (2, 'a')], Ok([a, a])),
        ("a friend first at boot defines nothing", None, 1, vec![(1, 'b')], Ok([None, None])),
        ("a friend of another network beside an own node", None, 1, vec![(1, 'b'), (0, 'a')], Ok([a, a])),
        ("one against one", None, 2, vec![(0, 'a'), (1, 'b')], Err("as many on each")),
        ("chosen", Some('b'), 2, vec![(0, 'a'), (1, 'b')], Ok([b, b])),
        ("chosen, and only a friend is on it", Some('b'), 1, vec![(1, 'b')], Ok([None, None])),
        ("chosen, and every own node is elsewhere", Some('b'), 1, vec![(0, 'a')], Err("configured as")),
        ("friends only, chosen", Some('b'), 0, vec![(1, 'a'), (2, 'b')], Ok([b, b])),
        ("friends only, not chosen", None, 0, vec![(1, 'a')], Ok([None, None])),
    ] {
        let choice = choice.map(|digit: char| NetworkChoice(genesis(digit).validators_root));
        let got = served(Chart::new(choice, None), own, &said, 5_000_000);
        match (got, wanted) {
            (Ok(got), Ok(wanted)) => assert_eq!(got, wanted, "{name}"),
            (Err(got), Err(wanted)) => assert!(got.contains(wanted), "{name}: {got}"),
            (got, _) => panic!("{name}: {got:?}"),
        }
    }
}

#[tokio::test]
async fn an_early_node_is_outvoted_and_only_what_is_proven_is_kept() {
    let folder = std::env::temp_dir().join(format!("rangelight-chart-{}", std::process::id()));
    let state = Arc::new(State::open(&folder).expect("a folder"));
    let all: Vec<NodeId> = (0..3).map(NodeId).collect();
    let mut chart = Chart::new(None, Some(Arc::clone(&state)));
    chart.configured(all.clone(), &all);
    let hear = |chart: &mut Chart, node: u16, digit| {
        chart.heard(NodeId(node), &Arc::from("node"), genesis(digit), spec(), Moment(5_000_000));
    };
    hear(&mut chart, 0, 'b');
    assert!(chart.settle(&[], Moment(5_000_000 + WAIT_FOR_OWN)).expect("no tie"), "one voice serves for now");
    assert!(!state.path(FILE).exists(), "but is not kept");
    hear(&mut chart, 1, 'a');
    hear(&mut chart, 2, 'a');
    assert!(chart.settle(&[], Moment(5_010_000)).expect("no tie"));
    let served = |chart: &Chart| chart.network().expect("known").served.genesis.clone();
    assert_eq!(served(&chart), genesis('a'));
    kept(&state, 'a').await;

    let mut moved = Chart::new(None, Some(Arc::clone(&state)));
    moved.configured(all.clone(), &all);
    (0..3).for_each(|node| hear(&mut moved, node, 'b'));
    assert!(moved.settle(&[], Moment(5_020_000)).expect("no tie"));
    assert_eq!(served(&moved), genesis('b'), "a kept folder follows the own nodes when most of them moved");
    kept(&state, 'b').await;
    std::fs::remove_dir_all(&folder).expect("the folder was ours");
}

/// Waits until the network of this digit is what the next start would serve.
async fn kept(state: &Arc<State>, digit: char) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    loop {
        let next = Chart::new(None, Some(Arc::clone(state)));
        if next.network().is_some_and(|network| network.served.genesis == genesis(digit)) {
            return;
        }
        assert!(std::time::Instant::now() < deadline, "what is proven is written");
        tokio::task::yield_now().await;
    }
}

#[test]
fn every_difference_is_named_up_to_the_bound() {
    let gap = |change: &str, epoch, lacks| Gap { change: change.to_owned(), epoch: Epoch(epoch), lacks };
    let differs = |n: usize| Mismatch { key: format!("KEY{n}"), reference: "1".to_owned(), node: "2".to_owned() };
    let several = Comparison {
        not_ready: vec![
            gap("fork gloas", 30, Lacks::Node),
            gap("fork fulu", 5, Lacks::Reference),
            gap("blob limit", 20, Lacks::Neither),
        ],
        ..Comparison::default()
    };
    let NetworkStanding::Lacks { change, epoch, also } = standing(&several) else { panic!("{several:?}") };
    assert_eq!((change.as_str(), epoch), ("blob limit", Epoch(20)), "the earliest decides when it is behind");
    assert_eq!(also, ["not ready for fork gloas at epoch 30"], "what only we lack is no fault of the node");
    let behind = Comparison { behind: vec![gap("fork fulu", 7, Lacks::Node)], ..several };
    let NetworkStanding::Lacks { change, also, .. } = standing(&behind) else { panic!("{behind:?}") };
    assert_eq!((change.as_str(), also.len()), ("fork fulu", 2));
    for (differences, lines, last) in [
        (1, 1, "KEY0: ours 1, its 2".to_owned()),
        (NAMED, NAMED, format!("KEY{}: ours 1, its 2", NAMED - 1)),
        (NAMED + 5, NAMED + 1, "and 5 more".to_owned()),
    ] {
        let foreign = Comparison { foreign: (0..differences).map(differs).collect(), ..Comparison::default() };
        let NetworkStanding::Foreign(words) = standing(&foreign) else { panic!("{differences} differences") };
        assert_eq!((words.len(), words.last()), (lines, Some(&last)));
    }
    assert_eq!(standing(&Comparison::default()), NetworkStanding::Same);
}

#[tokio::test]
async fn what_a_run_keeps_is_seen_while_it_runs() {
    let folder = std::env::temp_dir().join(format!("rangelight-kept-{}", std::process::id()));
    assert!(kept_in(&folder).expect("no folder is no failure").is_none());
    let state = Arc::new(State::open(&folder).expect("a folder"));
    assert!(kept_in(&folder).expect("nothing was kept").is_none());
    let mut chart = Chart::new(None, Some(Arc::clone(&state)));
    chart.configured(vec![NodeId(0)], &[NodeId(0)]);
    chart.heard(NodeId(0), &Arc::from("node"), genesis('a'), spec(), Moment(5_000_000));
    assert!(chart.settle(&[], Moment(5_000_000)).expect("no tie"));
    kept(&state, 'a').await;
    let seen = kept_in(&folder).expect("the lock keeps nobody from looking").expect("it was kept");
    assert_eq!(seen.genesis, genesis('a'));
    std::fs::write(state.path(FILE), "{").expect("the folder can be written");
    assert!(kept_in(&folder).is_err(), "a broken file is told");
    std::fs::remove_dir_all(&folder).expect("the folder was ours");
}
