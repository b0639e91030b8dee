//! Who gets in: tables of names, web pages and tokens.

use std::net::Ipv4Addr;

use http::{Method, Request, Version};

use super::*;

const LOOPBACK: Remote = Remote::Network(IpAddr::V4(Ipv4Addr::LOCALHOST));

fn rules() -> Rules {
    Rules {
        section: "[listen]",
        hosts: vec!["beacon.Example.org".into()],
        origins: vec!["https://page.example/".into(), "http://127.0.0.1:8080".into()],
        token: None,
        host_name: Some("attic.home.example.net".into()),
    }
}

fn connection(remote: Remote) -> Connection {
    Connection { remote, activity: Arc::default() }
}

fn head(version: Version, method: &Method, uri: &str, lines: &[(&str, &str)]) -> Parts {
    let mut request = Request::builder().version(version).method(method).uri(uri);
    for (name, value) in lines {
        request = request.header(*name, *value);
    }
    request.body(()).expect("a request").into_parts().0
}

/// The status of the refusal, 204 for a preflight, 0 for being let in.
fn status(gateway: &Gateway, head: &mut Parts, remote: Remote) -> (u16, String) {
    match gateway.admit(head, &connection(remote)) {
        Ok(Admission::Granted { .. }) => (0, String::new()),
        Ok(Admission::Preflight(reply)) => (reply.status().as_u16(), String::new()),
        Err(refusal) => (refusal.status().as_u16(), refusal.message().to_owned()),
    }
}

#[test]
fn names() {
    let gateway = Gateway::new(rules(), &Limits::default());
    for (host, wanted) in [
        ("127.0.0.1", 0),
        ("127.0.0.1:5055", 0),
        ("192.168.1.7:5055", 0),
        ("8.8.8.8", 0),
        ("[::1]:5055", 0),
        ("[fe80::1]", 0),
        ("localhost:5055", 0),
        ("LOCALHOST", 0),
        ("localhost.", 0),
        ("rangelight", 0),
        ("attic.local", 0),
        ("Attic.LAN:1", 0),
        ("a.b.internal", 0),
        ("nas.home.arpa.", 0),
        ("x.localhost", 0),
        ("beacon.example.org:5055", 0),
        ("attic.home.example.net", 0),
        ("evil.example", 403),
        ("evil.example:5055", 403),
        ("127.0.0.1.evil.example", 403),
        ("127.0.0.1.nip.io", 403),
        ("evillocal.example", 403),
        ("home.arpa.example", 403),
        ("0x7f.1", 403),
        ("127.1", 403),
        ("beacon.example.org.evil.example", 403),
        ("", 400),
        (":5055", 400),
        (".", 400),
        ("user@127.0.0.1", 400),
        ("127.0.0.1, evil.example", 400),
        ("a b", 400),
        ("http://127.0.0.1", 400),
        ("[::1", 400),
    ] {
        let mut one = head(Version::HTTP_11, &Method::GET, "/eth/v1/node/health", &[("host", host)]);
        let (got, message) = status(&gateway, &mut one, LOOPBACK);
        assert_eq!(got, wanted, "{host:?}: {message}");
    }
    let mut one = head(Version::HTTP_11, &Method::GET, "/", &[("host", "Evil.Example:5055")]);
    let (_, message) = status(&gateway, &mut one, LOOPBACK);
    assert!(message.contains("add it in [listen]: hosts = [\"evil.example\"]"), "{message}");
}

#[test]
fn where_the_name_stands() {
    let gateway = Gateway::new(rules(), &Limits::default());
    let (v10, v11, v2) = (Version::HTTP_10, Version::HTTP_11, Version::HTTP_2);
    for (name, version, uri, lines, remote, wanted) in [
        ("HTTP/1.1 without Host", v11, "/", &[][..], LOOPBACK, 400),
        ("HTTP/1.0 without Host", v10, "/", &[], LOOPBACK, 0),
        ("HTTP/1.0 with a foreign one", v10, "/", &[("host", "evil.example")], LOOPBACK, 403),
        ("two equal ones", v11, "/", &[("host", "localhost"), ("host", "localhost")], LOOPBACK, 400),
        ("HTTP/2 in the target", v2, "http://localhost:5055/", &[], LOOPBACK, 0),
        ("HTTP/2 in the target, foreign", v2, "http://evil.example/", &[], LOOPBACK, 403),
        ("both, the target foreign", v11, "http://evil.example/", &[("host", "localhost")], LOOPBACK, 403),
        ("both, the header foreign", v2, "http://localhost/", &[("host", "evil.example")], LOOPBACK, 403),
        ("HTTP/2 with a Host header only", v2, "/", &[("host", "localhost")], LOOPBACK, 0),
        ("HTTP/2 with neither", v2, "/", &[], LOOPBACK, 400),
        ("any name on a unix socket", v11, "/", &[("host", "any.thing")], Remote::Unix, 0),
        ("but a name", v11, "/", &[("host", "a@b")], Remote::Unix, 400),
    ] {
        let mut one = head(version, &Method::GET, uri, lines);
        assert_eq!(status(&gateway, &mut one, remote).0, wanted, "{name}");
    }
}

#[test]
fn web_pages() {
    let gateway = Gateway::new(rules(), &Limits::default());
    let (get, post, options) = (Method::GET, Method::POST, Method::OPTIONS);
    for (name, method, lines, wanted) in [
        ("a program", &post, &[][..], 0),
        ("Node's fetch", &post, &[("sec-fetch-mode", "cors")], 0),
        ("an address typed by hand", &get, &[("sec-fetch-site", "none"), ("sec-fetch-mode", "navigate")], 0),
        ("our own dashboard", &get, &[("sec-fetch-site", "same-origin")], 0),
        ("a page that posts", &post, &[("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")], 403),
        ("an old browser", &post, &[("origin", "https://evil.example")], 403),
        ("an image of a page", &get, &[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors")], 403),
        ("a link of a page", &get, &[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")], 403),
        ("another port of this machine", &get, &[("sec-fetch-site", "same-site")], 403),
        ("spelled otherwise", &get, &[("sec-fetch-site", "Cross-Site")], 403),
        ("a sandboxed page", &post, &[("origin", "null")], 403),
        ("an origin of ours", &post, &[("origin", "http://localhost:5055")], 403),
        ("a preflight", &options, &[("origin", "https://evil.example")], 403),
        ("a preflight without a word of its page", &options, &[("sec-fetch-site", "cross-site")], 403),
        ("a listed page", &post, &[("origin", "https://page.example"), ("sec-fetch-site", "cross-site")], 0),
        ("listed, in capitals", &post, &[("origin", "HTTPS://Page.example")], 0),
        ("listed, preflight", &options, &[("origin", "http://127.0.0.1:8080")], 204),
        ("listed by another scheme", &post, &[("origin", "http://page.example")], 403),
        ("listed with another port", &post, &[("origin", "https://page.example:444")], 403),
        ("a listed name as a prefix", &post, &[("origin", "https://page.example.evil.example")], 403),
        ("two origins", &post, &[("origin", "https://page.example"), ("origin", "https://evil.example")], 403),
        ("two origins, the listed last", &post, &[("origin", "null"), ("origin", "https://page.example")], 403),
    ] {
        let lines: Vec<_> = [("host", "127.0.0.1:5055")].iter().chain(lines).copied().collect();
        let mut one = head(Version::HTTP_11, method, "/eth/v1/validator/prepare_beacon_proposer", &lines);
        assert_eq!(status(&gateway, &mut one, LOOPBACK).0, wanted, "{name}");
    }
    let lines = [("host", "localhost"), ("origin", "https://evil.example")];
    let (_, message) = status(&gateway, &mut head(Version::HTTP_11, &post, "/", &lines), LOOPBACK);
    assert!(message.contains("add it in [listen]: origins = [\"https://evil.example\"]"), "{message}");
}

#[test]
fn what_a_listed_page_is_told() {
    let gateway = Gateway::new(rules(), &Limits::default());
    let lines = [
        ("host", "localhost"),
        ("origin", "https://page.example"),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "content-type"),
        ("access-control-request-private-network", "true"),
    ];
    let mut asked = head(Version::HTTP_11, &Method::OPTIONS, "/", &lines);
    let Ok(Admission::Preflight(reply)) = gateway.admit(&mut asked, &connection(LOOPBACK)) else {
        unreachable!("the page is listed")
    };
    for (name, value) in [
        ("access-control-allow-origin", "https://page.example"),
        ("access-control-allow-methods", "GET, POST, DELETE"),
        ("access-control-allow-headers", "content-type"),
        ("access-control-allow-private-network", "true"),
        ("vary", "origin"),
    ] {
        assert_eq!(reply.headers()[name], value, "{name}");
    }
}

#[test]
fn tokens() {
    let token = Some(Secret::new("s3cret"));
    let gateway = Gateway::new(Rules { token, ..rules() }, &Limits::default());
    for (name, lines, wanted) in [
        ("none", &[("host", "localhost")][..], 401),
        ("the wrong one", &[("host", "localhost"), ("authorization", "Bearer s3cre")], 401),
        ("the right one", &[("host", "localhost"), ("authorization", "Bearer s3cret")], 0),
        ("the right one at a foreign name", &[("host", "evil.example"), ("authorization", "Bearer s3cret")], 403),
    ] {
        let mut one = head(Version::HTTP_11, &Method::GET, "/", lines);
        assert_eq!(status(&gateway, &mut one, LOOPBACK).0, wanted, "{name}");
        assert!(wanted == 403 || !one.headers.contains_key("authorization"), "{name}: it must not reach a node");
    }
}

#[test]
fn callers_and_their_seats() {
    let limits = Limits { in_flight: 2, callers: 2, ..Limits::default() };
    let gateway = Gateway::new(rules(), &limits);
    let admit = |remote, agent: &str| {
        let lines = [("host", "localhost"), ("user-agent", agent)];
        match gateway.admit(&mut head(Version::HTTP_11, &Method::GET, "/", &lines), &connection(remote)) {
            Ok(Admission::Granted { caller, seat, .. }) => Ok((caller.label.to_string(), seat)),
            Ok(Admission::Preflight(_)) => unreachable!("no page asks"),
            Err(refusal) => Err(refusal.status().as_u16()),
        }
    };
    let long = format!("\u{7f}é{}", "x".repeat(500));
    let mapped = Remote::Network("::ffff:127.0.0.1".parse().expect("an address"));
    let first = admit(LOOPBACK, "Lighthouse/v8").expect("a seat");
    assert_eq!(first.0, "127.0.0.1 Lighthouse/v8");
    let second = admit(mapped, "Lighthouse/v8").expect("the same caller, whichever family the socket has");
    assert_eq!(second.0, first.0);
    assert_eq!(admit(LOOPBACK, "Lighthouse/v8").err(), Some(429));
    let strange = admit(Remote::Unix, &long[1..]).expect("another caller");
    assert_eq!(strange.0, format!("unix ??{}", "x".repeat(LONGEST_AGENT - 2)));
    assert_eq!(admit(Remote::Unix, "").err(), Some(503));
    drop(strange);
    assert_eq!(admit(Remote::Unix, "").expect("there is room again").0, "unix");
}
