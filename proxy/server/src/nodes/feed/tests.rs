//! A feed over real sockets on loopback: what is passed on, what waits, and what a change of topics costs.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::net::TcpStream;

use super::*;
use crate::nodes::tests::{config, request, say, server};
use crate::nodes::tls;

const OPEN: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";

fn feed(address: std::net::SocketAddr) -> (mpsc::Receiver<Heard>, watch::Sender<Vec<Topic>>) {
    let control = Control::new(&config(address), tls::none()).expect("a client");
    let (want, wanted) = watch::channel(Vec::new());
    let (feed, heard) = Feed::new((NodeId(0), "attic".into()), control, wanted, watch::channel(Arc::from("")).1);
    tokio::spawn(feed.run());
    (heard, want)
}

async fn next(heard: &mut mpsc::Receiver<Heard>) -> Signal {
    timeout(Duration::from_secs(20), heard.recv()).await.expect("in time").expect("a feed").signal
}

fn said(signal: &Signal) -> Option<(Topic, &str)> {
    match signal {
        Signal::Event { topic, json, .. } => Some((*topic, json)),
        _ => None,
    }
}

#[tokio::test]
async fn topics_that_were_not_asked_for_are_dropped() {
    let address = server(|mut stream: TcpStream| async move {
        request(&mut stream).await;
        say(&mut stream, OPEN).await;
        say(&mut stream, "event: voluntary_exit\ndata: {}\n\nevent: head\ndata: {}\n\n").await;
        std::future::pending::<()>().await;
    })
    .await;
    let (mut heard, _want) = feed(address);
    assert!(matches!(next(&mut heard).await, Signal::FeedConnected(_)));
    assert_eq!(said(&next(&mut heard).await), Some((Topic::Head, "{}")));
}

#[tokio::test]
async fn a_flood_waits_in_the_node() {
    let sent = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&sent);
    let address = server(move |mut stream: TcpStream| {
        let count = Arc::clone(&count);
        async move {
            request(&mut stream).await;
            say(&mut stream, OPEN).await;
            let event = format!("event: block\ndata: {{\"x\":\"{}\"}}\n\n", "x".repeat(900_000));
            for _ in 0..64 {
                say(&mut stream, &event).await;
                count.fetch_add(1, Ordering::SeqCst);
            }
        }
    })
    .await;
    let (mut heard, _want) = feed(address);
    // The feed says nothing more once its room is full; how many wait then is what counts.
    while heard.len() < 5 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(heard.len(), 1 + ROOM as usize / 900_000, "the word that it stands, and four events");
    assert!(sent.load(Ordering::SeqCst) < 64, "the rest is still in the node");
    for _ in 0..10 {
        next(&mut heard).await;
    }
}

#[tokio::test]
async fn the_old_stream_is_read_while_its_replacement_opens_and_the_switch_is_told() {
    let (go, going) = watch::channel(false);
    let opened = Arc::new(AtomicUsize::new(0));
    let address = server(move |mut stream: TcpStream| {
        let (mut going, first) = (going.clone(), opened.fetch_add(1, Ordering::SeqCst) == 0);
        async move {
            request(&mut stream).await;
            if first {
                say(&mut stream, OPEN).await;
                loop {
                    say(&mut stream, "event: head\ndata: 1\n\n").await;
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
            let _ = going.wait_for(|go| *go).await;
            say(&mut stream, OPEN).await;
            say(&mut stream, "event: voluntary_exit\ndata: 2\n\n").await;
            std::future::pending::<()>().await;
        }
    })
    .await;
    let (mut heard, want) = feed(address);
    assert!(matches!(next(&mut heard).await, Signal::FeedConnected(_)));
    want.send_replace(vec![Topic::VoluntaryExit]);
    for _ in 0..30 {
        assert_eq!(said(&next(&mut heard).await), Some((Topic::Head, "1")), "while the node makes us wait");
    }
    go.send_replace(true);
    let mut signal = next(&mut heard).await;
    while said(&signal) == Some((Topic::Head, "1")) {
        signal = next(&mut heard).await;
    }
    assert!(matches!(signal, Signal::FeedConnected(_)), "the head is read for what fell between: {signal:?}");
    assert_eq!(said(&next(&mut heard).await), Some((Topic::VoluntaryExit, "2")));
}
