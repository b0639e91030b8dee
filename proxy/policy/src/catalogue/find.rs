//! From a request line to its row.
//!
//! The raw path is what a node gets, so two readings of one path are an attack: what we take for a harmless read must
//! not be a key manager's path to the node behind us. A path is therefore refused when a router could read it in
//! another way than we do: dots as segments, empty segments, a trailing slash, path parameters (`;`), backslashes, and
//! percent-encoding of what needs none or could be a separator. No validator client writes any of these.
//!
//! Templates are split once; a lookup compares segments with the templates of equal length, last segment first, since
//! paths differ most at their ends. It allocates nothing.

use std::borrow::Cow;
use std::fmt;
use std::sync::LazyLock;

use super::{ADMIN, Method, Row, UNLISTED_READ, UNLISTED_WRITE, listed};

#[cfg(test)]
mod tests;

/// No template is longer; longer paths are unlisted without a look at them.
const MAX_SEGMENTS: usize = 9;

/// What a request line is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found<'p> {
    /// A path that must not be passed on: 400.
    BadPath(BadPath),
    /// A listed operation.
    Row(&'static Row, Params<'p>),
    /// A path that is not listed, and the row that stands for it.
    Unlisted {
        /// Which sort of unlisted path.
        kind: Unlisted,
        /// The row to go by.
        row: &'static Row,
    },
    /// A listed path with a method it does not have: 405.
    WrongMethod {
        /// The value of the Allow header.
        allow: &'static str,
    },
}

/// The sorts of unlisted paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unlisted {
    /// Administration, key management, debugging: 404, nothing is passed on.
    Admin,
    /// Anything else.
    Other,
}

/// Why a path is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum BadPath {
    /// A character outside of what paths of the Beacon API are made of.
    #[error("the path has a character that is not allowed there; write it in plain ASCII without `;`, `\\` or spaces")]
    Character,
    /// `.` or `..` as a segment.
    #[error("the path has `.` or `..` as a segment; write the path it means")]
    Dots,
    /// `//`.
    #[error("the path has an empty segment (`//`); remove one slash")]
    EmptySegment,
    /// A `%` that starts no valid or no sensible encoding.
    #[error(
        "the path has bad percent-encoding; only characters that need it may be encoded, never `/`, `.`, `%` or NUL"
    )]
    Encoding,
    /// It does not begin with a slash.
    #[error("the path does not begin with `/`")]
    NotAbsolute,
    /// It ends with a slash.
    #[error("the path ends with `/`; remove it")]
    TrailingSlash,
}

/// The parameters of a path: a template and the raw path that fits it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Params<'p> {
    template: &'static str,
    path: &'p str,
}

/// A row and its template, split.
struct Pattern {
    /// `None` stands for a parameter.
    segments: Vec<Option<&'static str>>,
    row: &'static Row,
}

/// The patterns by number of segments.
static PATTERNS: LazyLock<[Vec<Pattern>; MAX_SEGMENTS + 1]> = LazyLock::new(|| {
    let mut patterns: [Vec<Pattern>; MAX_SEGMENTS + 1] = Default::default();
    for row in listed() {
        let segments: Vec<_> =
            row.path[1..].split('/').map(|segment| (!segment.starts_with('{')).then_some(segment)).collect();
        patterns[segments.len()].push(Pattern { segments, row });
    }
    patterns
});

/// Finds the row for a request line. `path` is the raw path, still encoded, without the query.
#[must_use]
pub fn find<'p>(method: &str, path: &'p str) -> Found<'p> {
    if let Err(reason) = check(path) {
        return Found::BadPath(reason);
    }
    let mut segments = [""; MAX_SEGMENTS];
    let mut count = 0;
    let mut rest = &path[1..];
    loop {
        // Segments are so short that a search made for long texts takes longer to begin than to end.
        let end = rest.bytes().position(|byte| byte == b'/');
        if let Some(place) = segments.get_mut(count) {
            *place = &rest[..end.unwrap_or(rest.len())];
        }
        count += 1;
        match end {
            Some(end) => rest = &rest[end + 1..],
            None => break,
        }
    }
    let listed = PATTERNS.get(count).map_or(&[][..], Vec::as_slice);
    let segments = &segments[..count.min(MAX_SEGMENTS)];
    let (mut get, mut post) = (false, false);
    for pattern in listed.iter().filter(|pattern| pattern.fits(segments)) {
        match (pattern.row.method, method) {
            (Method::Get, "GET" | "HEAD") | (Method::Post, "POST") | (Method::Any, _) => {
                return Found::Row(pattern.row, Params { template: pattern.row.path, path });
            }
            (Method::Get, _) => get = true,
            (Method::Post, _) => post = true,
        }
    }
    match (get, post) {
        (true, true) => Found::WrongMethod { allow: "GET, HEAD, POST" },
        (true, false) => Found::WrongMethod { allow: "GET, HEAD" },
        (false, true) => Found::WrongMethod { allow: "POST" },
        (false, false) => unlisted(method, segments),
    }
}

/// The row that stands for a path without one.
fn unlisted(method: &str, segments: &[&str]) -> Found<'static> {
    if is_admin(segments) {
        return Found::Unlisted { kind: Unlisted::Admin, row: &ADMIN };
    }
    match method {
        "GET" | "HEAD" => Found::Unlisted { kind: Unlisted::Other, row: &UNLISTED_READ },
        "DELETE" | "PATCH" | "POST" | "PUT" => Found::Unlisted { kind: Unlisted::Other, row: &UNLISTED_WRITE },
        // What else there is (OPTIONS, TRACE, CONNECT, inventions) means something to proxies, not to a beacon node.
        _ => Found::WrongMethod { allow: "GET, HEAD, POST, PUT, PATCH, DELETE" },
    }
}

/// Whether a path belongs to a node's or key manager's administration, or to debugging. Letters' case is ignored: some
/// routers do so.
fn is_admin(segments: &[&str]) -> bool {
    const FAMILIES: [&str; 7] = ["lighthouse", "prysm", "teku", "nimbus", "lodestar", "grandine", "metrics"];
    const SECTIONS: [&str; 4] = ["keystores", "remotekeys", "lodestar", "debug"];
    const KEY_SETTINGS: [&str; 4] = ["feerecipient", "gas_limit", "graffiti", "voluntary_exit"];
    let is = |segment: &str, names: &[&str]| names.iter().any(|name| segment.eq_ignore_ascii_case(name));
    match segments {
        [first, ..] if is(first, &FAMILIES) => true,
        [first, _, section, ..] if is(first, &["eth"]) && is(section, &SECTIONS) => true,
        [first, _, section, _, setting] if is(first, &["eth"]) && is(section, &["validator"]) => {
            is(setting, &KEY_SETTINGS)
        }
        _ => false,
    }
}

/// Refuses every path that could be read in two ways.
fn check(path: &str) -> Result<(), BadPath> {
    let Some(rest) = path.strip_prefix('/') else { return Err(BadPath::NotAbsolute) };
    if rest.is_empty() {
        return Ok(());
    }
    if !rest.is_ascii() {
        return Err(BadPath::Character);
    }
    let mut bytes = rest.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => check_encoded(bytes.next(), bytes.next())?,
            b'/' => {}
            _ if is_unreserved(byte) || b"!$&'()*+,:=@".contains(&byte) => {}
            _ => return Err(BadPath::Character),
        }
    }
    let bytes = rest.as_bytes();
    if bytes.starts_with(b"/") || bytes.windows(2).any(|pair| pair == b"//") {
        return Err(BadPath::EmptySegment);
    }
    if bytes.split(|byte| *byte == b'/').any(|segment| matches!(segment, b"." | b"..")) {
        return Err(BadPath::Dots);
    }
    if rest.ends_with('/') {
        return Err(BadPath::TrailingSlash);
    }
    Ok(())
}

/// Encoded is what needs to be: printable, not unreserved, and nothing that separates.
fn check_encoded(high: Option<u8>, low: Option<u8>) -> Result<(), BadPath> {
    match decoded(high, low) {
        Some(byte) if byte.is_ascii_graphic() && !is_unreserved(byte) && !b"/\\%;?#".contains(&byte) => Ok(()),
        _ => Err(BadPath::Encoding),
    }
}

fn decoded(high: Option<u8>, low: Option<u8>) -> Option<u8> {
    let digit = |digit: Option<u8>| char::from(digit?).to_digit(16);
    u8::try_from(digit(high)? << 4 | digit(low)?).ok()
}

/// RFC 3986: characters that mean the same encoded and plain.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

// === impl Pattern, Params ===

impl Pattern {
    fn fits(&self, segments: &[&str]) -> bool {
        self.segments.iter().zip(segments).rev().all(|(literal, segment)| literal.is_none_or(|it| it == *segment))
    }
}

impl<'p> Params<'p> {
    /// A parameter by its name in the template, decoded.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<Cow<'p, str>> {
        self.iter().find(|(known, _)| *known == name).map(|(_, raw)| plain(raw))
    }

    /// Names and raw values, in the order of the path.
    fn iter(&self) -> impl Iterator<Item = (&'static str, &'p str)> {
        self.template.split('/').zip(self.path.split('/')).filter_map(|(segment, raw)| {
            let name = segment.strip_prefix('{')?.strip_suffix('}')?;
            Some((name, raw))
        })
    }
}

impl fmt::Debug for Params<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// Decodes a checked segment.
fn plain(raw: &str) -> Cow<'_, str> {
    if !raw.contains('%') {
        return Cow::Borrowed(raw);
    }
    let mut bytes = raw.bytes();
    let mut plain = String::with_capacity(raw.len());
    while let Some(byte) = bytes.next() {
        let byte = if byte == b'%' { decoded(bytes.next(), bytes.next()).unwrap_or(b'%') } else { byte };
        plain.push(char::from(byte));
    }
    Cow::Owned(plain)
}
