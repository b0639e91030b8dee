//! Headers that we add and remove, in both directions.
//!
//! Everything unknown passes, `Eth-*` above all: the API grows headers faster than proxies are updated. What goes is:
//!
//! - hop-by-hop headers (RFC 9110, 7.6.1): the fixed names, and those that `Connection` lists. They describe one
//!   connection, and there are two.
//! - from requests: `Authorization` and cookies, which were meant for us (each node has its own), and `Expect`, which
//!   hyper has already answered.
//! - from answers: what describes the node as a web server. `Server`, `Via` and `X-Powered-By` change with the node
//!   that happened to answer; `Alt-Svc` would send the caller elsewhere; `Set-Cookie` binds to one node; a node's CORS
//!   headers would open us to web pages because the node is open to them. `Date` is replaced by ours: an answer may
//!   come from memory.
//!
//! Towards the caller each name has one value: **the first wins**, because most VCs read the first and some fail on
//! a list. `Vary` alone may repeat; it is a list by nature.

use http::HeaderMap;
use http::header::{
    AUTHORIZATION, CONNECTION, COOKIE, DATE, EXPECT, Entry, HeaderName, HeaderValue, PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION, SERVER, SET_COOKIE, STRICT_TRANSPORT_SECURITY, TE, TRAILER, TRANSFER_ENCODING, UPGRADE, VARY,
    VIA,
};

/// Names the node that an answer came from.
pub const NODE: HeaderName = HeaderName::from_static("x-rangelight-node");

const HOP_BY_HOP: [HeaderName; 9] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    HeaderName::from_static("proxy-connection"),
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

const MEANT_FOR_US: [HeaderName; 3] = [AUTHORIZATION, COOKIE, EXPECT];

const OF_THE_NODES_SERVER: [HeaderName; 7] = [
    HeaderName::from_static("alt-svc"),
    DATE,
    SERVER,
    SET_COOKIE,
    STRICT_TRANSPORT_SECURITY,
    VIA,
    HeaderName::from_static("x-powered-by"),
];

/// Removes what belongs to one connection only.
pub fn strip_hop_by_hop(headers: &mut HeaderMap) {
    if headers.contains_key(CONNECTION) {
        let listed: Vec<HeaderName> = headers
            .get_all(CONNECTION)
            .iter()
            .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
            .filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok())
            .collect();
        for name in listed {
            headers.remove(name);
        }
    }
    remove(headers, &HOP_BY_HOP);
}

/// Removes those of the names that are there. Looking at the few that are there costs less than asking for each.
fn remove(headers: &mut HeaderMap, names: &[HeaderName]) {
    let there: Vec<HeaderName> = headers.keys().filter(|name| names.contains(name)).cloned().collect();
    for name in there {
        headers.remove(name);
    }
}

/// Makes a caller's headers fit to be sent to a node.
pub fn clean_request(headers: &mut HeaderMap) {
    strip_hop_by_hop(headers);
    remove(headers, &MEANT_FOR_US);
}

/// Makes a node's headers fit to be sent to a caller, and says which node they came from.
pub fn clean_answer(headers: &mut HeaderMap, node: &str) {
    strip_hop_by_hop(headers);
    remove(headers, &OF_THE_NODES_SERVER);
    let cors: Vec<HeaderName> =
        headers.keys().filter(|name| name.as_str().starts_with("access-control-")).cloned().collect();
    for name in cors {
        headers.remove(name);
    }
    keep_first_values(headers);
    // A name from the configuration may hold characters that no header can; it is then left out, not the answer.
    match HeaderValue::try_from(node) {
        Ok(node) => headers.insert(NODE, node),
        Err(_) => headers.remove(NODE),
    };
}

/// Leaves each name its first value.
fn keep_first_values(headers: &mut HeaderMap) {
    if headers.len() == headers.keys_len() {
        return;
    }
    let repeated: Vec<HeaderName> = headers
        .keys()
        .filter(|name| **name != VARY && headers.get_all(*name).iter().nth(1).is_some())
        .cloned()
        .collect();
    for name in repeated {
        if let Entry::Occupied(mut entry) = headers.entry(name) {
            let first = entry.get().clone();
            entry.insert(first);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(lines: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            let name: HeaderName = name.parse().expect("a header name");
            headers.append(name, HeaderValue::from_str(value).expect("a header value"));
        }
        headers
    }

    #[test]
    fn requests() {
        for (name, sent, kept) in [
            ("unknown headers stay", vec![("eth-new-thing", "1"), ("accept", "*/*")], vec!["accept", "eth-new-thing"]),
            ("both values stay", vec![("accept", "a"), ("accept", "b")], vec!["accept", "accept"]),
            (
                "hop by hop goes",
                vec![
                    ("keep-alive", "5"),
                    ("te", "trailers"),
                    ("trailer", "x"),
                    ("upgrade", "h2c"),
                    ("proxy-authorization", "x"),
                    ("transfer-encoding", "chunked"),
                    ("proxy-connection", "x"),
                    ("content-type", "application/json"),
                ],
                vec!["content-type"],
            ),
            (
                "what Connection lists goes, in every spelling",
                vec![("connection", "close, X-Hop ,,é"), ("connection", "x-two"), ("x-hop", "1"), ("x-two", "1")],
                vec![],
            ),
            ("secrets meant for us go", vec![("authorization", "Bearer x"), ("cookie", "a=b")], vec![]),
            ("answered by hyper", vec![("expect", "100-continue")], vec![]),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in sent {
                let value = HeaderValue::from_bytes(value.as_bytes()).expect("a header value");
                headers.append(name.parse::<HeaderName>().expect("a header name"), value);
            }
            clean_request(&mut headers);
            let mut left: Vec<_> = headers.iter().map(|(name, _)| name.as_str()).collect();
            left.sort_unstable();
            assert_eq!(left, kept, "{name}");
        }
    }

    #[test]
    fn answers() {
        let mut headers = map(&[
            ("content-type", "application/json"),
            ("content-type", "text/plain"),
            ("content-length", "4"),
            ("eth-consensus-version", "fulu"),
            ("eth-unknown", "kept"),
            ("vary", "accept"),
            ("vary", "origin"),
            ("server", "Lighthouse"),
            ("date", "then"),
            ("connection", "keep-alive"),
            ("access-control-allow-origin", "*"),
            ("access-control-new-thing", "*"),
            ("set-cookie", "a"),
            ("x-rangelight-node", "a liar"),
        ]);
        clean_answer(&mut headers, "attic");
        let wanted = map(&[
            ("content-type", "application/json"),
            ("content-length", "4"),
            ("eth-consensus-version", "fulu"),
            ("eth-unknown", "kept"),
            ("vary", "accept"),
            ("vary", "origin"),
            ("x-rangelight-node", "attic"),
        ]);
        assert_eq!(headers, wanted);
        clean_answer(&mut headers, "line\nbreak");
        assert!(!headers.contains_key(NODE));
    }
}
