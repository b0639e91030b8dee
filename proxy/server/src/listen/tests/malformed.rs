//! Requests that nobody should send: each gets our refusal or a clean end, never silence, and the next caller is served.

use super::kit::{GOOD, House};
use crate::limits::Limits;

/// What must come of it.
#[derive(Clone, Copy, Debug)]
enum Wanted {
    /// A refusal with this status whose message has this part, and the end of the connection.
    Refused(u16, &'static str),
    /// A refusal with this status; the connection goes on.
    RefusedOnly(u16, &'static str),
    /// A good answer with this body, then the end of the connection.
    AnsweredOnce(&'static str),
    /// A good answer with this body; the connection goes on.
    Answered(&'static str),
    /// The end of the connection without a word.
    Ended,
}
use Wanted::{Answered, AnsweredOnce, Ended, Refused, RefusedOnly};

fn get(target: &str) -> Vec<u8> {
    format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n").into_bytes()
}

fn with(lines: &str) -> Vec<u8> {
    format!("GET /eth/v1/node/version HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n").into_bytes()
}

fn post(lines: &str, body: &str) -> Vec<u8> {
    format!("POST /eth/v1/beacon/states/head/validators HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n{body}").into_bytes()
}

fn cases() -> Vec<(&'static str, Vec<u8>, Wanted)> {
    let malformed = "well-formed";
    let long = |bytes: usize| format!("/{}", "a".repeat(bytes - 1));
    vec![
        // Request lines.
        ("no HTTP at all", b"hello there\r\n\r\n".to_vec(), Refused(400, malformed)),
        ("a TLS hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n".to_vec(), Refused(400, malformed)),
        ("HTTP/0.9", b"GET /\r\n\r\n".to_vec(), Refused(400, malformed)),
        ("HTTP/3.0", b"GET / HTTP/3.0\r\nHost: localhost\r\n\r\n".to_vec(), Refused(400, malformed)),
        ("a space in the target", get("/a b"), Refused(400, malformed)),
        ("NUL in the target", get("/a\0b"), Refused(400, malformed)),
        ("the preface of HTTP/2, broken off", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\rX".to_vec(), Refused(400, malformed)),
        // Targets.
        ("dots", get("/eth/v1/node/../node/version"), RefusedOnly(400, "`.` or `..`")),
        ("two slashes", get("/eth/v1//node/version"), RefusedOnly(400, "empty segment")),
        ("an encoded slash", get("/eth/v1/node%2fversion"), RefusedOnly(400, "percent-encoding")),
        ("half an encoding", get("/eth/v1/node/%e"), RefusedOnly(400, "percent-encoding")),
        (
            "a method that it has not",
            b"PUT /eth/v1/node/version HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(),
            RefusedOnly(405, "GET, HEAD"),
        ),
        (
            "an invented method",
            b"BREW /eth/v1/node/version HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(),
            RefusedOnly(405, "GET, HEAD"),
        ),
        ("CONNECT", b"CONNECT localhost:443 HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(), RefusedOnly(405, "takes")),
        (
            "the longest target",
            get(&format!("/eth/v1/node/version?{}", "a".repeat(65_534 - 21))),
            Answered("\"127.0.0.1\""),
        ),
        ("one byte more", get(&long(65_535)), Refused(414, "POST /eth/v1/beacon/states/{state_id}/validators")),
        ("1,024 public keys", get(&long(101_000)), Refused(414, "ask with POST")),
        ("a target beyond the buffer", get(&long(900_000)), Refused(414, "ask with POST")),
        // Headers.
        ("no colon", with("Accept application/json\r\n"), Refused(400, malformed)),
        ("a space before the colon", with("Accept : a\r\n"), Refused(400, malformed)),
        ("a folded line", with("Accept: a\r\n b\r\n"), Refused(400, malformed)),
        ("NUL in a value", with("Accept: a\0b\r\n"), Refused(400, malformed)),
        ("no name", with(": a\r\n"), Refused(400, malformed)),
        ("130 KiB in one", with(&format!("X: {}\r\n", "a".repeat(130 << 10))), Refused(431, "131072 bytes")),
        ("900 KiB in one", with(&format!("X: {}\r\n", "a".repeat(900 << 10))), Refused(431, "131072 bytes")),
        ("101 lines", with(&"X: a\r\n".repeat(100)), Refused(431, "100 lines")),
        ("no Host", b"GET / HTTP/1.1\r\n\r\n".to_vec(), RefusedOnly(400, "no Host header")),
        ("two Hosts", with("Host: localhost\r\n"), RefusedOnly(400, "more than one Host")),
        (
            "another's name",
            b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n".to_vec(),
            RefusedOnly(403, "hosts = [\"evil.example\"]"),
        ),
        (
            "a web page",
            with("Origin: https://evil.example\r\n"),
            RefusedOnly(403, "origins = [\"https://evil.example\"]"),
        ),
        // Lengths.
        ("two lengths", post("Content-Length: 2\r\nContent-Length: 3\r\n", "abc"), Refused(400, malformed)),
        ("two equal lengths", post("Content-Length: 3\r\nContent-Length: 3\r\n", "abc"), Answered("3")),
        ("a list of lengths", post("Content-Length: 3, 3\r\n", "abc"), Refused(400, malformed)),
        ("a negative length", post("Content-Length: -1\r\n", "abc"), Refused(400, malformed)),
        ("a length with a sign", post("Content-Length: +3\r\n", "abc"), Refused(400, malformed)),
        (
            "a length beyond all numbers",
            post("Content-Length: 99999999999999999999\r\n", "abc"),
            Refused(400, malformed),
        ),
        ("another encoding", post("Transfer-Encoding: gzip\r\n", "abc"), Refused(400, malformed)),
        (
            "chunked, but not last",
            post("Transfer-Encoding: chunked, gzip\r\n", "3\r\nabc\r\n0\r\n\r\n"),
            Refused(400, malformed),
        ),
        (
            "chunks in HTTP/1.0",
            b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_vec(),
            Refused(400, malformed),
        ),
        // Both lengths: the chunks count (RFC 9112, 6.3), the connection ends, and what a smuggler put behind is lost.
        (
            "length, then chunks",
            post("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", &format!("4\r\nabcd\r\n0\r\n\r\n{GOOD}")),
            AnsweredOnce("4"),
        ),
        (
            "chunks, then length",
            post("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", &format!("4\r\nabcd\r\n0\r\n\r\n{GOOD}")),
            AnsweredOnce("4"),
        ),
        (
            "a chunk of no number",
            post("Transfer-Encoding: chunked\r\n", "zz\r\nabc\r\n0\r\n\r\n"),
            Refused(400, "framed wrongly"),
        ),
        (
            "a chunk beyond all numbers",
            post("Transfer-Encoding: chunked\r\n", "fffffffffffffffff\r\nabc"),
            Refused(400, "framed wrongly"),
        ),
        (
            "a chunk longer than it says",
            post("Transfer-Encoding: chunked\r\n", "3\r\nabcd\r\n0\r\n\r\n"),
            Refused(400, "framed wrongly"),
        ),
        // Sizes.
        ("17 MiB announced", post("Content-Length: 17825792\r\n", ""), Refused(413, "16777216 bytes")),
        (
            "17 MiB announced, asking first",
            post("Content-Length: 17825792\r\nExpect: 100-continue\r\n", ""),
            Refused(413, "16777216 bytes"),
        ),
        ("17 MiB sent", post("Content-Length: 17825792\r\n", &"a".repeat(17 << 20)), Refused(413, "16777216 bytes")),
        (
            "17 MiB in chunks",
            post("Transfer-Encoding: chunked\r\n", &format!("1100000\r\n{}\r\n0\r\n\r\n", "a".repeat(17 << 20))),
            Refused(413, "16777216 bytes"),
        ),
        // The body of a refused request is not read, so nothing can follow it.
        (
            "a body behind a bad path",
            b"POST /eth//v1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc".to_vec(),
            Refused(400, "empty segment"),
        ),
        // Ends.
        ("nothing", Vec::new(), Ended),
        ("half a head", b"GET / HT".to_vec(), Ended),
    ]
}

#[tokio::test]
async fn each_is_refused_and_the_next_is_served() {
    let house = House::new(&Limits::default());
    for (name, bytes, wanted) in cases() {
        let mut talk = house.connect().await;
        talk.say(&bytes).await;
        if let Ended = wanted {
            tokio::io::AsyncWriteExt::shutdown(&mut talk.stream).await.expect("ours to shut");
            assert!(talk.hear().await.is_none(), "{name}");
            house.still_answers(name).await;
            continue;
        }
        let heard = talk.hear().await;
        let heard = heard.unwrap_or_else(|| unreachable!("{name}: the connection ended without a word"));
        match wanted {
            Refused(status, part) | RefusedOnly(status, part) => {
                assert_eq!(heard.status, status, "{name}: {heard:?}");
                let message = heard.refusal();
                assert!(message.contains(part), "{name}: {message}");
                assert_eq!(heard.head.contains("\r\nallow: "), status == 405, "{name}: {}", heard.head);
            }
            Answered(body) | AnsweredOnce(body) => {
                assert_eq!(heard.status, 200, "{name}: {heard:?}");
                assert_eq!(heard.body, body.as_bytes(), "{name}");
            }
            Ended => unreachable!("seen to above"),
        }
        match wanted {
            Refused(..) => {
                assert!(heard.head.contains("\r\nconnection: close\r\n"), "{name}: {}", heard.head);
                assert_eq!(talk.end().await, 0, "{name}: nothing follows");
            }
            AnsweredOnce(_) => assert_eq!(talk.end().await, 0, "{name}: nothing follows"),
            RefusedOnly(..) | Answered(_) | Ended => {
                talk.say(GOOD).await;
                assert_eq!(talk.hear().await.map(|heard| heard.status), Some(200), "{name}: the connection goes on");
            }
        }
        house.still_answers(name).await;
    }
    assert_eq!(house.bound.drain().await, 0);
}
