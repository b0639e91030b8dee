//! Why an answer was not used, in one short line for evidence and refusals.
//!
//! The text comes from a node, maybe a friend's, and ends in logs, on a dashboard and in the validator client's log.
//! So it is bounded, and characters that steer a terminal or reorder a line become blanks.

use std::fmt::Write;

use super::body::Complaint;
use super::{Body, Fault, Finding, Observed, Row, examine};

/// The longest reason, in characters: one line, readable beside a node's name.
pub const REASON_CHARS: usize = 160;

/// No more of a body is read for a reason, in bytes; what is longer has no message worth reading whole.
const COMPLAINT_BYTES: usize = 64 << 10;

/// Why a node's answer is what [`judge`](super::judge) says: the status and the node's own words, else ours.
#[must_use]
pub fn reason(row: &Row, observed: &Observed<'_>) -> String {
    words(examine(row, observed), observed)
}

/// The same, of what was found already.
pub(super) fn words(finding: Finding, observed: &Observed<'_>) -> String {
    let mut text = format!("HTTP {}", observed.status);
    let has_a_say = match finding {
        // The usual case of every request: its body is not read a second time for words that nobody needs.
        Finding::Usable(_) => return text,
        Finding::Faulty(fault) => matches!(fault, Fault::ErrorBody | Fault::Status),
        Finding::Definite(_) => true,
    };
    match (finding, has_a_say.then(|| complaint(observed.body)).flatten()) {
        (_, Some(complaint)) => {
            text.push_str(": ");
            text.push_str(&complaint);
        }
        (Finding::Faulty(fault), None) => {
            write!(text, " {fault}").expect("a String takes all that is written to it");
        }
        (Finding::Definite(_) | Finding::Usable(_), None) => {}
    }
    bounded(&text)
}

/// The node's own words: the error's message, the first failed item, or the plain text of a body.
fn complaint(body: Body<'_>) -> Option<String> {
    let (Body::Opening(bytes) | Body::Whole(bytes)) = body else { return None };
    let bytes = &bytes[..bytes.len().min(COMPLAINT_BYTES)];
    let text = String::from_utf8_lossy(bytes);
    let words = match serde_json::from_str::<Complaint<'_>>(&text) {
        Ok(Complaint { message: None, failures }) if failures.is_empty() => text.into_owned(),
        Ok(Complaint { message, failures }) => {
            let mut words = message.unwrap_or_default().into_owned();
            if let Some(first) = failures.first() {
                let first = first.message.as_deref().unwrap_or("no message");
                write!(words, " ({} failed, the first: {first})", failures.len())
                    .expect("a String takes all that is written to it");
            }
            words
        }
        Err(_) => text.into_owned(),
    };
    let words = bounded(&words);
    (!words.is_empty()).then_some(words)
}

/// One line of at most [`REASON_CHARS`] characters without anything that steers a terminal.
fn bounded(text: &str) -> String {
    let mut line = String::new();
    let mut count = 0;
    for word in text.split(|character: char| character.is_whitespace() || steers(character)) {
        if word.is_empty() {
            continue;
        }
        let blank = (!line.is_empty()).then_some(' ');
        for character in blank.into_iter().chain(word.chars()) {
            if count == REASON_CHARS - 1 {
                line.push('…');
                return line;
            }
            line.push(character);
            count += 1;
        }
    }
    line
}

/// Control characters, and the invisible ones that reorder or hide what stands beside them.
fn steers(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}')
}
