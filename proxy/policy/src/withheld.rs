//! Items of a publication that the guard withholds, and the one answer about all of them.
//!
//! The caller sent a list; the nodes get the rest of it. What they say of the rest counts places in the rest, and must
//! come back in the caller's own: a validator client that is told a wrong index drops a good message and believes that a
//! bad one is out. An item is either with a node or named as failed, never both and never neither.

use serde::Deserialize;
use serde_json::Value;

/// The longest reason of a node that is passed on, in characters.
const REASON_CHARS: usize = 1_000;

/// An item that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Its place in the caller's list.
    pub index: usize,
    /// Why.
    pub message: String,
}

/// The answer to the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The status.
    pub status: u16,
    /// What happened in all.
    pub message: String,
    /// What happened to which item.
    pub failures: Vec<Failure>,
}

/// What was taken out of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withheld {
    items: usize,
    failures: Vec<Failure>,
}

/// A refusal, as far as it is read.
#[derive(Deserialize)]
struct Refused {
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    failures: Vec<Value>,
}

impl Withheld {
    /// These of so many items; each at most once.
    #[must_use]
    pub fn new(items: usize, mut failures: Vec<Failure>) -> Self {
        failures.sort_by_key(|failure| failure.index);
        failures.dedup_by_key(|failure| failure.index);
        Self { items, failures }
    }

    /// Whether nothing is left to be sent.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.failures.len() >= self.items
    }

    /// How many are withheld.
    #[must_use]
    pub fn count(&self) -> usize {
        self.failures.len()
    }

    /// Their places, in order.
    #[must_use]
    pub fn places(&self) -> Vec<usize> {
        self.failures.iter().map(|failure| failure.index).collect()
    }

    /// The answer when nothing is left.
    #[must_use]
    pub fn alone(&self) -> Told {
        Told { status: 400, message: self.words(), failures: self.failures.clone() }
    }

    /// The answer when this was said of the rest: a status, and the body of a refusal.
    #[must_use]
    pub fn beside(&self, status: u16, body: &[u8]) -> Told {
        if (200..300).contains(&status) {
            return self.alone();
        }
        let said = serde_json::from_slice::<Refused>(body).ok();
        let words = said.as_ref().and_then(|said| said.message.as_deref()).unwrap_or("no reason was given");
        let words: String = words.chars().take(REASON_CHARS).collect();
        let sent: Vec<usize> = {
            let places = self.places();
            (0..self.items).filter(|place| places.binary_search(place).is_err()).collect()
        };
        let theirs = said.iter().flat_map(|said| &said.failures).filter_map(|item| failure(item, &sent));
        let mut failures: Vec<Failure> = theirs.collect();
        if failures.is_empty() {
            // What is not named has not failed alone: nothing of the rest is known to be taken.
            failures = sent.iter().map(|index| Failure { index: *index, message: words.clone() }).collect();
        }
        failures.extend(self.failures.iter().cloned());
        let message = format!("{words}; {}", self.words());
        Told { status, message, failures: Self::new(self.items, failures).failures }
    }

    fn words(&self) -> String {
        format!("the slashing guard withheld {} of {}", self.failures.len(), self.items)
    }
}

/// A failed item of the rest, at its place in the whole. One with a place that nobody sent names nothing.
fn failure(item: &Value, sent: &[usize]) -> Option<Failure> {
    let index = &item["index"];
    let index = index.as_u64().or_else(|| index.as_str()?.parse().ok())?;
    let index = *sent.get(usize::try_from(index).ok()?)?;
    let message = item["message"].as_str().unwrap_or("no reason was given");
    Some(Failure { index, message: message.chars().take(REASON_CHARS).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn withheld(items: usize, places: &[usize]) -> Withheld {
        let failure = |index: &usize| Failure { index: *index, message: "double".to_owned() };
        Withheld::new(items, places.iter().map(failure).collect())
    }

    #[test]
    fn what_the_caller_is_told() {
        let listed = br#"{"code":400,"message":"some failed","failures":[{"index":0,"message":"late"},{"index":"2","message":"early"}]}"#;
        for (name, status, body, wanted_status, wanted) in [
            ("the rest was taken", 200, &b""[..], 400, vec![(1, "double"), (3, "double")]),
            ("some of the rest failed", 400, listed, 400, vec![(0, "late"), (1, "double"), (3, "double"), (4, "early")]),
            (
                "all of the rest failed",
                400,
                br#"{"code":400,"message":"bad"}"#,
                400,
                vec![(0, "bad"), (1, "double"), (2, "bad"), (3, "double"), (4, "bad")],
            ),
            (
                "no node took the rest",
                503,
                br#"{"code":503,"message":"nobody"}"#,
                503,
                vec![(0, "nobody"), (1, "double"), (2, "nobody"), (3, "double"), (4, "nobody")],
            ),
            (
                "places that nobody sent name nothing",
                400,
                br#"{"code":400,"message":"x","failures":[{"index":3,"message":"?"},{"index":1,"message":"!"},{"message":"-"}]}"#,
                400,
                vec![(1, "double"), (2, "!"), (3, "double")],
            ),
            (
                "no JSON",
                502,
                b"<html>",
                502,
                vec![
                    (0, "no reason was given"),
                    (1, "double"),
                    (2, "no reason was given"),
                    (3, "double"),
                    (4, "no reason was given"),
                ],
            ),
        ] {
            let told = withheld(5, &[3, 1, 1]).beside(status, body);
            let failures: Vec<_> = told.failures.iter().map(|it| (it.index, it.message.as_str())).collect();
            assert_eq!((told.status, failures), (wanted_status, wanted), "{name}");
            assert!(told.message.ends_with("the slashing guard withheld 2 of 5"), "{name}: {}", told.message);
        }
    }

    #[test]
    fn nothing_is_left_when_all_are_withheld() {
        assert!(!withheld(2, &[1]).is_all());
        assert!(withheld(2, &[1, 0]).is_all());
        assert_eq!(withheld(2, &[1, 0]).alone().failures.len(), 2);
    }
}
