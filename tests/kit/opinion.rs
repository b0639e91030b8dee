//! What no answer may be, whoever asks for what.
//!
//! - Hop-by-hop headers describe a node's connection, not ours. `Connection: close` and `Transfer-Encoding` are our own.
//! - Each name has one value, but `Vary`: some validator clients fail on a list.
//! - On an own listener, an answer of a node carries `X-Rangelight-Node`, and one of ours does not. Whose it must be
//!   follows from the operation's strategy in the catalogue; a failure may be either's, and so may an answer that we make
//!   where the view allows it.
//! - An error of ours is `{"code":…,"message":…}` with the code of the status. A node's error is passed on in whatever
//!   shape; if it has a code, that must agree too, as a number or as text.

use http::{HeaderMap, Method};
use rangelight_policy::catalogue::{Found, Strategy, find};
use serde_json::Value;

use crate::call::Answer;

/// Whose door a caller knocks on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    /// An own listener of Rangelight.
    Own,
    /// Its admin listener.
    Admin,
    /// A node itself.
    Node,
}

const HOP_BY_HOP: [&str; 6] = ["keep-alive", "proxy-authenticate", "proxy-connection", "te", "trailer", "upgrade"];

/// Judges an answer; the error is what is wrong with it.
pub(crate) fn judge(door: Door, method: &Method, path: &str, answer: &Answer) -> Result<(), String> {
    if door == Door::Node {
        return Ok(());
    }
    judge_headers(&answer.headers)?;
    let success = (200..300).contains(&answer.status);
    match (of_whom(method, path), answer.node()) {
        (_, Some(_)) if door == Door::Admin => return Err("no node answers there".to_owned()),
        (Whose::Ours, Some(node)) => return Err(format!("{node} answered what we know ourselves")),
        (Whose::Nodes, None) if success && door == Door::Own => {
            return Err("which node answered is not said".to_owned());
        }
        _ => {}
    }
    // Both say by their status what is, not that something went wrong.
    let health = door == Door::Admin && path == "/health" || answer.body.is_empty() && path == "/eth/v1/node/health";
    let speechless = method == Method::HEAD || health;
    if answer.status >= 400 && !speechless { judge_error(answer) } else { Ok(()) }
}

/// Judges headers alone.
pub(crate) fn judge_headers(headers: &HeaderMap) -> Result<(), String> {
    if let Some(name) = HOP_BY_HOP.iter().find(|name| headers.contains_key(**name)) {
        return Err(format!("the answer has the hop-by-hop header {name}"));
    }
    if headers.get("connection").is_some_and(|value| !value.as_bytes().eq_ignore_ascii_case(b"close")) {
        return Err("Connection says more than close".to_owned());
    }
    for name in headers.keys().filter(|name| *name != "vary") {
        let values: Vec<_> = headers.get_all(name).iter().collect();
        if values.len() > 1 {
            return Err(format!("the answer repeats {name}: {values:?}"));
        }
    }
    Ok(())
}

enum Whose {
    Either,
    Nodes,
    Ours,
}

/// Operations whose rule answers from the view where it can.
const MADE: [&str; 1] = ["block_root"];

fn of_whom(method: &Method, path: &str) -> Whose {
    let row = match find(method.as_str(), path) {
        Found::Row(row, _) | Found::Unlisted { row, .. } => row,
        Found::BadPath(_) | Found::WrongMethod { .. } => return Whose::Ours,
    };
    match row.strategy {
        _ if MADE.contains(&row.operation) => Whose::Either,
        Strategy::Broadcast | Strategy::Failover | Strategy::Once => Whose::Nodes,
        Strategy::Deny | Strategy::Events | Strategy::Synthesize => Whose::Ours,
    }
}

fn judge_error(answer: &Answer) -> Result<(), String> {
    let body: Option<Value> = serde_json::from_slice(&answer.body).ok();
    let code = body.as_ref().map(|body| &body["code"]).filter(|code| !code.is_null());
    if answer.node().is_none() {
        let message = body.as_ref().and_then(|body| body["message"].as_str());
        if code.and_then(Value::as_u64).is_none() || message.is_none_or(str::is_empty) {
            return Err(format!("a refusal of ours in another form: {}", answer.text()));
        }
    }
    let said = code.map(|code| code.as_u64().or_else(|| code.as_str()?.parse().ok()));
    match said {
        Some(said) if said != Some(u64::from(answer.status)) => {
            Err(format!("the body's code is not the status: {}", answer.text()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    /// Whether an answer is accepted.
    fn accepted(door: Door, path: &str, status: u16, headers: &[(&'static str, &'static str)], body: &str) -> bool {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_static(value));
        }
        let body = bytes::Bytes::from(body.to_owned());
        let answer = Answer { asked: format!("GET {path}"), status, headers: map, body };
        judge(door, &Method::GET, path, &answer).is_ok()
    }

    #[test]
    fn opinions() {
        let (read, known) = ("/eth/v1/validator/attestation_data", "/eth/v1/beacon/genesis");
        let node = ("x-rangelight-node", "attic");
        let ours = r#"{"code":503,"message":"no node"}"#;
        for (name, good, door, path, status, headers, body) in [
            ("a node's", true, Door::Own, read, 200, vec![node], "{}"),
            ("a node's without its name", false, Door::Own, read, 200, vec![], "{}"),
            ("ours", true, Door::Own, known, 200, vec![], "{}"),
            ("ours by a node", false, Door::Own, known, 200, vec![node], "{}"),
            ("a node's at the admin's", false, Door::Admin, "/status", 200, vec![node], "{}"),
            ("a refusal", true, Door::Own, read, 503, vec![], ours),
            ("a refusal of another code", false, Door::Own, read, 502, vec![], ours),
            ("a refusal in words", false, Door::Own, read, 503, vec![], "no node"),
            ("a refusal without words", false, Door::Own, read, 503, vec![], r#"{"code":503,"message":""}"#),
            ("a node's error in words", true, Door::Own, read, 503, vec![node], "no node"),
            ("a node's error, code as text", true, Door::Own, read, 404, vec![node], r#"{"code":"404"}"#),
            ("a node's error of another code", false, Door::Own, read, 404, vec![node], r#"{"code":"500"}"#),
            ("hop by hop", false, Door::Own, known, 200, vec![("keep-alive", "timeout=5")], "{}"),
            ("connection", false, Door::Own, known, 200, vec![("connection", "keep-alive")], "{}"),
            ("the connection ends", true, Door::Own, known, 200, vec![("connection", "close")], "{}"),
            ("repeated", false, Door::Own, known, 200, vec![("eth-x", "1"), ("eth-x", "1")], "{}"),
            ("vary repeated", true, Door::Own, known, 200, vec![("vary", "a"), ("vary", "b")], "{}"),
            ("a node itself may do anything", true, Door::Node, read, 500, vec![("keep-alive", "1")], "no"),
        ] {
            assert_eq!(accepted(door, path, status, &headers, body), good, "{name}");
        }
    }
}
