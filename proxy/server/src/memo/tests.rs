//! What is kept, for how long, and who makes it.

use std::sync::atomic::AtomicUsize;

use super::*;
use crate::reply::{empty, json};

fn wanted(key: &str, under: u8) -> duty::Memo {
    duty::Memo { key: key.to_owned(), under: Root([under; 32]), until: Moment(100) }
}

/// Names an answer by the view it was made under.
fn named(under: u8) -> impl FnOnce(&Parts, &Bytes) -> Option<Named> {
    move |_, _| Some(Named(Some(Root([under; 32]))))
}

async fn text(reply: Result<Reply, Refusal>) -> String {
    let body = reply.expect("an answer").into_body().collect().await.expect("whole").to_bytes();
    String::from_utf8(body.to_vec()).expect("text")
}

/// Asks, and makes `made` if nothing is kept.
async fn ask(memo: &Memo, key: &str, under: u8, now: u64, made: &str) -> String {
    let make = async { Ok(json(StatusCode::OK, made.to_owned())) };
    text(memo.answer(&wanted(key, under), Moment(now), make, named(under)).await).await
}

#[tokio::test]
async fn an_answer_holds_while_its_view_and_its_time_do() {
    let memo = Memo::default();
    for (name, key, under, now, made, got) in [
        ("the first is made", "a", 1, 10, "one", "one"),
        ("the second is kept", "a", 1, 20, "two", "one"),
        ("another key is another answer", "b", 1, 20, "three", "three"),
        ("the view moved", "a", 2, 30, "four", "four"),
        ("the view moved back: what was made first is gone", "a", 1, 40, "five", "five"),
        ("its time is over", "a", 1, 100, "six", "six"),
    ] {
        assert_eq!(ask(&memo, key, under, now, made).await, got, "{name}");
    }
}

#[tokio::test]
async fn what_is_frozen_outlives_the_view_but_not_its_time() {
    let memo = Memo::default();
    ask(&memo, "a", 1, 10, "one").await;
    ask(&memo, "b", 1, 10, "other").await;
    memo.freeze(&duty::Freeze { keys: "b".to_owned(), name: Root([9; 32]) });
    memo.freeze(&duty::Freeze { keys: "a".to_owned(), name: Root([1; 32]) });
    assert_eq!(ask(&memo, "a", 2, 20, "two").await, "one");
    assert_eq!(ask(&memo, "b", 2, 20, "two").await, "two");
    assert_eq!(ask(&memo, "a", 2, 100, "three").await, "three");
}

#[tokio::test]
async fn what_is_not_worth_keeping_is_passed_on_and_not_kept() {
    let memo = Memo::default();
    let unkept = async { Ok(json(StatusCode::OK, "one")) };
    assert_eq!(text(memo.answer(&wanted("a", 1), Moment(10), unkept, |_, _| None).await).await, "one");
    assert_eq!(ask(&memo, "a", 1, 20, "two").await, "two");
    assert_eq!(ask(&memo, "a", 1, 30, "three").await, "two");
}

#[tokio::test]
async fn failures_are_not_kept() {
    let memo = Memo::default();
    let refused = memo.answer(&wanted("a", 1), Moment(1), async { Err(Refusal::unavailable("no")) }, named(1)).await;
    assert!(refused.is_err());
    let missing = async { Ok(json(StatusCode::NOT_FOUND, "no")) };
    assert!(memo.answer(&wanted("a", 1), Moment(1), missing, named(1)).await.is_ok());
    assert_eq!(ask(&memo, "a", 1, 1, "one").await, "one");
}

#[tokio::test]
async fn one_makes_it_and_the_others_wait() {
    let (memo, made) = (Arc::new(Memo::default()), Arc::new(AtomicUsize::new(0)));
    let (open, gate) = tokio::sync::watch::channel(false);
    let ask = |_| {
        let (memo, made, mut gate) = (Arc::clone(&memo), Arc::clone(&made), gate.clone());
        tokio::spawn(async move {
            let make = async {
                gate.wait_for(|open| *open).await.expect("the gate stands");
                Ok(json(StatusCode::OK, made.fetch_add(1, Ordering::SeqCst).to_string()))
            };
            text(memo.answer(&wanted("a", 1), Moment(1), make, named(1)).await).await
        })
    };
    let asking: Vec<_> = (0..20).map(ask).collect();
    // The first hangs up while it works; another one takes over.
    tokio::task::yield_now().await;
    asking[0].abort();
    open.send(true).expect("they wait");
    for one in asking.into_iter().skip(1) {
        assert_eq!(one.await.expect("ends"), "0");
    }
    assert_eq!(made.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn at_the_bound_those_that_expire_soonest_go() {
    let memo = Memo::default();
    for key in 0..ENTRIES + 10 {
        let until = Moment(1_000 + key as u64);
        let wanted = duty::Memo { key: key.to_string(), under: Root([1; 32]), until };
        let make = async { Ok(Reply::new(empty())) };
        memo.answer(&wanted, Moment(1), make, named(1)).await.expect("an answer");
    }
    assert!(memo.entries.len() <= ENTRIES + 1);
    assert!(!memo.entries.contains_key("0") && memo.entries.contains_key(&(ENTRIES + 9).to_string()));
}
