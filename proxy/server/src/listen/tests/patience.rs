//! Time limits, under the paused clock and on pipes in memory: the instants are exact.

use std::time::Duration;

use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, sleep};

use super::kit::{GOOD, HELD, LARGE, MUCH, Room, Talk};
use crate::limits::Limits;

const PIPE: usize = 64 << 10;

/// The least body that brings the floor in one piece.
fn paced(wait: Duration) -> Vec<(Duration, Vec<u8>)> {
    vec![(wait, vec![b'a'; 16 << 10])]
}

#[tokio::test(start_paused = true)]
async fn idle_connections_and_slow_heads() {
    let second = Duration::from_secs(1);
    let dribble: Vec<_> = GOOD.bytes().take(10).map(|byte| (second, vec![byte])).collect();
    for (name, pieces, statuses, ended_after) in [
        ("never a byte", vec![], vec![], 650),
        ("a byte, then nothing", vec![(second * 100, b"G".to_vec())], vec![408], 110),
        ("a byte each second", dribble, vec![408], 11),
        ("a head in two pieces", vec![(second, GOOD[..20].into()), (second * 9, GOOD[20..].into())], vec![200], 660),
        ("idle after a request", vec![(second * 649, GOOD.into())], vec![200], 1_299),
        (
            "two requests, then idle",
            vec![(second * 600, GOOD.into()), (second * 600, GOOD.into())],
            vec![200, 200],
            1_850,
        ),
        ("slow with the second", vec![(second, GOOD.into()), (second, b"GET /".to_vec())], vec![200, 408], 12),
    ] {
        let room = Room::new(&Limits::default());
        let began = Instant::now();
        let mut talk = room.connect(PIPE);
        let mut heard = Vec::new();
        for (wait, bytes) in pieces {
            sleep(wait).await;
            let whole = bytes.ends_with(b"\r\n\r\n");
            talk.say(bytes).await;
            if whole {
                heard.extend(talk.hear().await.map(|heard| heard.status));
            }
        }
        while let Some(last) = talk.hear().await {
            assert!(!last.refusal().is_empty());
            heard.push(last.status);
        }
        assert_eq!(heard, statuses, "{name}");
        let ended = began.elapsed().as_secs();
        assert_eq!(ended, ended_after, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn slow_bodies() {
    let second = Duration::from_secs(1);
    let head = "POST /eth/v2/beacon/pool/attestations HTTP/1.1\r\nHost: localhost\r\nContent-Length: 32768\r\n\r\n";
    for (name, pieces, status, after) in [
        ("never a byte", vec![], 408, 10),
        ("a byte each second", vec![(second, vec![b'a']); 30], 408, 10),
        ("half in time, then nothing", paced(second * 9), 408, 19),
        ("all in time", [paced(second * 9), paced(second * 9)].concat(), 200, 18),
    ] {
        let room = Room::new(&Limits::default());
        let began = Instant::now();
        let talk = room.connect(PIPE);
        let (reading, mut writing) = tokio::io::split(talk.stream);
        let mut reading = Talk::paused(tokio::io::join(reading, tokio::io::sink()));
        let sending = tokio::spawn(async move {
            let _ = writing.write_all(head.as_bytes()).await;
            for (wait, bytes) in pieces {
                sleep(wait).await;
                let _ = writing.write_all(&bytes).await;
            }
            writing
        });
        let heard = reading.hear().await.expect("a reply");
        assert_eq!(heard.status, status, "{name}: {heard:?}");
        assert_eq!(began.elapsed().as_secs(), after, "{name}");
        if status != 200 {
            assert!(heard.refusal().contains("stopped coming"), "{name}");
            assert_eq!(reading.end().await, 0, "{name}: the connection ends");
        }
        drop(sending);
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_being_answered_is_not_idle() {
    let room = Room::new(&Limits::default());
    let mut talk = room.connect(PIPE);
    talk.say(HELD).await;
    room.echo.came(1).await;
    sleep(Duration::from_secs(2_000)).await;
    room.echo.go.add_permits(1);
    assert_eq!(talk.hear().await.map(|heard| heard.status), Some(200));
    let began = Instant::now();
    assert_eq!(talk.end().await, 0);
    assert_eq!(began.elapsed().as_secs(), 650, "idle from the end of the reply on");
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_does_not_read_is_given_up() {
    let room = Room::new(&Limits::default());
    let mut talk = room.connect(1_000);
    talk.say(MUCH).await;
    for _ in 0..2 {
        sleep(Duration::from_secs(59)).await;
        let heard = talk.hear().await.expect("still there");
        assert_eq!(heard.body.len(), LARGE, "and whole");
        talk.say(MUCH).await;
    }
    let began = Instant::now();
    sleep(Duration::from_secs(61)).await;
    assert!(talk.end().await <= 1_000, "only what the pipe held");
    assert_eq!(began.elapsed().as_secs(), 61, "the connection was gone when we looked");
}

#[tokio::test(start_paused = true)]
async fn a_refused_caller_may_go_on_for_a_moment() {
    let room = Room::new(&Limits::default());
    let mut talk = room.connect(PIPE);
    let began = Instant::now();
    talk.say(
        "POST /eth/v1/beacon/states/head/validators HTTP/1.1\r\nHost: localhost\r\nContent-Length: 17825792\r\n\r\n",
    )
    .await;
    assert_eq!(talk.hear().await.map(|heard| heard.status), Some(413));
    assert_eq!(talk.end().await, 0, "nothing follows");
    let piece = vec![b'a'; 1 << 20];
    let mut taken = 0;
    while talk.stream.write_all(&piece).await.is_ok() {
        taken += 1;
        sleep(Duration::from_millis(900)).await;
    }
    assert_eq!(taken, 3, "what comes within two seconds is read and thrown away");
    assert_eq!(began.elapsed().as_millis(), 2_700);
}

#[tokio::test(start_paused = true)]
async fn http2_is_idle_only_without_streams() {
    let room = Room::new(&Limits::default());
    let io = TokioIo::new(room.connect(PIPE).stream);
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake::<_, _, Empty<bytes::Bytes>>(TokioExecutor::new(), io)
            .await
            .expect("HTTP/2 by prior knowledge");
    let ended = tokio::spawn(async move {
        let _ = connection.await;
        Instant::now()
    });
    let ask = |path: &str| http::Request::get(format!("http://localhost{path}")).body(Empty::new()).expect("a request");
    let held = tokio::spawn(sender.send_request(ask("/eth/v1/node/health")));
    room.echo.came(1).await;
    sleep(Duration::from_secs(2_000)).await;
    room.echo.go.add_permits(1);
    assert_eq!(held.await.expect("no bug").expect("answered").status(), 200);
    let reply = sender.send_request(ask("/eth/v1/node/version")).await.expect("answered");
    assert_eq!(reply.status(), 200);
    assert_eq!(reply.into_body().collect().await.expect("whole").to_bytes(), "\"unix\"");
    let quiet = Instant::now();
    let ended = ended.await.expect("no bug");
    assert_eq!((ended - quiet).as_secs(), 650);
}
