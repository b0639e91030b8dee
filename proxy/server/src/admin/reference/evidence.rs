//! The reference page `docs/reference/evidence.md`: every field of a record, and a sample with all of them.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use rangelight_policy::chain::Moment;

use super::{fields, is_current, pretty};
use crate::admin::{MOST_EVIDENCE, USUAL_EVIDENCE};
use crate::evidence::{Line, Record};

/// Every field and what it means; `[]` stands for each entry of a list.
const FIELDS: &[(&str, &str)] = &[
    ("at", "When the request came, in milliseconds since the Unix epoch."),
    ("operation", "Its name, as in [operations](endpoints.md)."),
    ("caller", "Who asked: the address, `unix` for a unix socket, and the User-Agent."),
    ("path", "The request's path, without its query, at most 200 characters."),
    ("asked", "The nodes that were asked, in the order of sending."),
    ("asked[].node", "The node's name."),
    ("asked[].why", "Why it stood where it stood in the order, like `own, ready, in the view`."),
    ("asked[].sent_ms", "When it was sent to, in milliseconds after the request came."),
    (
        "asked[].ended_ms",
        "When its exchange ended; absent if it had not when the record was made: it was dropped, or ran on.",
    ),
    (
        "asked[].reason",
        "What came back, in a few words: a status, a node's own message, or why nothing came. Empty without an end.",
    ),
    ("would_ask", "In `observe` mode: the nodes that `guarded` mode would have asked, in order. Else absent."),
    ("outcome", "What the caller got, in a few words, and whose it was."),
    ("status", "The HTTP status that the caller got."),
    ("took_ms", "Milliseconds from the request to its answer. A publication may have run on: see `asked[].ended_ms`."),
];

fn sample() -> Record {
    let line = |node: &str, why, sent_ms, ended_ms, reason: &str| Line {
        node: node.into(),
        why,
        sent_ms,
        ended_ms,
        reason: reason.to_owned(),
    };
    Record {
        at: Moment(1_738_820_003_912),
        operation: "attestation_data",
        caller: "127.0.0.1 Lighthouse/v8.0.1".into(),
        path: "/eth/v1/validator/attestation_data".to_owned(),
        asked: vec![
            line("attic", "the first own node, observed", 0, Some(412), "did not answer in time"),
            line("cellar", "own, ready, in the view", 412, Some(421), "HTTP 200"),
        ],
        would_ask: vec!["cellar".into(), "attic".into()],
        outcome: "the answer of one node: cellar".to_owned(),
        status: 200,
        took_ms: 421,
    }
}

#[test]
fn the_evidence_page_is_current() {
    let mut page = format!(
        "{HEADER}`GET /evidence?limit=N` on the admin listener answers with the newest `N` of them, newest first \
         ({USUAL_EVIDENCE} without `limit`, at most {MOST_EVIDENCE}, which is all that are kept).\n\n{TABLE}"
    );
    for (field, meaning) in FIELDS {
        writeln!(page, "| `{field}` | {meaning} |").expect("a String takes all that is written to it");
    }
    let sample = pretty(&[sample()]);
    write!(page, "\nA sample:\n\n```json\n{sample}\n```\n").expect("a String takes all that is written to it");
    is_current("evidence.md", &page);
}

#[test]
fn every_field_is_explained_and_nothing_else() {
    let mut found = BTreeSet::new();
    fields(&serde_json::to_value(sample()).expect("plain values have a JSON form"), "", &mut found);
    let explained: BTreeSet<String> = FIELDS.iter().map(|(field, _)| (*field).to_owned()).collect();
    assert_eq!(found, explained);
}

const HEADER: &str = "\
# Evidence

Generated from the code. Do not edit: run the tests with `RANGELIGHT_BLESS=1` to write it anew.

A record tells the story of one request: who was asked and why, who answered what and when, and what was chosen. A read
that its first node simply answered, and a publication that every node took, leave no record but their metrics: a busy
validator client would push the stories out. In `observe` mode every request that went to nodes leaves one. Records are
held in memory and end with the program.

";

const TABLE: &str = "\
| field | meaning |
|---|---|
";
