//! Violations planted one by one: each rule finds its own, and nothing in the innocent twin beside it.

use super::Violation;
use super::floors::Floors;
use super::rules;
use super::source::{Source, mark_tests};

const ROOT: &str = "//! Roof.\n//!\n//! | floor | modules |\n//! |---|---|\n//! | ground | [`time`], `words` |\n\
                    //! | flow | [`answers`] |\n//! | roof | this file, [`cli`] |\n";

type Rule = fn(&Source) -> Vec<Violation>;

fn floors(source: &Source) -> Vec<Violation> {
    Floors::read(&Source::new("p", "lib.rs", ROOT)).expect("there is a table").check(std::slice::from_ref(source))
}

#[test]
fn each_rule_finds_what_was_planted() {
    let long = format!("//! Doc.\n{}", "\n".repeat(500));
    let full = format!("//! Doc.\n{}", "\n".repeat(499));
    for (name, rule, inside, text, wanted) in [
        ("upward, use", floors as Rule, "time.rs", "//! D\nuse crate::answers::A;", 1),
        ("upward, inline", floors, "time.rs", "fn f() { crate::answers::go() }", 1),
        ("upward, in a group", floors, "words.rs", "use crate::{cli::{A, B}, answers};", 2),
        ("upward, nested file", floors, "words/deep.rs", "use crate::answers::A;", 1),
        ("upward, by super", floors, "words/deep.rs", "use super::super::answers;", 1),
        ("sideways, to the right", floors, "time.rs", "use crate::words::W;", 1),
        ("from the roof", floors, "answers.rs", "use crate::Rangelight;", 1),
        ("the roof's own module", floors, "answers.rs", "use crate::cli::run;", 1),
        ("on no floor", floors, "attic.rs", "", 1),
        ("downward", floors, "answers.rs", "use crate::{time, words::W};", 0),
        ("sideways, to the left", floors, "words.rs", "use crate::time::T;", 0),
        ("own folder", floors, "words/deep.rs", "use super::{other, W}; use crate::words::V;", 0),
        ("the roof looks down", floors, "cli/run.rs", "use crate::answers; use crate::Rangelight;", 0),
        ("only in a comment", floors, "time.rs", "// crate::answers\n/* crate::answers */", 0),
        (
            "only in a text",
            floors,
            "time.rs",
            "const A: &str = \"crate::answers\"; const B: &str = r#\"\" crate::answers\"#;",
            0,
        ),
        ("only in tests", floors, "time.rs", "#[cfg(test)]\nmod tests { use crate::answers; }", 0),
        ("too long", rules::form, "a.rs", &long, 1),
        ("just short enough", rules::form, "a.rs", &full, 0),
        ("no module doc", rules::form, "a.rs", "use std::fmt;\n//! Late.", 1),
        ("mod.rs", rules::form, "a/mod.rs", "//! Doc.", 1),
        ("tokio", rules::reaching_out, "a.rs", "use tokio::time;", 1),
        ("hyper", rules::reaching_out, "a.rs", "fn f(r: hyper::Request<()>) {}", 1),
        ("reqwest", rules::reaching_out, "a.rs", "use reqwest::Client;", 1),
        ("net", rules::reaching_out, "a.rs", "use std::net::IpAddr;", 1),
        ("fs", rules::reaching_out, "a.rs", "use std::fs;", 1),
        ("thread", rules::reaching_out, "a.rs", "fn f() { std::thread::yield_now() }", 1),
        ("clock", rules::reaching_out, "a.rs", "fn f() { Instant::now(); }", 1),
        ("calendar", rules::reaching_out, "a.rs", "use std::time::SystemTime;", 1),
        ("waiting", rules::reaching_out, "a.rs", "async fn f() {}", 1),
        ("a duration", rules::reaching_out, "a.rs", "use std::time::Duration;", 0),
        ("environment in tests", rules::reaching_out, "a.rs", "#[cfg(test)]\nmod tests { use std::env; }", 0),
        ("the world borrows", rules::borrowed, "a.rs", "use rangelight_policy::chain::Slot;", 1),
        ("the world stands alone", rules::borrowed, "a.rs", "use crate::chain::Slot;", 0),
        ("run simulates", rules::simulating, "cli/run.rs", "use rangelight_sim::World;", 1),
        ("demo simulates", rules::simulating, "cli/demo.rs", "use rangelight_sim::World;", 0),
        ("backend", rules::names, "a.rs", "struct BackendPool;", 1),
        ("upstream", rules::names, "a.rs", "fn pick_upstream() {}", 1),
        ("manager", rules::names, "a.rs", "mod node_manager;", 1),
        ("utils", rules::names, "a.rs", "mod utils;", 1),
        ("helper", rules::names, "a.rs", "fn test_helper() {}", 1),
        ("info", rules::names, "a.rs", "struct NodeInfo;", 1),
        ("handle", rules::names, "a.rs", "fn handle() {}", 1),
        ("getter", rules::names, "a.rs", "fn get_slot() {}", 1),
        ("client alone", rules::names, "a.rs", "struct Client;", 1),
        ("the specification's word", rules::names, "a.rs", "struct AttestationData; struct ValidatorClient;", 0),
        ("somebody else's name", rules::names, "a.rs", "fn f() { map.get(1); tokio::task::JoinHandle::abort(h); }", 0),
        ("a trait's name", rules::names, "a.rs", "impl<T> Body for Cut<T> where T: A { type Data = T; }", 0),
        ("after a trait's names", rules::names, "a.rs", "impl A for B { fn a() {} }\nfn get_b() {}", 1),
        ("a type's own name", rules::names, "a.rs", "impl B { fn data() {} }", 1),
        ("metric", rules::voices, "a.rs", "fn f() { counter!(\"x\"); }", 1),
        ("metric where it belongs", rules::voices, "observe.rs", "fn f() { metrics::counter!(\"x\"); }", 0),
        ("print", rules::voices, "a.rs", "fn f() { println!(\"x\"); }", 1),
        ("print where it belongs", rules::voices, "cli/check.rs", "fn f() { println!(\"x\"); }", 0),
    ] {
        let found = rule(&Source::new("p", inside, text));
        assert_eq!(found.len(), wanted, "{name}: {found:?}");
    }
}

#[test]
fn a_violation_names_its_line() {
    let source = Source::new("p", "time.rs", "//! D\n\n/* two\nlines */ const C: char = '\"';\nuse crate::answers;");
    let found = floors(&source);
    assert_eq!(found.iter().map(|one| one.place.as_str()).collect::<Vec<_>>(), ["p/time.rs:5"]);
}

#[test]
fn files_of_test_modules_are_tests() {
    let print = "fn f() { println!(\"x\"); }";
    let mut sources = [
        Source::new("p", "race.rs", "#[cfg(test)]\nmod simulation;\nmod plan;"),
        Source::new("p", "race/simulation.rs", print),
        Source::new("p", "race/simulation/oracle.rs", print),
        Source::new("p", "race/plan.rs", print),
    ];
    mark_tests(&mut sources);
    let found: Vec<usize> = sources.iter().map(|source| rules::voices(source).len()).collect();
    assert_eq!(found, [0, 0, 0, 1]);
}

#[test]
fn policy_may_depend_on_what_cannot_wait() {
    for (name, text, wanted) in [
        ("harmless", "[dependencies]\nserde = { workspace = true }\n[lints]\nworkspace = true", 0),
        ("waits", "[dependencies]\ntokio = { workspace = true }", 1),
        ("dotted", "[dependencies]\nhyper.workspace = true", 1),
        ("for tests", "[dev-dependencies]\nrand = \"1\"", 1),
    ] {
        assert_eq!(rules::manifest(text).len(), wanted, "{name}");
    }
}
