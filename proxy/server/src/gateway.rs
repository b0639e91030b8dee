//! Who is calling, and may he?
//!
//! In this order, because each step protects the next:
//!
//! 1. **Host** ([`host`]): a web page that rebound its own name to our address is stopped here.
//! 2. **Origin** ([`browser`]): a web page that calls our address directly is stopped here.
//! 3. **Token** ([`token`]): whoever must prove himself does it before he can take a seat.
//! 4. **Seat**: one of 1,024 requests in flight for each caller.
//!
//! A caller is an address and a User-Agent, never a source port: a VC that connects anew is the same caller. Two
//! programs of one machine that call themselves alike are one caller; nothing but the count of seats depends on it here.

mod browser;
mod host;
mod token;

use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use http::header::{AUTHORIZATION, HeaderValue, USER_AGENT};
use http::request::Parts;

use crate::config::{AdminConfig, ListenConfig, Secret};
use crate::connection::{Connection, Full, Remote, Seat, Seats};
use crate::limits::Limits;
use crate::reply::{Refusal, Reply};
pub use browser::Sharing;

/// The most characters of a User-Agent that become part of a caller's label.
const LONGEST_AGENT: usize = 64;

/// What one listener asks of its callers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// The configuration's section, as in `[listen]`; refusals name it.
    pub section: &'static str,
    /// Names besides the usual ones that a Host header may have.
    pub hosts: Vec<Arc<str>>,
    /// Web pages that may call, as `https://name:port`.
    pub origins: Vec<Arc<str>>,
    /// The token that must be shown, if one is wanted.
    pub token: Option<Secret>,
    /// This machine's own name, if it is known.
    pub host_name: Option<String>,
}

/// Whose calls a listener takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CallerKind {
    /// Someone at an own listener: the VC, or the staker himself.
    Own,
}

/// Who sends a request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Caller {
    /// What he is to us.
    pub kind: CallerKind,
    /// His address and what he calls himself, fit for logs and metrics' exemplars: printable ASCII, bounded.
    pub label: Arc<str>,
}

/// One listener's gateway.
#[derive(Debug)]
pub struct Gateway {
    rules: Rules,
    seats: Arc<Seats>,
    in_flight: usize,
}

/// What the gateway makes of a request.
#[derive(Debug)]
pub enum Admission {
    /// The request may go on.
    Granted {
        /// Who sends it.
        caller: Caller,
        /// To be kept until the reply is sent.
        seat: Seat,
        /// What the reply must say to the browser, if a web page asks.
        sharing: Option<Sharing>,
    },
    /// A browser asked beforehand whether a page may ask; this is the answer.
    Preflight(Reply),
}

// === impl Rules, Gateway ===

impl From<&ListenConfig> for Rules {
    fn from(listen: &ListenConfig) -> Self {
        Self {
            section: "[listen]",
            hosts: listen.hosts.clone(),
            origins: listen.origins.clone(),
            token: listen.token.clone(),
            host_name: host::host_name(),
        }
    }
}

impl From<&AdminConfig> for Rules {
    fn from(admin: &AdminConfig) -> Self {
        Self {
            section: "[admin]",
            hosts: admin.hosts.clone(),
            origins: admin.origins.clone(),
            token: admin.token.clone(),
            host_name: host::host_name(),
        }
    }
}

impl Gateway {
    /// A gateway with these rules.
    #[must_use]
    pub fn new(rules: Rules, limits: &Limits) -> Self {
        let seats = Arc::new(Seats::new(limits.in_flight, limits.callers));
        Self { rules, seats, in_flight: limits.in_flight }
    }

    /// The seats of its callers.
    #[must_use]
    pub fn seats(&self) -> &Arc<Seats> {
        &self.seats
    }

    /// Lets a request in or refuses it. What was meant for the gateway (the token) is taken out of its head.
    ///
    /// # Errors
    ///
    /// The refusal for the caller.
    pub fn admit(&self, head: &mut Parts, connection: &Connection) -> Result<Admission, Refusal> {
        host::check(head, connection.remote, &self.rules)?;
        let sharing = browser::check(&head.headers, &self.rules)?;
        if let Some(sharing) = &sharing
            && browser::is_preflight(head)
        {
            return Ok(Admission::Preflight(sharing.preflight(&head.headers)));
        }
        let shown = head.headers.remove(AUTHORIZATION);
        if let Some(token) = &self.rules.token
            && !token::is_shown(token, shown.as_ref())
        {
            return Err(Refusal::token_wanted());
        }
        let caller = Caller { kind: CallerKind::Own, label: label(connection.remote, &head.headers) };
        let seat = self.seats.take(&caller.label).map_err(|full| match full {
            Full::Caller => Refusal::too_many_in_flight(self.in_flight),
            Full::House => Refusal::unavailable("too many callers are being answered; ask again in a second")
                .retry_after(Duration::from_secs(1)),
        })?;
        Ok(Admission::Granted { caller, seat, sharing })
    }
}

/// The address, then the User-Agent as far as it is printable ASCII.
fn label(remote: Remote, headers: &HeaderMap) -> Arc<str> {
    let mut label = String::with_capacity(80);
    match remote {
        Remote::Network(address) => {
            let written = write!(label, "{}", IpAddr::to_canonical(&address));
            debug_assert!(written.is_ok(), "writing to a string does not fail");
        }
        Remote::Unix => label.push_str("unix"),
    }
    let agent = headers.get(USER_AGENT).map(HeaderValue::as_bytes).unwrap_or_default();
    if !agent.is_empty() {
        label.push(' ');
        label.extend(agent.iter().take(LONGEST_AGENT).map(|byte| match byte {
            b' '..=b'~' => char::from(*byte),
            _ => '?',
        }));
    }
    label.into()
}

#[cfg(test)]
mod tests;
