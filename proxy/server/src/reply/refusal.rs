//! Refusals: errors that we make ourselves, in the Beacon API's shape.
//!
//! The body is `{"code":<status>,"message":"…"}`, `code` is a number and equals the status, because Lighthouse takes the
//! status from the body, Prysm decodes it strictly, and Teku reads a 400 that looks different as a list of failures.
//! Every message names the cause and the cure. What a caller sent is quoted only shortened, so that nobody can make us
//! send megabytes back.

use std::time::Duration;

use http::StatusCode;
use http::header::{ALLOW, CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use serde::Serialize;

use super::{EndConnection, Reply, json};
use crate::limits::LONGEST_TARGET;

/// An error that we make ourselves.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    status: StatusCode,
    message: String,
    headers: Vec<(HeaderName, HeaderValue)>,
    failures: Vec<Failed>,
    ends_connection: bool,
}

/// An item of a list that failed.
#[derive(Clone, Debug, Serialize)]
struct Failed {
    index: usize,
    message: String,
}

#[derive(Serialize)]
struct Body<'a> {
    code: u16,
    message: &'a str,
    #[serde(skip_serializing_if = "<[Failed]>::is_empty")]
    failures: &'a [Failed],
}

// === impl Refusal: how it is made ===

impl Refusal {
    /// A refusal; `message` says what is wrong and what to do about it.
    #[must_use]
    pub fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), headers: Vec::new(), failures: Vec::new(), ends_connection: false }
    }

    /// With one more header.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Names the items of a list that failed, by their places in it.
    #[must_use]
    pub fn failing(mut self, items: impl IntoIterator<Item = (usize, String)>) -> Self {
        self.failures.extend(items.into_iter().map(|(index, message)| Failed { index, message }));
        self
    }

    /// The connection ends after it, because part of the request stays unread.
    #[must_use]
    pub fn ending_connection(mut self) -> Self {
        self.ends_connection = true;
        self
    }

    /// When asking again makes sense; rounded up to whole seconds, as HTTP knows no other.
    #[must_use]
    pub fn retry_after(self, wait: Duration) -> Self {
        self.with(RETRY_AFTER, HeaderValue::from(wait.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX)))
    }

    /// 400: the request itself is wrong.
    #[must_use]
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// 401: a token is wanted.
    #[must_use]
    pub fn token_wanted() -> Self {
        let message = "this listener wants a token: send the header `Authorization: Bearer TOKEN` with the token from \
                       the file that `token_file` names";
        Self::new(StatusCode::UNAUTHORIZED, message).with(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
    }

    /// 404: there is no such path here.
    #[must_use]
    pub fn not_found(path: &str) -> Self {
        let path = shortened(path);
        Self::new(StatusCode::NOT_FOUND, format!("no such path: {path}; `rangelight endpoints` lists all"))
    }

    /// 405: the path is right, the method is not. `allowed` lists the methods, as in `GET, POST`.
    #[must_use]
    pub fn wrong_method(method: &http::Method, path: &str, allowed: &str) -> Self {
        let (method, path) = (shortened(method.as_str()), shortened(path));
        let refusal = Self::new(StatusCode::METHOD_NOT_ALLOWED, format!("{path} takes {allowed}, not {method}"));
        match HeaderValue::try_from(allowed) {
            Ok(allowed) => refusal.with(ALLOW, allowed),
            Err(_) => refusal,
        }
    }

    /// 408: the head of a request did not come to its end in time.
    #[must_use]
    pub fn slow_head(patience: Duration) -> Self {
        let message = format!("the request's head was not complete after {patience:?}; send it in one piece");
        Self::new(StatusCode::REQUEST_TIMEOUT, message).ending_connection()
    }

    /// 408: a body stopped coming.
    #[must_use]
    pub fn slow_body() -> Self {
        let message = "the request's body stopped coming or came too slowly; send it again, and look at the network \
                       between this caller and Rangelight";
        Self::new(StatusCode::REQUEST_TIMEOUT, message).ending_connection()
    }

    /// 413: the body is larger than its operation takes.
    #[must_use]
    pub fn body_too_large(limit: usize) -> Self {
        let message = format!("the request's body is above this operation's limit of {limit} bytes; send less at once");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, message).ending_connection()
    }

    /// 414: the request target is longer than we take.
    #[must_use]
    pub fn target_too_long() -> Self {
        let message = format!(
            "the request target is longer than {LONGEST_TARGET} bytes (about 650 public keys); ask with POST and the \
             ids in the body, as in POST /eth/v1/beacon/states/{{state_id}}/validators, or split the request"
        );
        Self::new(StatusCode::URI_TOO_LONG, message).ending_connection()
    }

    /// 429: the caller has too many requests in flight.
    #[must_use]
    pub fn too_many_in_flight(limit: usize) -> Self {
        let message = format!("this caller has {limit} requests in flight, the most allowed; wait for some to end");
        Self::new(StatusCode::TOO_MANY_REQUESTS, message).retry_after(Duration::from_secs(1))
    }

    /// 431: the headers are larger than we take. Also said of more than 100 header lines.
    #[must_use]
    pub fn headers_too_large(limit: usize) -> Self {
        let message = format!("the request's headers are above {limit} bytes or 100 lines; send fewer or shorter ones");
        Self::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, message).ending_connection()
    }

    /// 503: nothing is wrong with the request, but it cannot be answered now.
    #[must_use]
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, message)
    }
}

// === impl Refusal: what it says ===

impl Refusal {
    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The cause and the cure.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The reply that carries it.
    #[must_use]
    pub fn reply(self) -> Reply {
        let mut reply = json(self.status, self.body());
        reply.headers_mut().extend(self.headers);
        if self.ends_connection {
            reply.extensions_mut().insert(EndConnection);
        }
        reply
    }

    /// The refusal as the last bytes of an HTTP/1.1 connection, for where no service can answer. `date` is the value
    /// of a Date header, if one is known.
    pub(crate) fn last_words(&self, date: Option<&str>) -> Vec<u8> {
        let body = self.body();
        let reason = self.status.canonical_reason().unwrap_or("Refused");
        let mut text = format!("HTTP/1.1 {} {reason}\r\n{CONTENT_TYPE}: application/json\r\n", self.status.as_u16());
        text.push_str(&format!("content-length: {}\r\n{CONNECTION}: close\r\n", body.len()));
        if let Some(date) = date {
            text.push_str(&format!("date: {date}\r\n"));
        }
        text.push_str("\r\n");
        let mut bytes = text.into_bytes();
        bytes.extend_from_slice(&body);
        bytes
    }

    fn body(&self) -> Vec<u8> {
        serde_json::to_vec(&Body { code: self.status.as_u16(), message: &self.message, failures: &self.failures })
            .expect("a number and a string always have a JSON form")
    }
}

/// What a caller sent, fit to be quoted: at most 80 characters.
pub(crate) fn shortened(text: &str) -> String {
    let mut short: String = text.chars().take(80).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    #[tokio::test]
    async fn a_refusal_says_its_status_twice() {
        for (refusal, status) in [
            (Refusal::bad_request("x \"quoted\" \n"), 400),
            (Refusal::token_wanted(), 401),
            (Refusal::not_found("/é"), 404),
            (Refusal::wrong_method(&http::Method::PUT, "/eth/v1/node/health", "GET"), 405),
            (Refusal::slow_head(Duration::from_secs(10)), 408),
            (Refusal::slow_body(), 408),
            (Refusal::body_too_large(7), 413),
            (Refusal::target_too_long(), 414),
            (Refusal::too_many_in_flight(1024), 429),
            (Refusal::headers_too_large(9), 431),
            (Refusal::unavailable("no node"), 503),
        ] {
            let last_words = String::from_utf8(refusal.last_words(Some("now"))).expect("text");
            let reply = refusal.clone().reply();
            assert_eq!(reply.status().as_u16(), status);
            assert_eq!(reply.headers()[CONTENT_TYPE], "application/json");
            let body = reply.into_body().collect().await.expect("whole").to_bytes();
            let value: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
            assert_eq!(value, serde_json::json!({"code": status, "message": refusal.message()}));
            let (head, said) = last_words.split_once("\r\n\r\n").expect("a head and a body");
            assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
            assert!(head.contains(&format!("\r\ncontent-length: {}\r\n", said.len())), "{head}");
            assert!(head.ends_with("\r\ndate: now"), "{head}");
            assert_eq!(said.as_bytes(), body);
        }
    }

    #[test]
    fn extra_headers_and_quotes() {
        let allow = Refusal::wrong_method(&http::Method::PUT, "/", "GET, POST").reply();
        assert_eq!(allow.headers()[ALLOW], "GET, POST");
        let wait = Refusal::unavailable("").retry_after(Duration::from_millis(1_001)).reply();
        assert_eq!(wait.headers()[RETRY_AFTER], "2");
        assert!(Refusal::body_too_large(1).reply().extensions().get::<EndConnection>().is_some());
        assert!(Refusal::not_found("").reply().extensions().get::<EndConnection>().is_none());
        let failing = Refusal::bad_request("two").failing([(3, "a".to_owned()), (5, "b".to_owned())]);
        let failures = serde_json::json!([{"index": 3, "message": "a"}, {"index": 5, "message": "b"}]);
        let body: serde_json::Value = serde_json::from_slice(&failing.body()).expect("JSON");
        assert_eq!(body["failures"], failures);
        assert_eq!(shortened(&"é".repeat(81)), format!("{}…", "é".repeat(80)));
        assert_eq!(shortened("short"), "short");
    }
}
