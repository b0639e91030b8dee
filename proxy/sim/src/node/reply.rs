//! Answers, and the shapes in which a family writes them.

use std::io;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName};
use http::{HeaderValue, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};

use crate::manner::{ErrorShape, Manner};

/// The body of every answer.
pub(crate) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// An answer before it is damaged or sent.
pub(crate) enum Reply {
    /// One that is there as a whole.
    Whole(Whole),
    /// One that is made while it is sent.
    Streamed(Box<Response<Body>>),
}

/// A whole answer.
pub(crate) struct Whole {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Bytes,
}

/// An item of a list that was refused.
pub(crate) struct Failure {
    pub(crate) index: usize,
    pub(crate) message: String,
}

const JSON: &str = "application/json";
/// The media type of SSZ.
pub(crate) const SSZ: &str = "application/octet-stream";

impl Whole {
    fn new(status: u16, kind: Option<&str>, body: impl Into<Bytes>) -> Self {
        let headers = kind.map(|kind| ("content-type", kind.to_owned())).into_iter().collect();
        Self { status, headers, body: body.into() }
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// As a response, to be sent as it is.
    pub(crate) fn response(self) -> Response<Body> {
        let body = Full::new(self.body).map_err(|never| match never {}).boxed_unsync();
        let mut response = Response::new(body);
        *response.status_mut() = status_code(self.status);
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::try_from(value) {
                response.headers_mut().append(HeaderName::from_static(name), value);
            }
        }
        response
    }
}

impl From<Whole> for Reply {
    fn from(whole: Whole) -> Self {
        Self::Whole(whole)
    }
}

/// A status from a number; 500 for numbers that are none.
pub(crate) fn status_code(status: u16) -> http::StatusCode {
    http::StatusCode::from_u16(status).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR)
}

/// A 200 with JSON.
pub(crate) fn json_reply(value: &Value) -> Whole {
    Whole::new(200, Some(JSON), value.to_string())
}

/// A 200 with SSZ.
pub(crate) fn ssz_reply(bytes: Vec<u8>) -> Whole {
    Whole::new(200, Some(SSZ), bytes)
}

/// A status and nothing more.
pub(crate) fn bare(status: u16) -> Whole {
    Whole::new(status, None, Bytes::new())
}

/// A streamed 200.
pub(crate) fn streamed(kind: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

impl Manner {
    /// The empty success.
    pub(crate) fn done(&self) -> Whole {
        if self.empty.is_empty() { bare(200) } else { Whole::new(200, Some(JSON), self.empty) }
    }

    fn error_json(&self, status: u16, message: &str) -> Value {
        match self.errors {
            ErrorShape::Plain => json!({"code": status, "message": message}),
            ErrorShape::Stacktraces => json!({"code": status, "message": message, "stacktraces": []}),
            ErrorShape::Strings => json!({"code": status.to_string(), "message": message}),
        }
    }

    /// An error.
    pub(crate) fn error(&self, status: u16, message: &str) -> Whole {
        Whole::new(status, Some(JSON), self.error_json(status, message).to_string())
    }

    /// An error in plain text, as some libraries make them before a handler runs.
    pub(crate) fn plain_error(&self, status: u16, message: &'static str) -> Whole {
        Whole::new(status, Some("text/plain; charset=utf-8"), message)
    }

    /// A 400 that lists the items that were refused.
    pub(crate) fn failures(&self, failures: &[Failure]) -> Whole {
        let listed: Vec<Value> = failures
            .iter()
            .map(|failure| match self.errors {
                ErrorShape::Strings => json!({"index": failure.index.to_string(), "message": failure.message}),
                ErrorShape::Plain | ErrorShape::Stacktraces => {
                    json!({"index": failure.index, "message": failure.message})
                }
            })
            .collect();
        let mut body = self.error_json(400, "some items were refused");
        body["failures"] = Value::Array(listed);
        Whole::new(400, Some(JSON), body.to_string())
    }
}
