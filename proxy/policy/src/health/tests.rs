//! Each fact and each rule of readiness has its case.

use super::grey::Grey;
use super::*;

const GOOD: Syncing = Syncing {
    head_slot: Slot(100),
    sync_distance: 0,
    is_syncing: false,
    is_optimistic: Some(false),
    el_offline: Some(false),
};

/// Name, what happens, the tier after it.
type Case<'a> = (&'a str, &'a dyn Fn(&mut Health), Tier);

fn ready() -> Health {
    let mut health = Health::default();
    health.compared(NetworkStanding::Same);
    health.syncing(GOOD);
    health
}

fn tier(health: &Health) -> Tier {
    health.tier(Yardstick::default(), Epoch(12)).0
}

#[test]
fn facts_make_tiers() {
    let lacks = |epoch| NetworkStanding::Lacks { change: "fork fulu".into(), epoch: Epoch(epoch), also: Vec::new() };
    let said = |said| move |it: &mut Health| it.syncing(said);
    let cases: [Case<'_>; 18] = [
        ("all is well", &|_| {}, Tier::Ready),
        (
            "is_optimistic and el_offline are not told",
            &said(Syncing { is_optimistic: None, el_offline: None, ..GOOD }),
            Tier::Ready,
        ),
        ("optimistic", &said(Syncing { is_optimistic: Some(true), ..GOOD }), Tier::Optimistic),
        ("its execution client is offline", &said(Syncing { el_offline: Some(true), ..GOOD }), Tier::Optimistic),
        ("syncing", &said(Syncing { is_syncing: true, ..GOOD }), Tier::Syncing),
        (
            "syncing and optimistic",
            &said(Syncing { is_syncing: true, is_optimistic: Some(true), ..GOOD }),
            Tier::Syncing,
        ),
        ("an optimistic head event", &|it| it.head(Slot(101), Some(true), None), Tier::Optimistic),
        (
            "an optimistic head event, and a probe that does not say",
            &|it| {
                it.head(Slot(101), Some(true), None);
                it.syncing(Syncing { is_optimistic: None, ..GOOD });
            },
            Tier::Optimistic,
        ),
        (
            "verified since",
            &|it| {
                it.head(Slot(101), Some(true), None);
                it.head(Slot(102), Some(false), None);
            },
            Tier::Ready,
        ),
        ("one probe failed", &|it| it.lost(Loss::Silent, "no answer"), Tier::Away),
        (
            "one probe failed, an exchange worked since",
            &|it| {
                it.lost(Loss::Silent, "no answer");
                it.exchanged(Exchange::Answered { ms: 5 });
            },
            Tier::Ready,
        ),
        ("an exchange failed", &|it| assert!(!it.exchanged(Exchange::Faulted)), Tier::Ready),
        ("it refuses connections", &|it| assert!(it.exchanged(Exchange::Refused)), Tier::Away),
        (
            "it answers again, but has not said that it is synced",
            &|it| {
                it.exchanged(Exchange::Refused);
                it.exchanged(Exchange::Answered { ms: 5 });
            },
            Tier::Away,
        ),
        ("another network", &|it| it.compared(NetworkStanding::Foreign(vec!["genesis".into()])), Tier::Foreign),
        ("its network is not known", &|it| it.compared(NetworkStanding::Unknown), Tier::Away),
        ("it lacks a fork to come", &|it| it.compared(lacks(13)), Tier::Ready),
        ("it lacks a fork in force", &|it| it.compared(lacks(12)), Tier::Behind),
    ];
    for (name, change, expected) in cases {
        let mut health = ready();
        change(&mut health);
        assert_eq!(tier(&health), expected, "{name}");
        assert_eq!(health.usable(Epoch(12)), expected == Tier::Ready, "{name}: the short form agrees");
    }
    assert_eq!(tier(&Health::default()), Tier::Away, "nothing is known");
}

#[test]
fn every_tier_but_ready_has_a_reason() {
    let (_, reasons) = ready().tier(Yardstick::default(), Epoch(12));
    assert_eq!(reasons, [""; 0]);
    let mut health = ready();
    let also = "not ready for blob limit at epoch 20";
    health.compared(NetworkStanding::Lacks {
        change: "fork fulu".into(),
        epoch: Epoch(13),
        also: vec![also.to_owned()],
    });
    assert_eq!(health.tier(Yardstick::default(), Epoch(12)).1, ["not ready for fork fulu at epoch 13", also]);
    assert_eq!(
        health.tier(Yardstick::default(), Epoch(13)).1,
        ["it does not know the fork fulu, in force since epoch 13", also]
    );
    health.syncing(Syncing { el_offline: Some(true), is_optimistic: Some(true), ..GOOD });
    assert_eq!(health.tier(Yardstick::default(), Epoch(13)).1.len(), 2);
    health.lost(Loss::Silent, &"x".repeat(10_000));
    assert_eq!(health.tier(Yardstick::default(), Epoch(13)).1[0].len(), 200, "a reason has a bound");
}

#[test]
fn an_exchange_that_cannot_connect_leaves_the_probes_words() {
    let mut health = ready();
    health.exchanged(Exchange::Refused);
    let reasons = |health: &Health| health.tier(Yardstick::default(), Epoch(12)).1;
    assert_eq!(reasons(&health), ["no connection to it can be made"]);
    health.lost(Loss::Refused, "cannot be reached: invalid certificate");
    health.exchanged(Exchange::Refused);
    assert_eq!(reasons(&health), ["cannot be reached: invalid certificate"]);
}

#[test]
fn lag_is_measured_against_nodes_that_can_be_believed() {
    for (name, own, friends, any_friend, expected) in [
        ("nobody to compare with", None, None, None, Tier::Ready),
        ("the best is as high", Some(100), None, None, Tier::Ready),
        ("two slots are allowed", Some(102), None, None, Tier::Ready),
        ("three are not", Some(103), None, None, Tier::Behind),
        ("two friends agree", Some(100), Some(103), Some(103), Tier::Behind),
        ("one friend alone is not believed at once", Some(100), None, Some(104), Tier::Ready),
        ("but after more than four slots", Some(100), None, Some(105), Tier::Behind),
        ("a lower best", Some(90), Some(91), Some(92), Tier::Ready),
    ] {
        let slots = |slot: Option<u64>| slot.map(Slot);
        let yardstick = Yardstick { own: slots(own), friends: slots(friends), any_friend: slots(any_friend) };
        assert_eq!(ready().tier(yardstick, Epoch(12)).0, expected, "{name}");
    }
    let mut health = ready();
    health.head(Slot(104), None, None);
    let yardstick = Yardstick { own: Some(Slot(106)), ..Yardstick::default() };
    assert_eq!(health.tier(yardstick, Epoch(12)).0, Tier::Ready, "an event is newer than the probe");
    health.feed_lost();
    assert_eq!(health.tier(yardstick, Epoch(12)).0, Tier::Behind, "with the feed its word goes, the probe's stays");
}

#[test]
fn doubts_order_and_pass() {
    let weigh = |health: &mut Health, tier, ms| health.weigh(tier, Moment(ms), 12_000);
    let mut health = ready();
    weigh(&mut health, Tier::Away, 0);
    weigh(&mut health, Tier::Ready, 1);
    assert!(!health.doubtful(), "a node that was never ready is not on its way back");
    weigh(&mut health, Tier::Behind, 2);
    assert_eq!(health.doubts(), ["it was not ready just now"]);
    weigh(&mut health, Tier::Ready, 24_001);
    assert!(health.doubtful(), "two slots have not passed");
    weigh(&mut health, Tier::Ready, 24_002);
    assert!(!health.doubtful());
    health.peers(0);
    weigh(&mut health, Tier::Ready, 24_003);
    assert_eq!(health.doubts(), ["it has no peers"]);
    health.peers(3);
    weigh(&mut health, Tier::Ready, 60_000);
    assert!(!health.doubtful());
    assert_eq!(tier(&health), Tier::Ready, "doubts never touch the tier");
}

#[test]
fn grey_failure() {
    let ok = |ms| Exchange::Answered { ms };
    let grey = |exchanges: &[(usize, Exchange)]| {
        let mut grey = Grey::default();
        exchanges.iter().for_each(|(times, exchange)| (0..*times).for_each(|_| grey.exchanged(*exchange)));
        grey
    };
    for (name, exchanges, hedge, doubts) in [
        ("nothing is known", vec![], 300, 0),
        ("too little to say anything", vec![(7, ok(5))], 300, 0),
        ("a fast node: a hedge never comes before 50 ms", vec![(8, ok(5))], 50, 0),
        ("in steps", vec![(8, ok(120))], 125, 0),
        ("one slow answer of ten does not count", vec![(30, ok(100)), (2, ok(9_000))], 100, 0),
        ("four of 32 do", vec![(28, ok(100)), (4, ok(400))], 400, 0),
        ("a slow node: a hedge always comes after a second", vec![(32, ok(30_000))], 1_000, 1),
        ("an absurd time", vec![(32, ok(u64::MAX))], 1_000, 1),
        ("seven faults of 32", vec![(25, ok(100)), (7, Exchange::Faulted)], 100, 0),
        ("eight faults of 32", vec![(24, ok(100)), (8, Exchange::Faulted)], 100, 1),
        ("old faults are forgotten", vec![(32, Exchange::Faulted), (32, ok(100))], 100, 0),
    ] {
        let grey = grey(&exchanges);
        assert_eq!((grey.hedge_after_ms(), grey.doubts().count()), (hedge, doubts), "{name}");
    }
    let mut late = Grey::default();
    for (index, is_late) in [true, true, true, false, false, true].into_iter().enumerate() {
        late.head(is_late);
        assert_eq!(late.doubts().count(), usize::from(index == 5), "late with half of eight, at head {index}");
    }
}

#[test]
fn only_what_others_see_is_worth_a_review() {
    let mut health = ready();
    let mut seen = 0;
    for _ in 0..1_000 {
        seen += u32::from(health.exchanged(Exchange::Answered { ms: 20 }));
    }
    assert_eq!(seen, 1, "the hedge becomes known, and nothing else changes");
}

#[test]
fn a_dropped_exchange_is_no_sign_of_life() {
    let mut health = ready();
    health.lost(Loss::Silent, "no answer in time");
    for _ in 0..64 {
        health.exchanged(Exchange::Outlasted { ms: 2_000 });
        assert_eq!(tier(&health), Tier::Away);
    }
    assert!(health.exchanged(Exchange::Answered { ms: 5 }), "an answer is");
    assert_eq!(tier(&health), Tier::Ready);
}

#[test]
fn dropped_exchanges_count_from_the_hedge_time_on() {
    let ok = |ms| Exchange::Answered { ms };
    let outlasted = |ms| Exchange::Outlasted { ms };
    for (name, exchanges, hedge, doubted) in [
        ("dropped before its time", vec![(32, ok(190)), (32, outlasted(120))], 200, false),
        ("a node that hangs", vec![(32, ok(10)), (11, outlasted(900))], 900, true),
        ("hung from the start", vec![(8, outlasted(2_000))], 1_000, true),
    ] {
        let mut health = ready();
        for (times, exchange) in exchanges {
            for _ in 0..times {
                health.exchanged(exchange);
            }
        }
        assert_eq!(health.hedge_after_ms(), hedge, "{name}");
        assert_eq!(health.grey.doubts().next().is_some(), doubted, "{name}");
    }
}
