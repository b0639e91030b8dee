//! A node's refusal in the Beacon API's shape.
//!
//! Validator clients read refusals strictly: Lighthouse takes the status from the body's `code`, Prysm decodes into a
//! number, Teku reads a pool's 400 as a list of failures. Nodes write plain text (Prysm), string codes and indices
//! (Teku), or `statusCode` (Lodestar). What already has the shape goes on as it came; anything else keeps its words and
//! its list of failed items and gets the shape.

use serde::Serialize;
use serde_json::Value;

/// The longest message, in characters: some lines of a stack trace are of use, a page of a web server is not.
const MESSAGE_CHARS: usize = 1_000;

/// Where nodes write their words, best first.
const WORDS: [&str; 5] = ["message", "error", "detail", "title", "reason"];

#[derive(Serialize)]
struct Refusal {
    code: u16,
    message: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    failures: Vec<Failure>,
}

#[derive(Serialize)]
struct Failure {
    index: u64,
    message: String,
}

/// The body of a refusal with this status as the caller must see it; `None` if it may go on as it came.
#[must_use]
pub fn normal_refusal(status: u16, body: &[u8]) -> Option<String> {
    let said = serde_json::from_slice::<Value>(body).ok();
    let refusal = match &said {
        Some(said) if has_shape(status, said) => return None,
        Some(Value::Object(said)) => {
            let words = WORDS.iter().find_map(|key| said.get(*key)?.as_str());
            let items = said.get("failures").and_then(Value::as_array);
            let failures = items.into_iter().flatten().filter_map(failure).collect();
            Refusal { code: status, message: bounded(words.unwrap_or_default()), failures }
        }
        Some(Value::String(words)) => Refusal { code: status, message: bounded(words), failures: Vec::new() },
        Some(_) | None => {
            Refusal { code: status, message: bounded(&String::from_utf8_lossy(body)), failures: Vec::new() }
        }
    };
    serde_json::to_string(&refusal).ok()
}

fn has_shape(status: u16, said: &Value) -> bool {
    let item = |item: &Value| item["index"].is_u64() && item["message"].is_string();
    let failures = match said.get("failures") {
        Some(Value::Array(items)) => items.iter().all(item),
        Some(_) => false,
        None => true,
    };
    said["code"].as_u64() == Some(status.into()) && said["message"].is_string() && failures
}

/// An item that failed. One without an index names nothing.
fn failure(item: &Value) -> Option<Failure> {
    let index = &item["index"];
    let index = index.as_u64().or_else(|| index.as_str()?.parse().ok())?;
    Some(Failure { index, message: bounded(item["message"].as_str().unwrap_or_default()) })
}

/// At most so much of a node's words; something in any case.
pub(super) fn bounded(words: &str) -> String {
    match words.trim() {
        "" => "the node gave no reason".to_owned(),
        words => words.chars().take(MESSAGE_CHARS).collect(),
    }
}
