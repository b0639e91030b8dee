//! The items of a list that was published, and what becomes of each.
//!
//! Nodes take the good items of a list and refuse the others one by one, so a list that every node refuses may be out
//! all the same: this item by one node, that item by another. The caller must be told of the items that nobody took,
//! with the places that they have in its own list, and of nothing else.
//!
//! Of one node and one item: taken (also when it is a duplicate), bad, or not judged. A node that refuses without naming
//! items has judged none of them; so has one whose names make no sense (no place, or a place beyond the list). Of all
//! nodes: one that took it is enough; else one that calls it bad counts; else nobody judged it.
//!
//! Bounds: [`MOST`] items; a longer list is not merged, its refusals are ranked like those of single messages. Of each
//! item one message is kept, from the node that spoke first and worst.

use serde::Serialize;
use serde_json::Value;

use super::refusal::bounded;
use crate::merit::{is_known, is_not_now};

#[cfg(test)]
mod tests;

/// The longest list that is merged. A VC of a hundred thousand keys sends some thousand votes in a slot.
pub const MOST: usize = 65_536;

/// What all nodes said so far.
#[derive(Clone, Debug)]
pub struct Items {
    items: Vec<Item>,
    left: usize,
    voices: Voices,
}

/// How often what was said of the list as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Voices {
    malformed: usize,
    listed: usize,
    nothing: usize,
}

/// What all nodes said of one item; what is worth more is later.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Item {
    NotJudged(Option<String>),
    Bad(String),
    Taken,
}

/// What one node says of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// It took every item.
    All,
    /// It took all but these, each with its place and the node's words.
    AllBut(Vec<(usize, String)>),
    /// It refuses the list as it is, with these words.
    Malformed(String),
    /// It judged nothing: it cannot now.
    Nothing,
}

/// What the caller is told when nobody took the whole list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The status.
    pub status: u16,
    /// The body, in the API's shape; that of a success is empty.
    pub body: String,
}

#[derive(Serialize)]
struct Body<'a> {
    code: u16,
    message: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    failures: Vec<Failure<'a>>,
}

#[derive(Serialize)]
struct Failure<'a> {
    index: usize,
    message: &'a str,
}

impl Said {
    /// Reads a refusal. One that lists items counts by its list, whatever its status: Prysm says it with 500.
    #[must_use]
    pub fn read(status: u16, body: &[u8], count: usize) -> Self {
        let said = serde_json::from_slice::<Value>(body).unwrap_or_default();
        let words = said["message"].as_str().map_or_else(|| String::from_utf8_lossy(body).into_owned(), str::to_owned);
        match said["failures"].as_array().filter(|failures| !failures.is_empty()) {
            Some(failures) => {
                let failures: Option<Vec<_>> = failures.iter().map(|failure| read_failure(failure, count)).collect();
                failures.map_or(Self::Nothing, Self::AllBut)
            }
            None if status == 400 => Self::Malformed(bounded(&words)),
            None => Self::Nothing,
        }
    }
}

/// One item that failed: its place, as a number or as Teku's string, and why.
fn read_failure(failure: &Value, count: usize) -> Option<(usize, String)> {
    let index = &failure["index"];
    let index = index.as_u64().or_else(|| index.as_str()?.parse().ok())?;
    let index = usize::try_from(index).ok().filter(|index| *index < count)?;
    Some((index, bounded(failure["message"].as_str().unwrap_or_default())))
}

impl Items {
    /// A list of so many; `None` if it is empty or too long to be merged.
    #[must_use]
    pub fn new(count: usize) -> Option<Self> {
        let items = vec![Item::NotJudged(None); Some(count).filter(|count| (1..=MOST).contains(count))?];
        Some(Self { left: items.len(), items, voices: Voices::default() })
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.items.len()
    }

    /// Whether every item was taken by some node.
    #[must_use]
    pub fn all_taken(&self) -> bool {
        self.left == 0
    }

    /// Adds what a node said.
    pub fn add(&mut self, said: Said) {
        match said {
            Said::All => {
                self.voices.listed += 1;
                (0..self.items.len()).for_each(|index| self.take(index));
            }
            Said::AllBut(mut failed) => {
                self.voices.listed += 1;
                failed.retain(|(_, message)| !is_known(message));
                failed.sort_by_key(|(index, _)| *index);
                let mut next = failed.iter().map(|(index, _)| *index).peekable();
                for index in 0..self.items.len() {
                    let mut listed = false;
                    while next.next_if_eq(&index).is_some() {
                        listed = true;
                    }
                    if !listed {
                        self.take(index);
                    }
                }
                for (index, message) in failed {
                    self.refuse(index, message);
                }
            }
            Said::Malformed(message) => {
                self.voices.malformed += 1;
                for item in self.items.iter_mut().filter(|item| **item == Item::NotJudged(None)) {
                    *item = Item::NotJudged(Some(message.clone()));
                }
            }
            Said::Nothing => self.voices.nothing += 1,
        }
    }

    fn take(&mut self, index: usize) {
        if let Some(item) = self.items.get_mut(index).filter(|item| **item != Item::Taken) {
            *item = Item::Taken;
            self.left -= 1;
        }
    }

    fn refuse(&mut self, index: usize, message: String) {
        let Some(item) = self.items.get_mut(index) else { return };
        match item {
            Item::NotJudged(None | Some(_)) if !is_not_now(&message) => *item = Item::Bad(message),
            Item::NotJudged(None) => *item = Item::NotJudged(Some(message)),
            Item::NotJudged(Some(_)) | Item::Bad(_) | Item::Taken => {}
        }
    }

    /// What the caller is told; `None` if nobody spoke of single items, nor all of the list. `silent`: somebody else was
    /// asked who has not judged the list, so that nobody knows whether it is malformed.
    #[must_use]
    pub fn told(&self, silent: bool) -> Option<Told> {
        if self.all_taken() {
            return Some(Told { status: 200, body: String::new() });
        }
        if self.items.iter().any(|item| !matches!(item, Item::NotJudged(_))) {
            let untaken = self.items.len() - self.items.iter().filter(|item| **item == Item::Taken).count();
            return self.failed(400, &format!("no node took {untaken} of {} items", self.items.len()));
        }
        let Voices { malformed, listed, nothing } = self.voices;
        let words = self.items.iter().find_map(|item| match item {
            Item::NotJudged(words) => words.as_deref(),
            Item::Bad(_) | Item::Taken => None,
        });
        match (malformed, listed, nothing) {
            (1.., 0, 0) if !silent => self.failed(400, words.unwrap_or_default()),
            // To a 400 a validator client believes that the items are wrong, and does not send them again.
            (_, 1.., _) => {
                told(500, &format!("no node could judge the items now: {}", words.unwrap_or_default()), vec![])
            }
            _ => None,
        }
    }

    fn failed(&self, status: u16, message: &str) -> Option<Told> {
        let failure = |(index, item)| match item {
            &Item::Taken => None,
            Item::Bad(message) | Item::NotJudged(Some(message)) => Some(Failure { index, message }),
            Item::NotJudged(None) => Some(Failure { index, message: "no node has judged it" }),
        };
        told(status, message, self.items.iter().enumerate().filter_map(failure).collect())
    }
}

fn told(status: u16, message: &str, failures: Vec<Failure<'_>>) -> Option<Told> {
    Some(Told { status, body: serde_json::to_string(&Body { code: status, message, failures }).ok()? })
}
