//! Web pages: refused, unless the staker listed them.
//!
//! Every page that the staker's browser opens can send requests to loopback and to the home network. Even without
//! being allowed to read the answer it could send a `prepare_beacon_proposer` and so set a fee recipient. Two headers
//! tell a page from a program, and no page can leave them out or change them:
//!
//! - `Origin`: sent with every request but plain GETs. Any value that is not listed is refused, our own too.
//! - `Sec-Fetch-Site`: sent with every request. `cross-site` and `same-site` come from a page of another origin and are
//!   refused; `same-origin` is our own dashboard, `none` is the staker typing an address. `Sec-Fetch-Mode` alone means
//!   nothing: the `fetch` of Node, and with it Lodestar's VC, sends it.
//!
//! A listed page gets the CORS headers that it needs, and a preflight is answered for it. Nobody else gets any.

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS, HeaderName, HeaderValue,
    ORIGIN, VARY,
};
use http::request::Parts;
use http::{HeaderMap, Method, Response, StatusCode};

use super::Rules;
use crate::reply::{Refusal, Reply, empty};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const REQUEST_PRIVATE_NETWORK: HeaderName = HeaderName::from_static("access-control-request-private-network");
const ALLOW_PRIVATE_NETWORK: HeaderName = HeaderName::from_static("access-control-allow-private-network");

/// What a listed web page must be told with each reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sharing {
    origin: HeaderValue,
}

/// Checks whether a web page asks, and whether it may.
pub(super) fn check(headers: &HeaderMap, rules: &Rules) -> Result<Option<Sharing>, Refusal> {
    let mut origins = headers.get_all(ORIGIN).iter();
    if let Some(origin) = origins.next() {
        let is_listed = rules.origins.iter().any(|listed| is_same(listed, origin));
        if !is_listed || origins.next().is_some() {
            return Err(refusal(rules, Some(origin)));
        }
        return Ok(Some(Sharing { origin: origin.clone() }));
    }
    let mut sites = headers.get_all(SEC_FETCH_SITE).iter().map(HeaderValue::as_bytes);
    if sites.any(|site| site.eq_ignore_ascii_case(b"cross-site") || site.eq_ignore_ascii_case(b"same-site")) {
        return Err(refusal(rules, None));
    }
    Ok(None)
}

/// Is this a browser's question whether a page may ask?
pub(super) fn is_preflight(head: &Parts) -> bool {
    head.method == Method::OPTIONS
}

fn is_same(listed: &str, origin: &HeaderValue) -> bool {
    let listed = listed.strip_suffix('/').unwrap_or(listed);
    origin.as_bytes().eq_ignore_ascii_case(listed.as_bytes())
}

fn refusal(rules: &Rules, origin: Option<&HeaderValue>) -> Refusal {
    let section = rules.section;
    let page = origin.and_then(|origin| origin.to_str().ok()).filter(|origin| origin.len() <= 200);
    let message = match page {
        Some(page) => format!(
            "a web page of {page:?} sent this, and web pages may not call; if you trust the page, add it in {section}: \
             origins = [{page:?}]"
        ),
        None => format!(
            "a web page of another site sent this, and web pages may not call; if you trust the page, let it use fetch \
             and add it in {section}: origins = [\"https://its.name\"]"
        ),
    };
    Refusal::new(StatusCode::FORBIDDEN, message)
}

// === impl Sharing ===

impl Sharing {
    /// Lets the page read a reply.
    pub fn allow(&self, headers: &mut HeaderMap) {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, self.origin.clone());
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("*"));
        headers.append(VARY, HeaderValue::from_static("origin"));
    }

    /// Lets the page ask what it wants to ask.
    pub(super) fn preflight(&self, asked: &HeaderMap) -> Reply {
        let mut reply = Response::new(empty());
        *reply.status_mut() = StatusCode::NO_CONTENT;
        let headers = reply.headers_mut();
        self.allow(headers);
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, DELETE"));
        headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
        if let Some(wanted) = asked.get(ACCESS_CONTROL_REQUEST_HEADERS) {
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
        }
        if asked.contains_key(REQUEST_PRIVATE_NETWORK) {
            headers.insert(ALLOW_PRIVATE_NETWORK, HeaderValue::from_static("true"));
        }
        reply
    }
}
