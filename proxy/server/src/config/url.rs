//! A node's base URL without anything secret in it.
//!
//! `http://user:password@host:5052/prefix/` is what people write. The user part leaves the URL when it is read and
//! becomes a ready `Authorization` value; what stays can be printed anywhere, because there is nothing left to hide.
//! Two spellings of one address compare equal: scheme and host are lower case, the scheme's own port is dropped, the
//! path prefix has no empty segments and no slash at its end. Names are not resolved: `localhost` and `127.0.0.1`
//! stay two. A query or a fragment is refused, since neither could survive the path of an operation put behind it.
//! Providers put keys into paths (`https://rpc.example/3f9a…`), so a path segment of 16 characters or more is printed
//! as `***`; a token file is the better home for a key all the same.

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::Uri;
use http::uri::{Authority, InvalidUri, Scheme};

use super::secret::{MASK, Secret};

/// A path segment this long may be a key, and is not shown. Ordinary prefixes (`lighthouse`, `beacon`) are shorter.
const KEY_LENGTH: usize = 16;

/// A base URL: scheme, authority, path prefix.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SafeUrl {
    scheme: Scheme,
    authority: Authority,
    prefix: Box<str>,
}

impl SafeUrl {
    /// Reads a URL; the second part is the `Authorization` value made from its user part, if it has one.
    ///
    /// # Errors
    ///
    /// What is wrong and what cures it, without a word of the URL's user part.
    pub fn parse(text: &str) -> Result<(Self, Option<Secret>), String> {
        if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err("a URL has no spaces or line breaks in it; remove them".into());
        }
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => (Scheme::HTTP, rest),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => (Scheme::HTTPS, rest),
            Some(_) => return Err("only http:// and https:// are spoken to a beacon node; write one of them".into()),
            None => return Err("the scheme is missing; write http://HOST:PORT or https://HOST:PORT".into()),
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let (user, host) = match authority.rsplit_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, authority),
        };
        if path.contains(['?', '#']) {
            return Err("a base URL has no query and no fragment; remove everything from the ? or # on".into());
        }
        let url = Self { authority: authority_of(&scheme, host)?, prefix: prefix_of(path)?, scheme };
        Ok((url, user.map(basic).transpose()?))
    }

    /// The scheme, `http` or `https`.
    #[must_use]
    pub fn scheme(&self) -> &Scheme {
        &self.scheme
    }

    /// Whether the node is spoken to over TLS.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.scheme == Scheme::HTTPS
    }

    /// Host and port, never a user part; without the port when it is the scheme's own.
    #[must_use]
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// The path that stands before every operation's: empty, or `/a/b` without a slash at its end.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The port to connect to.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.authority.port_u16().unwrap_or(if self.is_https() { 443 } else { 80 })
    }

    /// The URL of one request: `path_and_query` begins with a slash and is put behind the prefix untouched.
    ///
    /// # Errors
    ///
    /// The target as it came from a caller may be no valid URI.
    pub fn join(&self, path_and_query: &str) -> Result<Uri, http::Error> {
        Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query(format!("{}{path_and_query}", self.prefix))
            .build()
    }
}

impl fmt::Display for SafeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme, self.authority, keyless(&self.prefix))
    }
}

impl fmt::Debug for SafeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A URL as it was typed, without its secrets: for pages that show what was typed, valid or not.
#[must_use]
pub fn masked(text: &str) -> String {
    let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
    let scheme = if scheme.is_empty() { String::new() } else { format!("{scheme}://") };
    let (user, rest) = match rest.rsplit_once('@') {
        Some((_, rest)) => (format!("{MASK}@"), rest),
        None => (String::new(), rest),
    };
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    format!("{scheme}{user}{host}{}", keyless(path))
}

fn keyless(path: &str) -> String {
    let shown = |segment| if str::len(segment) < KEY_LENGTH { segment } else { MASK };
    path.split('/').map(shown).collect::<Vec<_>>().join("/")
}

fn authority_of(scheme: &Scheme, host: &str) -> Result<Authority, String> {
    let bad =
        |_: InvalidUri| "host or port cannot be read; write HOST:PORT, and an IPv6 address in brackets".to_owned();
    let host = host.to_ascii_lowercase();
    let parsed: Authority = host.parse().map_err(bad)?;
    if parsed.host().is_empty() {
        return Err("the host is missing; write http://HOST:PORT".into());
    }
    let Some(port) = host.strip_prefix(parsed.host()) else {
        return Err("host or port cannot be read; write HOST:PORT".into());
    };
    match port.strip_prefix(':').map(str::parse::<u16>) {
        None if port.is_empty() => Ok(parsed),
        Some(Ok(0)) | Some(Err(_)) | None => Err("the port is not a number from 1 to 65535; correct it".into()),
        Some(Ok(port)) if port == if *scheme == Scheme::HTTPS { 443 } else { 80 } => parsed.host().parse().map_err(bad),
        Some(Ok(port)) => format!("{}:{port}", parsed.host()).parse().map_err(bad),
    }
}

fn prefix_of(path: &str) -> Result<Box<str>, String> {
    let mut prefix = String::new();
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        if matches!(segment, "." | "..") {
            return Err("a path prefix with . or .. in it is not kept; write the path it leads to".into());
        }
        prefix.push('/');
        prefix.push_str(segment);
    }
    // RFC 3986 `pchar`; http's own parser lets more pass than nodes and proxies in between do.
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@%".contains(&byte);
    if prefix.bytes().all(plain) {
        Ok(prefix.into())
    } else {
        Err("the path prefix has characters that must be percent-encoded; encode them".into())
    }
}

fn basic(user: &str) -> Result<Secret, String> {
    let bad = || "the user part (before the @) has a % that begins no percent-encoding; write it as %25".to_owned();
    let mut bytes = Vec::with_capacity(user.len());
    let mut rest = user.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
        let (Some(high), Some(low)) = (digit(rest.next()), digit(rest.next())) else { return Err(bad()) };
        bytes.push(u8::try_from(high * 16 + low).map_err(|_| bad())?);
    }
    if bytes.iter().all(|byte| *byte == b':') {
        return Err("the user part (before the @) is empty; write user:password@ or remove it".into());
    }
    if !bytes.contains(&b':') {
        bytes.push(b':');
    }
    Ok(Secret::new(&format!("Basic {}", BASE64_STANDARD.encode(bytes))))
}

#[cfg(test)]
mod tests;
