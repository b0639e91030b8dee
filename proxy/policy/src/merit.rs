//! Is an answer usable, and how good is it.
//!
//! A node's answer is judged by its status, its media type and either its whole body or its first bytes, always
//! against the row of the operation. Nodes disagree in how they say no: an optimistic head is 503 here and 500 there,
//! a missing validator 404 here and 400 there, and a web server in front of a dead node says 200 with a page. So only
//! what could be true of *every* node is definite ([`Verdict::Final`], and the race still wants a second one to say
//! it); everything else is this node's own trouble and the next one is asked.
//!
//! What is read is bounded by what the driver gives. Nothing is re-written: a usable answer goes on as it came.

mod body;
mod known;
mod reason;
mod shape;

#[cfg(test)]
mod tests;

use std::fmt;

use crate::capability;
use crate::catalogue::{Row, Strategy, UNLISTED_READ};
use crate::race::{Score, Verdict};

pub use known::{is_known, is_not_now};
pub use reason::REASON_CHARS;

/// What came back from one node.
#[derive(Clone, Copy, Debug)]
pub struct Observed<'a> {
    /// The status.
    pub status: u16,
    /// The answer's Content-Type, as it came.
    pub content_type: Option<&'a str>,
    /// The answer's Eth-Execution-Optimistic header, as it came.
    pub optimistic: Option<&'a str>,
    /// The request's Accept header: SSZ is usable only for a caller who asked for it.
    pub accept: Option<&'a str>,
    /// What its other headers say.
    pub eth: EthHeaders<'a>,
    /// As much of the body as was read.
    pub body: Body<'a>,
}

/// The `Eth-` headers of an answer that rules read, as they came; absent if not text.
#[derive(Clone, Copy, Debug, Default)]
pub struct EthHeaders<'a> {
    /// `Eth-Consensus-Version`.
    pub consensus_version: Option<&'a str>,
    /// `Eth-Execution-Payload-Blinded`.
    pub payload_blinded: Option<&'a str>,
    /// `Eth-Execution-Payload-Value`, in Wei.
    pub payload_value: Option<&'a str>,
    /// `Eth-Consensus-Block-Value`, in Wei.
    pub block_value: Option<&'a str>,
}

/// As much of a body as was read.
#[derive(Clone, Copy, Debug)]
pub enum Body<'a> {
    /// The request was a HEAD: there is none, whatever the headers say.
    Absent,
    /// The first bytes, at least one unless the body is empty; the rest streams.
    Opening(&'a [u8]),
    /// All of it.
    Whole(&'a [u8]),
}

/// What an answer is, before it is worth something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Finding {
    /// It can be given to the caller.
    Usable(Score),
    /// A refusal that may be true whichever node is asked.
    Definite(u16),
    /// It cannot be used.
    Faulty(Fault),
}

/// Why an answer cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// A success whose body is cut off or not what it says.
    Broken,
    /// A success without a body.
    Empty,
    /// A success whose body is an error.
    ErrorBody,
    /// A success in a form that the caller cannot read, or that no beacon node speaks.
    MediaType,
    /// The head is not verified by an execution client.
    Optimistic,
    /// 3xx; never followed.
    Redirect,
    /// SSZ of a length that it cannot have.
    Size,
    /// The status says it.
    Status,
}

/// The score of a read that no other answer could better: the race need not wait for one. Optimistic ones are below.
pub const ENOUGH: Score = Score([1, 0, 0, 0]);

/// Operations whose SSZ answer has one length on every network, in bytes: a wrong one would be signed blindly.
const SSZ_BYTES: [(&str, usize); 3] =
    [("attestation_data", 128), ("payload_attestation_data", 42), ("payload_attestation_data_by_slot", 42)];

impl<'a> Body<'a> {
    /// What was read.
    #[must_use]
    pub fn bytes(self) -> &'a [u8] {
        match self {
            Self::Absent => &[],
            Self::Opening(bytes) | Self::Whole(bytes) => bytes,
        }
    }
}

/// What an answer is worth, and why: the status and the node's own words, else ours, in at most [`REASON_CHARS`].
#[must_use]
pub fn judge(row: &Row, observed: &Observed<'_>) -> (Verdict, String) {
    let finding = examine(row, observed);
    let verdict = match finding {
        Finding::Usable(score) => Verdict::good(score),
        Finding::Definite(status) => Verdict::Final { status },
        Finding::Faulty(_) => Verdict::Bad,
    };
    (verdict, reason::words(finding, observed))
}

fn examine(row: &Row, observed: &Observed<'_>) -> Finding {
    match observed.status {
        200..=299 => success(row, observed),
        300..=399 => Finding::Faulty(Fault::Redirect),
        // Sent once and never again, so whatever the node says is the answer.
        400..=599 if row.strategy == Strategy::Once => Finding::Usable(ENOUGH),
        // It came there by gossip before our request did.
        400..=599 if row.strategy == Strategy::Broadcast && known::says_known(observed.body.bytes()) => {
            Finding::Usable(Score([2, 0, 0, 0]))
        }
        // It lacks the route, not the thing that was asked for: its own trouble.
        404 if capability::says_no_route(observed.body.bytes()) => Finding::Faulty(Fault::Status),
        status if row.definite.contains(&status) => Finding::Definite(status),
        _ => Finding::Faulty(Fault::Status),
    }
}

fn success(row: &Row, observed: &Observed<'_>) -> Finding {
    match row.strategy {
        Strategy::Broadcast => published(observed),
        Strategy::Once => Finding::Usable(ENOUGH),
        _ if !row.success.contains(&observed.status) => Finding::Faulty(Fault::Status),
        // What an unlisted read answers is not known, so nothing about it can be wrong.
        _ if row.id == UNLISTED_READ.id => Finding::Usable(ENOUGH),
        // "There is no block in this slot" is what older builds say with 404; a second node is asked as for a 404.
        _ if observed.status == 204 => Finding::Definite(404),
        _ => read(row, observed).map_or_else(Finding::Faulty, Finding::Usable),
    }
}

/// A publication: its status counts, unless a web server that is no beacon node wrote it.
fn published(observed: &Observed<'_>) -> Finding {
    if is_media(observed.content_type, "text/html") {
        return Finding::Faulty(Fault::MediaType);
    }
    let bytes = observed.body.bytes();
    match bytes.trim_ascii_start().first() {
        Some(b'<') => return Finding::Faulty(Fault::MediaType),
        Some(b'{') if body::says_failure(bytes) => return Finding::Faulty(Fault::ErrorBody),
        _ => {}
    }
    let rank = match observed.status {
        200 => 3,
        // It has this block from elsewhere, which is more than to have sent it on.
        202 if known::says_known(bytes) => 2,
        // Sent on, but not imported by this node.
        202 => 1,
        _ => 2,
    };
    Finding::Usable(Score([rank, 0, 0, 0]))
}

/// A read: the body must be what the operation promises, as far as it was read.
fn read(row: &Row, observed: &Observed<'_>) -> Result<Score, Fault> {
    if is_media(observed.content_type, "text/html") || is_media(observed.content_type, "text/event-stream") {
        return Err(Fault::MediaType);
    }
    // A missing or unknown media type is taken for JSON, as most validator clients do; the body decides.
    let is_ssz = is_ssz(observed.content_type);
    if is_ssz && !accepts_ssz(observed.accept) {
        return Err(Fault::MediaType);
    }
    let told = match observed.body {
        Body::Absent => None,
        Body::Opening([]) | Body::Whole([]) => return Err(Fault::Empty),
        Body::Whole(bytes) if is_ssz => {
            let wanted = SSZ_BYTES.iter().find(|(operation, _)| *operation == row.operation);
            if wanted.is_some_and(|(_, length)| *length != bytes.len()) {
                return Err(Fault::Size);
            }
            if !shape::fits_ssz(row.operation, bytes) {
                return Err(Fault::Broken);
            }
            None
        }
        Body::Opening(_) if is_ssz => None,
        Body::Opening(bytes) => body::opening(bytes)?,
        Body::Whole(bytes) => {
            let (told, data) = body::whole(bytes)?;
            if !shape::fits(row.operation, data) {
                return Err(Fault::Broken);
            }
            told
        }
    };
    let is_optimistic =
        told.or_else(|| observed.optimistic.map(|value| value.eq_ignore_ascii_case("true"))).unwrap_or(false);
    match (is_optimistic, row.optimistic_is_bad) {
        (true, true) => Err(Fault::Optimistic),
        (true, false) => Ok(Score::default()),
        (false, _) => Ok(ENOUGH),
    }
}

/// Whether a Content-Type is this media type, whatever its parameters.
pub(crate) fn is_media(content_type: Option<&str>, media: &str) -> bool {
    let essence = content_type.and_then(|value| value.split(';').next());
    essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case(media))
}

/// Whether a caller takes an answer in SSZ and in no other form.
#[must_use]
pub fn wants_ssz_alone(accept: Option<&str>) -> bool {
    accepts_ssz(accept) && !accept.is_some_and(|accept| accept.contains("json") || accept.contains("*/*"))
}

/// Whether a Content-Type is SSZ.
#[must_use]
pub fn is_ssz(content_type: Option<&str>) -> bool {
    is_media(content_type, "application/octet-stream")
}

/// Whether a caller asked for SSZ. One that takes anything has not: it expects the API's default, JSON.
#[must_use]
pub fn accepts_ssz(accept: Option<&str>) -> bool {
    accept.is_some_and(|accept| {
        accept.split(',').any(|range| {
            let mut parts = range.split(';').map(str::trim);
            let is_ssz = parts.next().is_some_and(|media| media.eq_ignore_ascii_case("application/octet-stream"));
            // A quality of 0 is a refusal.
            let is_zero = |quality: &str| quality.bytes().all(|byte| matches!(byte, b'0' | b'.'));
            is_ssz && !parts.any(|part| part.strip_prefix("q=").is_some_and(is_zero))
        })
    })
}

/// The words of a reason; follows "HTTP 200".
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Broken => "with a body that is cut off or is no Beacon API answer",
            Self::Empty => "with an empty body",
            Self::ErrorBody => "with an error as its body",
            Self::MediaType => "in a form that was not asked for",
            Self::Optimistic => "with a head that no execution client has verified",
            Self::Redirect => "(a redirect; never followed)",
            Self::Size => "with SSZ of a wrong length",
            Self::Status => "(no answer to this request)",
        })
    }
}
