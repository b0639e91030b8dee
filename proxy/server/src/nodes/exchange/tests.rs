//! Exchanges over real sockets on loopback, judged and told.

use std::sync::atomic::{AtomicUsize, Ordering};

use http::uri::PathAndQuery;
use rangelight_policy::catalogue::row;
use rangelight_policy::fleet::Signal;

use super::*;
use crate::nodes::Told;
use crate::nodes::tests::{desk, node, request, say, server};
use crate::nodes::transport::IN_FLIGHT;

const EMPTY: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

fn question(operation: &str, method: Method) -> Arc<Question> {
    let target = PathAndQuery::from_static("/");
    Arc::new(Question {
        row: row(operation).expect("a row"),
        head: SentHead { method, target, headers: HeaderMap::new() },
        body: Bytes::new(),
        repeat: Repeat::Never,
        patience: Duration::from_secs(20),
        rule: rangelight_policy::duty::plain(row(operation).expect("a row")),
    })
}

#[tokio::test]
async fn a_burst_takes_turns_and_loses_nothing() {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (open, peak) = (Arc::clone(&now), Arc::clone(&most));
    let address = server(move |mut stream| {
        let (open, peak) = (Arc::clone(&open), Arc::clone(&peak));
        async move {
            while request(&mut stream).await.is_some() {
                peak.fetch_max(open.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                // Long enough that all that may come at one time have come.
                tokio::time::sleep(Duration::from_millis(100)).await;
                open.fetch_sub(1, Ordering::SeqCst);
                say(&mut stream, EMPTY).await;
            }
        }
    })
    .await;
    let ((desk, mut told), node) = (desk(Budget::default()), node(address));
    let question = question("publish_attestations_v2", Method::POST);
    let asked = (0..500).map(|_| ask(&desk, NodeId(0), &node, &question));
    let ended = futures_util::future::join_all(asked).await;
    assert!(ended.iter().all(|exchanged| exchanged.came.status() == Some(200)));
    assert!(most.load(Ordering::SeqCst) <= IN_FLIGHT, "{most:?} at one time");
    assert!(told.try_recv().is_err(), "no fault was told");
}

#[tokio::test]
async fn who_waits_for_a_turn_in_vain_says_nothing_of_the_node() {
    let address = server(|mut stream| async move { drop(request(&mut stream).await) }).await;
    let ((desk, mut told), node) = (desk(Budget::default()), node(address));
    let mut turns = Vec::new();
    for _ in 0..IN_FLIGHT {
        turns.push(node.transport.turn(Duration::ZERO).await.expect("a turn"));
    }
    let mut short = question("publish_attestations_v2", Method::POST);
    Arc::get_mut(&mut short).expect("the only one").patience = Duration::from_millis(10);
    let ended = ask(&desk, NodeId(0), &node, &short).await;
    assert_eq!(ended.reason, "too many exchanges with it are in flight");
    assert!(told.try_recv().is_err());
}

#[tokio::test]
async fn a_dropped_exchange_is_told_as_outlasted() {
    let address = server(|mut stream| async move {
        request(&mut stream).await;
        std::future::pending::<()>().await;
    })
    .await;
    let ((desk, mut told), node) = (desk(Budget::default()), node(address));
    let question = question("publish_attestations_v2", Method::POST);
    let asked = ask(&desk, NodeId(7), &node, &question);
    let dropped = timeout(TELLING + Duration::from_millis(50), asked).await;
    assert!(dropped.is_err(), "the node hangs");
    let Ok(Told::Signal(Signal::Exchanged { from: NodeId(7), exchange: Exchange::Outlasted { ms } })) = told.try_recv()
    else {
        panic!("not told as outlasted");
    };
    assert!(u128::from(ms) > TELLING.as_millis());
}

#[tokio::test]
async fn a_publication_is_under_way_until_it_ends() {
    let address = server(|mut stream| async move {
        request(&mut stream).await;
        std::future::pending::<()>().await;
    })
    .await;
    let ((desk, _told), node) = (desk(Budget::default()), node(address));
    let left = || desk.meters.under_way.left().to_string();
    let (publication, read) =
        (question("publish_attestations_v2", Method::POST), question("attestation_data", Method::GET));
    {
        let mut asked = std::pin::pin!(futures_util::future::join(
            ask(&desk, NodeId(0), &node, &publication),
            ask(&desk, NodeId(0), &node, &read),
        ));
        assert!(futures_util::FutureExt::now_or_never(asked.as_mut()).is_none(), "the node hangs");
        assert_eq!(left(), "publish_attestations_v2 to attic", "a read is none");
    }
    assert_eq!(left(), "", "a dropped one is over");
}

#[tokio::test]
async fn what_becomes_of_an_answer_that_cannot_be_read_whole() {
    const LONG: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 90\r\n\r\n{\"data\":1";
    let table = [
        ("no room, and nobody is to blame", "attestation_data", Budget::new(4, 0), None, "found no memory"),
        ("the part of own blocks is not theirs", "attestation_data", Budget::new(99, 99), None, "found no memory"),
        ("a publication without room is taken", "publish_attestations_v2", Budget::new(4, 0), Some(200), ""),
        ("a publication that breaks off is taken", "publish_attestations_v2", Budget::default(), Some(200), ""),
    ];
    for (name, operation, budget, status, words) in table {
        let address = server(|mut stream| async move {
            request(&mut stream).await;
            say(&mut stream, LONG).await;
        })
        .await;
        let ((desk, mut told), node) = (desk(budget), node(address));
        let ended = ask(&desk, NodeId(0), &node, &question(operation, Method::POST)).await;
        assert_eq!(ended.came.status(), status, "{name}: {}", ended.reason);
        assert!(ended.reason.contains(words), "{name}: {}", ended.reason);
        assert!(told.try_recv().is_err(), "{name}: no word about the node");
    }
}
