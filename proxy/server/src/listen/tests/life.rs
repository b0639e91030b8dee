//! Connections of all kinds, the bounds on their number, and the drain.

use std::time::Duration;

use http_body_util::Empty;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::watch;

use super::super::{Listener, start};
use super::kit::{EVENTS, GOOD, HELD, House, Talk, tcp};
use crate::config::ListenAddress;
use crate::limits::Limits;

type Sender = hyper::client::conn::http2::SendRequest<Empty<bytes::Bytes>>;

/// A caller that speaks HTTP/2 from the first byte.
async fn http2(house: &House) -> Sender {
    let stream = TcpStream::connect(house.port()).await.expect("it listens");
    let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
    let (sender, connection) = handshake.await.expect("HTTP/2 by prior knowledge");
    tokio::spawn(connection);
    sender
}

fn ask(path: &str) -> http::Request<Empty<bytes::Bytes>> {
    http::Request::get(format!("http://localhost{path}")).body(Empty::new()).expect("a request")
}

#[tokio::test]
async fn every_kind_of_socket() {
    let path = std::env::temp_dir().join(format!("rangelight-{}-front.sock", std::process::id()));
    let unix = ListenAddress::Unix(path.clone());
    let house = House::on(&[tcp("127.0.0.1:0"), tcp("[::1]:0"), unix.clone()], &Limits::default());
    assert_eq!(house.bound.addresses().len(), 3);
    for address in house.bound.addresses() {
        let (heard, caller) = match address {
            ListenAddress::Tcp(address) => {
                let mut talk = Talk::new(TcpStream::connect(address).await.expect("it listens"));
                talk.say(GOOD).await;
                (talk.hear().await, address.ip().to_string())
            }
            ListenAddress::Unix(path) => {
                let mut talk = Talk::new(UnixStream::connect(path).await.expect("it listens"));
                talk.say(GOOD).await;
                (talk.hear().await, "unix".to_owned())
            }
        };
        let heard = heard.expect("a reply");
        assert_eq!(heard.status, 200, "{address}");
        assert_eq!(heard.body, format!("{caller:?}").as_bytes(), "{address}");
    }
    let again = Listener { address: unix, front: house.echo.front(&Limits::default()) };
    let unbound = start(vec![again], &Limits::default(), watch::Sender::new(false)).err().expect("it is taken");
    assert!(unbound[0].to_string().contains("another process answers there; stop it, or set"), "{}", unbound[0]);
    assert_eq!(house.bound.drain().await, 0);
    assert!(!path.exists(), "the socket's file goes with the listener");
}

#[tokio::test]
async fn an_address_that_cannot_be_bound_comes_with_a_cure() {
    let house = House::on(&[tcp("127.0.0.1:0")], &Limits::default());
    let taken = house.bound.addresses()[0].clone();
    let ListenAddress::Tcp(socket) = &taken else { unreachable!("it is TCP") };
    let ss = format!("(`ss -ltnp 'sport = :{}'` names it)", socket.port());
    let missing = std::env::temp_dir().join(format!("rangelight-{}-missing", std::process::id()));
    for (address, wanted) in [
        (taken.clone(), format!("another program has port {} {ss}: stop it", socket.port())),
        (tcp("192.0.2.1:0"), "this machine does not have the address 192.0.2.1".to_owned()),
        (ListenAddress::Unix(missing.join("vc.sock")), format!("make the directory {}", missing.display())),
    ] {
        let listener = Listener { address, front: house.echo.front(&Limits::default()) };
        let unbound = start(vec![listener], &Limits::default(), watch::Sender::new(false)).err().expect("not bound");
        assert!(unbound[0].to_string().contains(&wanted), "{}", unbound[0]);
    }
    assert_eq!(house.bound.drain().await, 0);
}

#[tokio::test]
async fn http2_beside_http1_on_one_port() {
    let house = House::new(&Limits::default());
    let mut sender = http2(&house).await;
    for (path, status) in [
        ("/eth/v1/node/version", 200),
        ("/eth/v1//node/version", 400),
        ("/eth/v1/keystores", 404),
        ("/eth/v1/node/version", 200),
    ] {
        let reply = sender.send_request(ask(path)).await.expect("answered");
        assert_eq!(reply.status(), status, "{path}");
        assert!(!reply.headers().contains_key("connection"), "{path}: HTTP/2 has no such header");
    }
    let foreign = http::Request::get("http://evil.example/").body(Empty::new()).expect("a request");
    assert_eq!(sender.send_request(foreign).await.expect("answered").status(), 403);
    house.still_answers("HTTP/2").await;
    assert_eq!(house.bound.drain().await, 0);
}

#[tokio::test]
async fn what_gets_through_and_what_a_page_may_read() {
    let house = House::new(&Limits::default());
    let mut talk = house.connect().await;
    let lines = "Host: localhost\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\nTE: trailers\r\nAuthorization: Bearer x\r\n\
                 Eth-Unknown: 1\r\nAccept: a\r\nAccept: b\r\n";
    talk.say(format!("GET http://localhost:5055/eth/v1/node/mirror?x=%20&y HTTP/1.1\r\n{lines}\r\n")).await;
    let heard = talk.hear().await.expect("a reply");
    let seen = "/eth/v1/node/mirror?x=%20&y\n(\"accept\", \"a\")\n(\"accept\", \"b\")\n(\"eth-unknown\", \"1\")\n\
                (\"host\", \"localhost\")";
    assert_eq!(String::from_utf8(heard.body).expect("text"), seen);
    assert!(!heard.head.contains("access-control"), "no word of CORS without a page: {}", heard.head);

    for (request, status) in
        [(GOOD.to_owned(), 200), (GOOD.replace("version", "%zz"), 400), (GOOD.replace("GET", "OPTIONS"), 204)]
    {
        talk.say(request.replace("\r\n\r\n", "\r\nOrigin: https://page.example\r\n\r\n")).await;
        let heard = talk.hear().await.expect("a reply");
        assert_eq!(heard.status, status);
        let allowed = "\r\naccess-control-allow-origin: https://page.example\r\n";
        assert!(heard.head.contains(allowed), "{status}: a page must be able to read refusals too: {}", heard.head);
    }
}

#[tokio::test]
async fn as_many_requests_as_a_caller_may_have() {
    let house = House::new(&Limits::default());
    let mut many = http2(&house).await;
    let mut held = Vec::new();
    for _ in 0..1_024 {
        many.ready().await.expect("alive");
        held.push(tokio::spawn(many.send_request(ask("/eth/v1/node/health"))));
    }
    house.echo.came(1_024).await;
    let mut one_more = house.connect().await;
    one_more.say(GOOD).await;
    let heard = one_more.hear().await.expect("a reply");
    assert_eq!(heard.status, 429);
    assert!(heard.refusal().contains("1024 requests in flight"), "{heard:?}");
    assert!(heard.head.contains("\r\nretry-after: 1\r\n"), "{}", heard.head);
    one_more.say(GOOD.replace("\r\n\r\n", "\r\nUser-Agent: another\r\n\r\n")).await;
    assert_eq!(one_more.hear().await.map(|heard| heard.status), Some(200), "another caller is not touched");
    house.echo.go.add_permits(1_024);
    for reply in held {
        assert_eq!(reply.await.expect("no bug").expect("answered").status(), 200);
    }
    one_more.say(GOOD).await;
    assert_eq!(one_more.hear().await.map(|heard| heard.status), Some(200), "the seats are free again");
    drop((many, one_more));
    assert_eq!(house.bound.drain().await, 0);
}

#[tokio::test]
async fn a_seat_is_taken_until_the_last_byte() {
    let house = House::new(&Limits { in_flight: 1, ..Limits::default() });
    let mut events = house.connect().await;
    events.say(EVENTS).await;
    events.some().await;
    let mut talk = house.connect().await;
    talk.say(GOOD).await;
    assert_eq!(talk.hear().await.map(|heard| heard.status), Some(429), "a reply has begun, but not ended");
    drop((events, talk));
    assert_eq!(house.bound.drain().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_came_whole_is_taken_though_the_caller_closed() {
    let house = House::new(&Limits::default());
    for sent in 1..=50 {
        let mut talk = house.connect().await;
        let write = "POST /eth/v2/beacon/blocks HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc";
        talk.say(write).await;
        drop(talk);
        house.echo.came(sent).await;
    }
}

#[tokio::test]
async fn connections_above_the_bound_wait_for_a_place() {
    let house = House::new(&Limits { connections: 1, ..Limits::default() });
    let mut first = house.connect().await;
    first.say(GOOD).await;
    assert_eq!(first.hear().await.map(|heard| heard.status), Some(200));
    let mut second = house.connect().await;
    second.say(GOOD).await;
    first.say(GOOD).await;
    assert_eq!(first.hear().await.map(|heard| heard.status), Some(200));
    assert_eq!(*house.echo.came.borrow(), 2, "both from the first");
    drop(first);
    assert_eq!(second.hear().await.map(|heard| heard.status), Some(200), "it waited and was not refused");
}

#[tokio::test]
async fn a_drain_answers_what_is_in_flight() {
    let house = House::new(&Limits::default());
    let port = house.port();
    let mut idle = house.connect().await;
    idle.say(GOOD).await;
    assert_eq!(idle.hear().await.map(|heard| heard.status), Some(200));
    let fresh = &mut house.connect().await;
    let mut held = house.connect().await;
    held.say(HELD).await;
    let mut events = house.connect().await;
    events.say(EVENTS).await;
    let mut two = http2(&house).await;
    let held_two = tokio::spawn(two.send_request(ask("/eth/v1/node/health")));
    house.echo.came(4).await;

    let echo = house.echo.clone();
    let drain = tokio::spawn(house.bound.drain());
    let heard = events.hear().await.expect("the stream was there");
    assert_eq!(heard.status, 200);
    assert!(heard.body.ends_with(b"\r\n0\r\n\r\n"), "the stream ends as a whole: {:?}", heard.body);
    assert_eq!(idle.end().await, 0, "idle connections close");
    assert_eq!(fresh.end().await, 0, "unused ones too");
    assert!(TcpStream::connect(port).await.is_err(), "nothing new is accepted");
    assert!(!drain.is_finished(), "two are in flight");

    echo.go.add_permits(2);
    let heard = held.hear().await.expect("answered");
    assert_eq!(heard.status, 200);
    assert!(heard.head.contains("\r\nconnection: close\r\n"), "{}", heard.head);
    assert_eq!(held.end().await, 0);
    assert_eq!(held_two.await.expect("no bug").expect("answered").status(), 200);
    assert_eq!(drain.await.expect("no bug"), 0);
}

#[tokio::test]
async fn a_drain_cuts_and_counts_what_does_not_end() {
    let house = House::new(&Limits { drain: Duration::from_millis(1), ..Limits::default() });
    let mut held = house.connect().await;
    held.say(HELD).await;
    house.echo.came(1).await;
    assert_eq!(house.bound.drain().await, 1);
    assert!(held.hear().await.is_none(), "cut without an answer");
}
