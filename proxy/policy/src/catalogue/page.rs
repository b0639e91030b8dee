//! The catalogue as it is shown: a page of the docs and the lines of `rangelight endpoints`.
//!
//! Both are generated from the rows, so they cannot disagree with what is done. A test compares the page in `docs/`
//! with this one.

use std::fmt::Write;

use serde::Serialize;

use super::{Hedge, Row, rows};

/// A row as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Item {
    /// Letter and number in the table of operations.
    pub id: &'static str,
    /// Its name.
    pub operation: &'static str,
    /// `GET`, `POST` or `ANY`.
    pub method: &'static str,
    /// The whole path template.
    pub path: &'static str,
    /// What is done with it now.
    pub strategy: &'static str,
    /// What a peer must have been granted; `none` = never for a peer.
    pub scope: &'static str,
    /// How long a caller waits for an answer to begin; `-` = no deadline.
    pub deadline: String,
    /// Whether it follows the view.
    pub view: bool,
    /// When a second node is asked while the first still works; `-` = never.
    pub hedge: String,
    /// Media types of requests and answers.
    pub media_types: MediaTypes,
    /// Whether nodes must be told again after a restart.
    pub standing: bool,
    /// The operation that replaced it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub successor: Option<&'static str>,
    /// The rule it deserves.
    pub class: &'static str,
    /// What stands in for that rule, or what to know.
    pub note: &'static str,
}

/// The media types of one operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MediaTypes {
    /// Of a request's body; empty where there is none.
    pub request: &'static [&'static str],
    /// Of an answer.
    pub answer: &'static [&'static str],
}

impl Item {
    /// A row as it is shown.
    #[must_use]
    pub fn of(row: &'static Row) -> Self {
        Self {
            id: row.id,
            operation: row.operation,
            method: row.method.name(),
            path: row.path,
            strategy: row.strategy.name(),
            scope: row.scope.name(),
            deadline: row.deadline.to_string(),
            view: row.view,
            hedge: match row.hedge {
                Some(Hedge::AfterMs(ms)) => format!("after {ms} ms"),
                Some(Hedge::Quantile) => "after the node's usual time".to_owned(),
                None => "-".to_owned(),
            },
            media_types: MediaTypes {
                request: if row.method == super::Method::Get { &[] } else { row.media.requests() },
                answer: row.media.answers(),
            },
            standing: row.standing,
            successor: row.successor,
            class: row.class,
            note: row.note,
        }
    }
}

/// Every row as it is shown, in the order of the table.
pub fn items() -> impl Iterator<Item = Item> {
    rows().map(Item::of)
}

/// The reference page, Markdown.
#[must_use]
pub fn reference_page() -> String {
    let mut page = String::from(HEADER);
    for item in items() {
        let media: Vec<_> = item.media_types.answer.iter().map(|media| short(media)).collect();
        let request: Vec<_> = item.media_types.request.iter().map(|media| short(media)).collect();
        let media =
            if request.is_empty() { media.join(" ") } else { format!("{} → {}", request.join(" "), media.join(" ")) };
        writeln!(
            page,
            "| {} | `{}` | {} `{}` | {}{} | {} | {} | {} | {} | {} |",
            item.id,
            item.operation,
            item.method,
            item.path,
            item.strategy,
            if item.view { ", view" } else { "" },
            item.scope,
            item.deadline,
            media,
            item.class,
            if item.note.is_empty() { "-" } else { item.note },
        )
        .expect("a String takes all that is written to it");
    }
    page
}

/// A media type's short name for the page.
fn short(media: &str) -> &str {
    match media {
        "application/json" => "json",
        "application/octet-stream" => "ssz",
        "text/event-stream" => "events",
        other => other,
    }
}

const HEADER: &str = "\
# Operations

Generated from the catalogue; `rangelight endpoints --json` prints the same with more fields. Do not edit: run the
tests with `RANGELIGHT_BLESS=1` to write it anew.

*Strategy* is what is done now; *class* is the rule the operation deserves, and the note says what stands in for it.
*Scope* is what a peer must have been granted; `none` is never for a peer. *Deadline* is how long a caller waits for an
answer to begin: `bp` are basis points of a slot, the seconds in brackets are those of a 12 s slot, and none is below
2 s. *Media* is request → answer.

| id | operation | request | strategy | scope | deadline | media | class | note |
|---|---|---|---|---|---|---|---|---|
";
