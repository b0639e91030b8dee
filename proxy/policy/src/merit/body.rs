//! Reading just enough of a JSON body to trust it.
//!
//! Small answers come whole and are parsed to their end, since a truncated one must go to the next node; only the
//! envelope's own keys are kept. Large answers are judged by their first bytes: the first key of the envelope tells an
//! error from an answer, and the optimistic flag counts where it stands in those bytes. A flag that comes later than
//! the bytes we have is not seen; the tier of the node is what keeps such answers last.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::Fault;

/// The envelope of a Beacon API answer, and of its errors.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    execution_optimistic: Option<&'a RawValue>,
    #[serde(borrow, alias = "statusCode")]
    code: Option<&'a RawValue>,
    error: Option<IgnoredAny>,
    failures: Option<Vec<IgnoredAny>>,
}

/// Keys with which errors begin and answers never do.
const ERROR_KEYS: [&str; 9] =
    ["code", "detail", "error", "errors", "failures", "message", "stacktraces", "status", "statusCode"];

/// A whole answer: the optimistic flag, if it has one, and the `data`.
pub(super) fn whole(bytes: &[u8]) -> Result<(Option<bool>, &RawValue), Fault> {
    // A struct would also be read from an array, by position.
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return Err(Fault::Broken);
    }
    let envelope: Envelope<'_> = serde_json::from_slice(bytes).map_err(|_| Fault::Broken)?;
    match envelope {
        Envelope { data: Some(data), execution_optimistic, .. } => {
            Ok((execution_optimistic.map(|flag| is_true(flag.get())), data))
        }
        Envelope { code: None, error: None, failures: None, .. } => Err(Fault::Broken),
        _ => Err(Fault::ErrorBody),
    }
}

/// The first bytes of an answer: the optimistic flag, if it is among them.
pub(super) fn opening(bytes: &[u8]) -> Result<Option<bool>, Fault> {
    let bytes = bytes.trim_ascii_start();
    let rest = match bytes.split_first() {
        Some((b'[', _)) => return Ok(None),
        Some((b'{', rest)) => rest.trim_ascii_start(),
        Some(_) => return Err(Fault::MediaType),
        None => return Ok(None),
    };
    match rest.split_first() {
        Some((b'"', rest)) => {
            let key = rest.split(|byte| *byte == b'"').next().unwrap_or_default();
            if key.len() < rest.len() && ERROR_KEYS.iter().any(|error| error.as_bytes() == key) {
                return Err(Fault::ErrorBody);
            }
        }
        // `{}` and things that are not JSON.
        Some(_) => return Err(Fault::Broken),
        None => return Ok(None),
    }
    Ok(flag(bytes))
}

/// Whether a publication's success carries a failure: an error code that is no success, or items that failed.
pub(super) fn says_failure(bytes: &[u8]) -> bool {
    let Ok(envelope) = serde_json::from_slice::<Envelope<'_>>(bytes) else { return false };
    let code = envelope.code.map(|code| code.get().trim_matches('"'));
    // Lighthouse says "duplicate block" as an error body whose code is 202.
    let is_bad_code = code.is_some_and(|code| code.parse::<u16>().map_or(true, |code| !(200..300).contains(&code)));
    is_bad_code || envelope.error.is_some() || envelope.failures.is_some_and(|failures| !failures.is_empty())
}

/// The optimistic flag, where it is spelt out in these bytes.
fn flag(bytes: &[u8]) -> Option<bool> {
    const KEY: &[u8] = b"\"execution_optimistic\"";
    // Not byte by byte: the first piece of a large answer has 64 KiB.
    let at = memchr::memmem::find(bytes, KEY)?;
    let value = bytes[at + KEY.len()..].trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
    Some(value.starts_with(b"true") || value.starts_with(b"\"true\""))
}

fn is_true(value: &str) -> bool {
    matches!(value, "true" | "\"true\"")
}

/// What a node says in an error body.
#[derive(Deserialize)]
pub(super) struct Complaint<'a> {
    /// The message.
    #[serde(borrow)]
    pub(super) message: Option<Cow<'a, str>>,
    /// Items of a list that failed.
    #[serde(borrow, default)]
    pub(super) failures: Vec<Failure<'a>>,
}

/// One item that failed.
#[derive(Deserialize)]
pub(super) struct Failure<'a> {
    /// Why.
    #[serde(borrow)]
    pub(super) message: Option<Cow<'a, str>>,
}
