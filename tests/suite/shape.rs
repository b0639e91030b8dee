//! The shape of the house, checked on its own sources.
//!
//! What a reader relies on without looking: floors (whoever reads a module needs only those that stand before it in the
//! table of its crate's `lib.rs`), files that fit into a head, a module doc that says why the file exists, a policy
//! that cannot wait or wake, names with one meaning, metrics named in one place, a command line that alone talks to
//! stdout. The floors are read from the tables themselves, so that the page a reader sees is the page that is checked.
//!
//! Sources are read as words, not parsed: comments and texts are blanked, what is left are names and signs. That is
//! enough for these rules, and it is the checker's bound: a macro that builds a path from pieces escapes it. Each rule
//! has a planted violation in [`planted`], for a checker that finds nothing looks like a house without faults.

use std::fs;
use std::path::{Path, PathBuf};

use floors::Floors;
use source::Source;

mod floors;
mod planted;
mod rules;
mod source;

/// One thing that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    /// Where, as `path:line`.
    place: String,
    /// What, with what to do instead.
    what: String,
}

/// The parts of the workspace that hold sources, and the floors of those that have them.
const PARTS: &[&str] =
    &["proxy/policy/src", "proxy/server/src", "proxy/sim/src", "tests/kit", "tests/suite", "benches"];

/// The workspace, wherever it was checked out.
pub(crate) fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this package lies in the workspace")
}

/// Every source file of a part, in a stable order.
fn sources(part: &str) -> Vec<Source> {
    let root = workspace().join(part);
    let mut paths = Vec::new();
    walk(&root, &mut paths);
    paths.sort();
    let read = |path: &PathBuf| {
        let text = fs::read_to_string(path).expect("a source file is readable text");
        let inside = path.strip_prefix(&root).expect("it was found below the root");
        Source::new(part, inside.to_str().expect("our file names are ASCII"), &text)
    };
    let mut sources: Vec<Source> = paths.iter().map(read).collect();
    source::mark_tests(&mut sources);
    sources
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the folder of a part is there") {
        let path = entry.expect("a folder can be listed").path();
        if path.is_dir() {
            walk(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn fail_on(violations: &[Violation]) {
    let lines: Vec<String> = violations.iter().map(|one| format!("{}: {}", one.place, one.what)).collect();
    assert!(lines.is_empty(), "{} violations:\n{}", lines.len(), lines.join("\n"));
}

#[test]
fn no_module_imports_upwards() {
    for part in ["proxy/policy/src", "proxy/server/src"] {
        let sources = sources(part);
        let roof = sources.iter().find(|source| source.inside == "lib.rs").expect("a crate has a lib.rs");
        let floors = Floors::read(roof).expect("lib.rs has its table of floors");
        fail_on(&floors.check(&sources));
    }
}

#[test]
fn files_are_short_and_say_why() {
    for part in PARTS {
        let sources = sources(part);
        assert!(!sources.is_empty(), "{part} has sources");
        fail_on(&sources.iter().flat_map(rules::form).collect::<Vec<_>>());
    }
}

#[test]
fn policy_cannot_wait_or_wake() {
    fail_on(&sources("proxy/policy/src").iter().flat_map(rules::reaching_out).collect::<Vec<_>>());
    let manifest = fs::read_to_string(workspace().join("proxy/policy/Cargo.toml")).expect("policy has a manifest");
    fail_on(&rules::manifest(&manifest));
}

#[test]
fn the_simulated_world_shares_no_code_with_the_proxy() {
    fail_on(&sources("proxy/sim/src").iter().flat_map(rules::borrowed).collect::<Vec<_>>());
    fail_on(&sources("proxy/server/src").iter().flat_map(rules::simulating).collect::<Vec<_>>());
}

#[test]
fn names_have_one_meaning() {
    for part in PARTS {
        fail_on(&sources(part).iter().flat_map(rules::names).collect::<Vec<_>>());
    }
}

#[test]
fn metrics_are_named_in_one_place_and_only_the_command_line_prints() {
    for part in ["proxy/policy/src", "proxy/server/src", "proxy/sim/src"] {
        fail_on(&sources(part).iter().flat_map(rules::voices).collect::<Vec<_>>());
    }
}
