//! What to do about a node that cannot be spoken to: the cure that follows the reason in a log line and in `check`.
//!
//! Reasons are words, because they come from three places (the control plane, the data plane, the fleet) and all of them
//! are shown to people as they are. A reason that is not known here gets the most likely cure, never none.

use crate::config::SafeUrl;

/// What the control plane says of a port that answers in clear text to a TLS greeting.
pub(super) const NO_TLS: &str = "cannot be reached: what listens there does not speak TLS";

/// What both planes say of an answer that is no HTTP.
pub(super) const NO_HTTP: &str = "answered something that is not HTTP";

/// What the operator of a node at this URL can do about the reason for which it is away.
#[must_use]
pub fn unspoken(url: &SafeUrl, why: &str) -> String {
    let plain = !url.is_https();
    let ends = why.starts_with("broke off") || why == NO_HTTP || why == "answered 400";
    if why == NO_TLS {
        format!("write http:// in its url ({url}), or correct its port")
    } else if ends && plain {
        format!("if it speaks TLS there, write https:// in its url ({url}); else correct its port, or look at its log")
    } else if why.starts_with("cannot be reached") || why.starts_with("no connection") {
        format!("start its beacon node with its HTTP API, or correct its url ({url})")
    } else if why.contains("in time") {
        format!("it is starting, overloaded, or behind a firewall; look at it, or correct its url ({url})")
    } else if why == "answered 401" || why == "answered 403" {
        "set its token_file, headers, or a user part in its url".to_owned()
    } else if why == "its network is not known yet" {
        "it tells neither its genesis nor its spec; look at its log".to_owned()
    } else {
        format!("its url ({url}) must be a beacon node's HTTP API, not an execution client's")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_cure() {
        for (url, why, wanted) in [
            ("http://a:5052", "cannot be reached: connection refused", "start its beacon node"),
            ("http://a:5052", "no connection to it can be made", "start its beacon node"),
            ("https://a:5052", NO_TLS, "write http:// in its url (https://a:5052)"),
            ("http://a:5052", NO_HTTP, "write https:// in its url (http://a:5052)"),
            ("http://a:5052", "answered 400", "write https:// in its url"),
            ("http://a:5052", "broke off: connection closed", "write https:// in its url"),
            ("https://a:5052", "broke off: connection closed", "must be a beacon node's HTTP API"),
            ("http://a:5052", "did not answer in time", "firewall"),
            ("http://a:5052", "answered 401", "token_file"),
            ("http://a:8551", "answered 404", "not an execution client's"),
            ("http://a:5052", "its network is not known yet", "genesis nor its spec"),
        ] {
            let cure = unspoken(&SafeUrl::parse(url).expect("a URL").0, why);
            assert!(cure.contains(wanted), "{url}, {why}: {cure}");
        }
    }
}
