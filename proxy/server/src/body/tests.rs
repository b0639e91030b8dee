//! A caller's body under tokio's paused clock, without sockets: the instants below are exact.

use std::collections::VecDeque;
use std::convert::Infallible;

use http_body_util::{BodyExt, StreamBody};

use super::*;

/// A body that brings its pieces after their waits, on the paused clock.
fn body(pieces: &[(u64, usize)]) -> impl Body<Data = Bytes, Error = Infallible> + Unpin {
    let pieces: VecDeque<_> = pieces.iter().copied().collect();
    StreamBody::new(Box::pin(futures_util::stream::unfold(pieces, |mut pieces| async {
        let (wait_ms, bytes) = pieces.pop_front()?;
        tokio::time::sleep(Duration::from_millis(wait_ms)).await;
        Some((Ok(Frame::data(Bytes::from(vec![7; bytes]))), pieces))
    })))
}

fn limits() -> Limits {
    Limits { body_patience: Duration::from_secs(10), body_floor: 100, ..Limits::default() }
}

#[tokio::test(start_paused = true)]
async fn size_and_pace() {
    let never = u64::from(u32::MAX);
    type Case<'a> = (&'a str, &'a [(u64, usize)], Result<usize, &'a str>, u64);
    let cases: [Case<'_>; 9] = [
        ("empty", &[], Ok(0), 0),
        ("exactly the limit", &[(0, 600), (0, 400)], Ok(1_000), 0),
        ("one byte above it", &[(0, 600), (0, 401)], Err("the body is larger than 1000 bytes"), 0),
        ("never a byte", &[(never, 1)], Err("the body stopped coming"), 10_000),
        ("stops in the middle", &[(0, 150), (never, 1)], Err("the body stopped coming"), 10_000),
        ("just in time", &[(9_999, 100), (9_999, 100)], Ok(200), 19_998),
        ("one byte each second", &[(1_000, 1); 60], Err("the body stopped coming"), 10_000),
        ("the floor in pieces", &[(4_000, 50), (4_000, 50), (4_000, 50), (4_000, 50)], Ok(200), 16_000),
        (
            "a late rest is not saved by an early start",
            &[(6_000, 99), (6_000, 1)],
            Err("the body stopped coming"),
            10_000,
        ),
    ];
    for (name, pieces, outcome, ms) in cases {
        let began = Instant::now();
        let connection = Arc::new(Activity::default());
        let body = CallerBody::new(body(pieces), 1_000, &limits(), Arc::clone(&connection)).expect("nothing announced");
        let read = body.collect().await.map(|read| read.to_bytes().len()).map_err(|fault| fault.to_string());
        assert_eq!(read, outcome.map_err(str::to_owned), "{name}");
        assert_eq!(began.elapsed(), Duration::from_millis(ms), "{name}");
        assert_eq!(connection.has_unread(), read.is_err(), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn our_own_slowness_is_not_the_callers() {
    let connection = Arc::new(Activity::default());
    let mut body = CallerBody::new(body(&[(0, 1), (0, 1), (0, 1)]), 10, &limits(), connection).expect("small");
    let mut read = 0;
    while let Some(frame) = body.frame().await {
        read += frame.expect("never slow").into_data().expect("bytes").len();
        tokio::time::sleep(Duration::from_secs(3_600)).await;
    }
    assert_eq!(read, 3);
}

#[test]
fn an_announced_excess_is_refused_before_reading() {
    let connection = Arc::new(Activity::default());
    let announced = http_body_util::Full::new(Bytes::from_static(b"eleven byte"));
    let fault = CallerBody::new(announced, 10, &limits(), Arc::clone(&connection)).expect_err("eleven are announced");
    assert_eq!(fault.refusal().status(), 413);
    assert!(fault.refusal().message().contains("10 bytes"));
    assert!(connection.has_unread());
}

#[test]
fn a_body_given_up_leaves_the_rest_unread() {
    let connection = Arc::new(Activity::default());
    drop(CallerBody::new(body(&[(0, 1)]), 10, &limits(), Arc::clone(&connection)));
    assert!(connection.has_unread());
    let connection = Arc::new(Activity::default());
    drop(CallerBody::new(http_body_util::Empty::new(), 10, &limits(), Arc::clone(&connection)));
    assert!(!connection.has_unread());
}

#[test]
fn a_fault_is_found_behind_other_errors() {
    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Outer(#[source] BodyFault);
    assert!(matches!(BodyFault::behind(&Outer(BodyFault::Slow)), Some(BodyFault::Slow)));
    assert!(matches!(BodyFault::behind(&BodyFault::NoRoom), Some(BodyFault::NoRoom)));
    assert!(BodyFault::behind(&std::io::Error::other("reset")).is_none());
}
