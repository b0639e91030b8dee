//! The Host rule: what a request may believe it is talking to.
//!
//! A web page of `evil.example` can let its name point to 127.0.0.1 once it is loaded. The browser then takes us for
//! the page's own server and lets the page read and write here (DNS rebinding). What it cannot change is the Host
//! header. So Host must be something that nobody on the internet can own: an address, `localhost`, a name without a
//! dot, a name under a domain that is kept for local use, this machine's own name, or one that the staker listed.
//!
//! A name without a dot is safe as long as no top-level domain has an address record of its own; browsers and
//! resolvers have not followed such names for years.
//!
//! A unix socket has no such problem (no browser can reach one), and its callers write all sorts of names there. Only
//! the form of the header is checked.

use std::net::{IpAddr, SocketAddr};

use http::header::HOST;
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, Version};

use super::Rules;
use crate::connection::Remote;
use crate::reply::Refusal;

/// Domains that nobody on the internet can own (RFC 6762, RFC 8375, RFC 6761, ICANN's reservation of `.internal`), and
/// `.lan`, which home routers use and ICANN keeps back.
const LOCAL_DOMAINS: [&str; 5] = [".local", ".internal", ".lan", ".home.arpa", ".localhost"];

/// Checks whom the request means to talk to.
pub(super) fn check(head: &Parts, remote: Remote, rules: &Rules) -> Result<(), Refusal> {
    let header = the_one_host(&head.headers)?;
    if let Some(named) = head.uri.authority() {
        check_name(named.as_str(), remote, rules)?;
    }
    match header {
        Some(named) => check_name(named, remote, rules),
        // HTTP/2 may say it in the target alone. Nobody who speaks HTTP/1.0 is a browser.
        None if head.uri.authority().is_some() || head.version == Version::HTTP_10 => Ok(()),
        None => Err(Refusal::bad_request("the request has no Host header, which HTTP/1.1 wants; send one")),
    }
}

fn the_one_host(headers: &HeaderMap) -> Result<Option<&str>, Refusal> {
    let mut hosts = headers.get_all(HOST).iter();
    let Some(host) = hosts.next() else { return Ok(None) };
    if hosts.next().is_some() {
        return Err(Refusal::bad_request("the request has more than one Host header; send one"));
    }
    match host.to_str() {
        Ok(host) => Ok(Some(host)),
        Err(_) => Err(malformed()),
    }
}

fn check_name(named: &str, remote: Remote, rules: &Rules) -> Result<(), Refusal> {
    // What nearly every VC writes, without a copy of it.
    if named.parse::<SocketAddr>().is_ok() {
        return Ok(());
    }
    let authority: Authority = named.parse().map_err(|_| malformed())?;
    if named.contains('@') {
        return Err(malformed());
    }
    let host = authority.host().to_ascii_lowercase();
    let host = host.strip_suffix('.').unwrap_or(&host);
    if host.is_empty() {
        return Err(malformed());
    }
    if remote == Remote::Unix || is_local(host) || is_listed(host, rules) {
        return Ok(());
    }
    let section = rules.section;
    Err(Refusal::new(
        http::StatusCode::FORBIDDEN,
        format!(
            "Host {host:?} is not known to be a name of this machine, and a web page may have made it one; if it is, \
             add it in {section}: hosts = [{host:?}]"
        ),
    ))
}

fn malformed() -> Refusal {
    Refusal::bad_request("the Host header is no host name or address with an optional port; send one")
}

fn is_local(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    bare.parse::<IpAddr>().is_ok() || !host.contains('.') || LOCAL_DOMAINS.iter().any(|domain| host.ends_with(domain))
}

fn is_listed(host: &str, rules: &Rules) -> bool {
    let mut names = rules.hosts.iter().map(AsRef::as_ref).chain(rules.host_name.as_deref());
    names.any(|name| name.strip_suffix('.').unwrap_or(name).eq_ignore_ascii_case(host))
}

/// This machine's own name, where the system tells it in a file (Linux). Elsewhere it must be listed in `hosts` if it
/// has a dot; without one it is allowed anyway.
pub(super) fn host_name() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    let name = name.trim();
    (!name.is_empty()).then(|| name.to_owned())
}
