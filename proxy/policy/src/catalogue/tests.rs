//! The catalogue against the table of operations, and against itself.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::*;

/// The table of operations, reduced to id, method, path and class.
const OPERATIONS: &str = include_str!("operations.tsv");

fn table() -> Vec<[&'static str; 4]> {
    let lines = OPERATIONS.lines().skip(1).map(|line| {
        let columns: Vec<_> = line.split('\t').collect();
        columns.try_into().expect("four columns")
    });
    lines.collect()
}

#[test]
fn every_operation_of_the_table_has_its_row_and_nothing_else_has_one() {
    let table = table();
    assert_eq!(table.len(), 120);
    let expected: BTreeMap<_, _> =
        table.iter().map(|[id, method, path, class]| (*id, (*method, *path, *class))).collect();
    assert_eq!(expected.len(), 120, "ids are unique");
    let mut seen = BTreeSet::new();
    for row in rows() {
        let (method, path, class) =
            expected.get(row.id).copied().unwrap_or_else(|| panic!("{} is not in the table", row.id));
        assert_eq!((row.path, row.class), (path, class), "{}", row.id);
        assert!(row.method.name() == method || row.operation == "unlisted_read", "{}", row.id);
        assert!(
            seen.insert(row.id) || row.id == "K4",
            "{} twice: only the unlisted path has a read and a write",
            row.id
        );
    }
    assert_eq!(seen.len(), 120);
}

#[test]
fn operations_have_unique_snake_case_names() {
    let mut names = BTreeSet::new();
    for row in rows() {
        assert!(row.operation.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_'));
        assert!(!row.operation.is_empty() && names.insert(row.operation), "{}", row.operation);
        assert_eq!(super::row(row.operation), Some(row));
    }
    assert_eq!(row("nothing"), None);
    assert!(rows().enumerate().all(|(place, row)| index(row) == place));
    assert_eq!(index(&Row { operation: "nothing", ..ADMIN.clone() }), names.len());
}

#[test]
fn operations_that_were_replaced_are_treated_as_their_successors() {
    let mut count = 0;
    for row in rows() {
        let Some(successor) = row.successor else { continue };
        let successor = super::row(successor).unwrap_or_else(|| panic!("{}: no {successor}", row.operation));
        assert!(successor.successor.is_none(), "{} names the end of the line", row.operation);
        let rule = |row: &Row| {
            let bodies = (row.answer, row.body, row.definite, row.optimistic_is_bad);
            (
                row.strategy,
                row.scope,
                row.view,
                row.friends_last,
                row.hedge,
                row.deadline,
                row.standing,
                row.success,
                row.method,
                bodies,
            )
        };
        assert_eq!(rule(row), rule(successor), "{}", row.operation);
        count += 1;
    }
    assert_eq!(count, 18);
    for legacy in ["A3", "A5", "A7", "B4", "B5", "B8", "B10", "F2", "F8"] {
        assert!(rows().any(|row| row.id == legacy && row.successor.is_some()), "{legacy}");
    }
}

#[test]
fn rules_fit_together() {
    for row in rows() {
        let name = row.operation;
        let is_sent = matches!(row.strategy, Strategy::Broadcast | Strategy::Failover | Strategy::Once);
        assert_eq!(is_sent, row.deadline != Deadline::None, "{name}: who waits has a deadline");
        assert!(row.success.contains(&200), "{name}");
        assert!(!row.standing || row.strategy == Strategy::Broadcast, "{name}: standing submissions go to all");
        assert!(row.hedge.is_none() || row.strategy == Strategy::Failover, "{name}: only reads are hedged");
        assert!(row.hedge.is_none() || row.retry_on_new_connection, "{name}: what may be doubled may be repeated");
        assert!(row.strategy != Strategy::Deny || !row.note.is_empty(), "{name}: a refusal names its cure");
        assert!(row.strategy != Strategy::Deny || row.scope == Scope::None, "{name}: no peer is granted a refusal");
        assert!(!row.method.name().is_empty() && row.path.starts_with('/'), "{name}");
        match row.body {
            Reading::Collect { limit } => {
                assert!(row.method == Method::Post && is_sent, "{name}");
                assert_eq!(limit == PUBLICATION_LIMIT, row.strategy == Strategy::Broadcast && !row.standing, "{name}");
            }
            Reading::None => assert!(row.method == Method::Get || !is_sent, "{name}: a POST has a body"),
            Reading::Stream { limit } => assert!(row.strategy == Strategy::Once && limit == BODY_LIMIT, "{name}"),
        }
        let is_coherent = !row.class.contains("VIEW") || row.view || row.strategy != Strategy::Failover;
        assert!(is_coherent, "{name}: its class follows the view");
    }
}

#[test]
fn the_page_in_the_docs_is_the_page_of_this_catalogue() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/endpoints.md");
    let page = reference_page();
    if std::env::var_os("RANGELIGHT_BLESS").is_some() {
        std::fs::write(&path, &page).expect("the docs are writable");
        panic!("{} written; run again without RANGELIGHT_BLESS", path.display());
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == page,
        "docs/reference/endpoints.md is not current: run with RANGELIGHT_BLESS=1, look at the change"
    );
}

#[test]
fn items_carry_what_the_command_promises() {
    let lines = serde_json::to_value(items().collect::<Vec<_>>()).expect("items are plain");
    let first = &lines[0];
    for (key, value) in [
        ("operation", "attestation_data"),
        ("method", "GET"),
        ("path", "/eth/v1/validator/attestation_data"),
        ("strategy", "failover"),
        ("scope", "attest"),
        ("deadline", "3333 bp of a slot (4 s)"),
    ] {
        assert_eq!(first[key], value, "{key}");
    }
    assert_eq!(first["media_types"]["answer"][0], "application/octet-stream");
    assert_eq!(lines.as_array().map(Vec::len), Some(121));
}
