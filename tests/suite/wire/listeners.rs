//! Listeners: several at once, of every kind, each with its own rules, all with the same answers.

use std::collections::HashMap;
use std::path::Path;
use std::time::Instant;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rangelight::Rangelight;
use rangelight::config::{self, ListenAddress, Overrides, Sources};
use rangelight::limits::Limits;
use rangelight_sim::Fault;
use rangelight_tests::{Caller, Folder, Wiring, until};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

use super::world;

const SPEC: &str = "/eth/v1/config/spec";

/// Starts over a wiring whose one listener is replaced by these tables.
async fn start(folder: &Folder, wiring: &Wiring, listeners: &[&str]) -> Rangelight {
    let one = "[listen]\naddress = \"127.0.0.1:0\"\n";
    let text = wiring.text();
    assert!(text.contains(one), "the wiring has one listener to be replaced");
    let tables: Vec<String> = listeners.iter().map(|lines| format!("[[listen]]\n{lines}\n")).collect();
    folder.write("config.toml", &text.replace(one, &tables.join("\n")));
    let sources = Sources {
        overrides: Overrides::default(),
        environment: HashMap::from([("STATE_DIRECTORY".into(), folder.path().display().to_string())]),
        folder: folder.path().to_owned(),
        system_file: folder.path().join("no-such.toml"),
    };
    let loaded = config::load(&sources).unwrap_or_else(|problems| panic!("{problems}"));
    let rangelight = Rangelight::start(&loaded.config, None, &Limits::default());
    let rangelight = rangelight.unwrap_or_else(|unstarted| panic!("{unstarted}"));
    until("there is a view", async || rangelight.nodes().picture().snapshot.view.is_some()).await;
    rangelight
}

fn port(address: &ListenAddress) -> u16 {
    match address {
        ListenAddress::Tcp(address) => address.port(),
        ListenAddress::Unix(path) => panic!("{} has no port", path.display()),
    }
}

/// Asks over any stream, without keeping it; the body of a 200.
async fn ask(mut stream: impl AsyncRead + AsyncWrite + Unpin, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("it is taken");
    let mut answer = String::new();
    _ = stream.read_to_string(&mut answer).await.expect("an answer and an end");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    body.to_owned()
}

/// Asks with HTTP/2 from the first byte.
async fn ask_http2(stream: TcpStream, path: &str) -> String {
    let made = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await;
    let (mut requests, connection) = made.expect("it speaks HTTP/2");
    tokio::spawn(connection);
    let request = http::Request::get(format!("http://localhost{path}")).body(Empty::<Bytes>::new()).expect("a request");
    let response = requests.send_request(request).await.expect("an answer");
    assert_eq!(response.status(), 200);
    let body = response.into_body().collect().await.expect("whole").to_bytes();
    String::from_utf8_lossy(&body).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_every_kind_at_once() {
    let world = world(1).await;
    let folder = Folder::new();
    let socket = folder.path().join("own.sock");
    let unix = format!("address = \"unix:{}\"", socket.display());
    let listeners = ["address = \"127.0.0.1:0\"", "address = \"[::1]:0\"", &unix];
    let rangelight = start(&folder, &Wiring::all_own(&world), &listeners).await;
    let [v4, v6, _] = rangelight.addresses() else { panic!("three listeners") };
    let tcp = async |host: &str, address| TcpStream::connect((host, port(address))).await.expect("it listens");
    let first = ask(tcp("127.0.0.1", v4).await, SPEC).await;
    assert!(first.contains("SLOTS_PER_EPOCH"), "{first}");
    assert_eq!(ask(tcp("::1", v6).await, SPEC).await, first, "over IPv6");
    assert_eq!(ask(UnixStream::connect(&socket).await.expect("it listens"), SPEC).await, first, "over a unix socket");
    assert_eq!(ask_http2(tcp("127.0.0.1", v4).await, SPEC).await, first, "over HTTP/2");
    assert_eq!(ask_http2(tcp("::1", v6).await, SPEC).await, first, "over HTTP/2 and IPv6");
    assert_eq!(rangelight.drain(std::time::Duration::from_secs(8)).await, 0);
    assert!(!Path::new(&socket).exists(), "the socket's file is removed at the end");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_caps_the_answers_of_its_listener_alone() {
    const READ: &str = "/eth/v1/beacon/states/head/fork";
    let world = world(1).await;
    let folder = Folder::new();
    let listeners = ["address = \"127.0.0.1:0\"\nbudget = \"300ms\"", "address = \"127.0.0.1:0\""];
    let rangelight = start(&folder, &Wiring::all_own(&world), &listeners).await;
    let callers: Vec<Caller> = rangelight
        .addresses()
        .iter()
        .map(|address| Caller::of_listener(&format!("http://127.0.0.1:{}", port(address))))
        .collect();
    world.fault("attic", Fault::Stall);
    let unlisted = "/eth/v1/new/thing";
    for path in [READ, unlisted] {
        let begun = Instant::now();
        let hurried = callers[0].get(path);
        let patient = callers[1].get(path);
        tokio::pin!(patient);
        tokio::select! {
            hurried = hurried => assert_eq!(hurried.status, 503, "{path}: {}", hurried.text()),
            answer = &mut patient => panic!("{path}: {} came first, after {:?}", answer.status, begun.elapsed()),
        }
    }
    let begun = Instant::now();
    let write = callers[0].request(http::Method::POST, unlisted, &[], "{}");
    let write = callers[0].send(write).await;
    assert!((500..=504).contains(&write.status), "{}", write.text());
    // Without a budget an unlisted write waits for half a minute.
    assert!(begun.elapsed().as_secs() < 20, "the budget does not hold for writes: {:?}", begun.elapsed());
    world.heal("attic");
}
