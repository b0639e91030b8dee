//! The rules that look at one file at a time.

use super::Violation;
use super::source::{Source, Word, is};

/// The longest file. The best code of this kind has a median of 150 lines; above this nobody reads to the end.
const LONGEST: usize = 500;

/// What policy must not even name: everything that waits, wakes, rolls dice or looks outside.
const OUTSIDE: &[&[&str]] = &[
    &["tokio"],
    &["hyper"],
    &["reqwest"],
    &["rand"],
    &["std", "::", "net"],
    &["std", "::", "fs"],
    &["std", "::", "env"],
    &["std", "::", "thread"],
    &["std", "::", "process"],
    &["Instant", "::", "now"],
    &["SystemTime"],
    &["async"],
    &["await"],
];

/// What policy may depend on: nothing here can wait or wake.
const HARMLESS: &[&str] = &["memchr", "serde", "serde_json", "sha2", "thiserror"];

/// Words that say nothing, as a part of any name.
const EMPTY_WORDS: &[&str] =
    &["backend", "backends", "upstream", "upstreams", "manager", "util", "utils", "helper", "helpers"];

/// Words that say nothing when they are the whole name. Within a name they may be the specification's, as in
/// `attestation_data`.
const EMPTY_NAMES: &[&str] = &["client", "handle", "handler", "process", "data", "info", "endpoint"];

/// Words that say nothing at the end of a name.
const EMPTY_ENDS: &[&str] = &["info", "handle"];

const METRICS: &[&str] = &["counter", "gauge", "histogram"];

const PRINTS: &[&str] = &["println", "print", "eprintln", "eprint"];

/// Length, module doc, and no `mod.rs`.
pub(super) fn form(source: &Source) -> Vec<Violation> {
    let mut found = Vec::new();
    let lines = source.text.lines().count();
    if lines > LONGEST {
        found.push((LONGEST, format!("{lines} lines; split it where it argues two things")));
    }
    if !source.text.starts_with("//! ") {
        found.push((1, "no module doc; begin with `//!` and say why the file exists".to_owned()));
    }
    if source.inside.ends_with("mod.rs") {
        found.push((1, "name the file after its module, beside its folder".to_owned()));
    }
    at_places(source, found)
}

/// What policy names of the world outside.
pub(super) fn reaching_out(source: &Source) -> Vec<Violation> {
    let mut found = Vec::new();
    let words = source.shipped();
    for at in 0..words.len() {
        for outside in OUTSIDE {
            if words.get(at..at + outside.len()).is_some_and(|words| is(words, outside)) {
                let what = format!("policy reaches out: {}; take it as an argument", outside.concat());
                found.push((words[at].line, what));
            }
        }
    }
    at_places(source, found)
}

/// What policy's manifest depends on.
pub(super) fn manifest(text: &str) -> Vec<Violation> {
    let sections = text.lines().scan(String::new(), |section, line| {
        if let Some(name) = line.strip_prefix('[') {
            *section = name.trim_end_matches(']').to_owned();
        }
        Some((section.clone(), line))
    });
    let depends = sections.filter(|(section, line)| section.ends_with("dependencies") && line.contains('='));
    let names = depends.filter_map(|(_, line)| Some(line.split(['=', '.', ' ']).next()?.trim().to_owned()));
    let strange = names.filter(|name| !HARMLESS.contains(&name.as_str()));
    let what = |name: String| Violation {
        place: "proxy/policy/Cargo.toml".to_owned(),
        what: format!("policy depends on {name}; it must hold nothing that can wait or wake"),
    };
    strange.map(what).collect()
}

/// What the simulated world takes from the proxy that it judges.
pub(super) fn borrowed(source: &Source) -> Vec<Violation> {
    let ours = |word: &&Word| matches!(word.text.as_str(), "rangelight" | "rangelight_policy");
    let what = |word: &Word| (word.line, format!("the world shares {} with the proxy it judges", word.text));
    at_places(source, source.words.iter().filter(ours).map(what).collect())
}

/// Where the proxy uses the simulated world: in the demo only.
pub(super) fn simulating(source: &Source) -> Vec<Violation> {
    if source.inside.starts_with("cli/demo") {
        return Vec::new();
    }
    let what = |word: &Word| (word.line, "the proxy uses the simulated world outside the demo".to_owned());
    let used = source.shipped().iter().filter(|word| word.text == "rangelight_sim");
    at_places(source, used.map(what).collect())
}

/// Names that are declared here and mean nothing. What implements a trait has its names from there.
pub(super) fn names(source: &Source) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut at = 0;
    while at + 1 < source.words.len() {
        let pair = &source.words[at..at + 2];
        at = if pair[0].text == "impl" { after_implementation(&source.words, at) } else { at + 1 };
        let (keyword, name) = (pair[0].text.as_str(), pair[1].text.as_str());
        let declared = matches!(keyword, "fn" | "struct" | "enum" | "trait" | "mod" | "type" | "const" | "static");
        if !declared || !name.starts_with(|c: char| c.is_alphabetic()) {
            continue;
        }
        let words = split(name);
        let getter = keyword == "fn" && words.len() > 1 && words[0] == "get";
        let empty = words.iter().any(|word| EMPTY_WORDS.contains(&word.as_str()))
            || (words.len() == 1 && EMPTY_NAMES.contains(&words[0].as_str()))
            || words.last().is_some_and(|word| words.len() > 1 && EMPTY_ENDS.contains(&word.as_str()));
        if getter || empty {
            found.push((pair[1].line, format!("`{name}` says nothing; the lexicon has better words")));
        }
    }
    at_places(source, found)
}

/// The place after an `impl Trait for Type { … }` that begins here, else after its first word.
fn after_implementation(words: &[Word], begin: usize) -> usize {
    let ends = |word: &Word| matches!(word.text.as_str(), "{" | ";");
    let Some(head) = words[begin..].iter().position(ends) else { return begin + 1 };
    let open = begin + head;
    if words[open].text != "{" || !words[begin..open].iter().any(|word| word.text == "for") {
        return begin + 1;
    }
    let mut depth = 0_usize;
    for (at, word) in words.iter().enumerate().skip(open) {
        match word.text.as_str() {
            "{" => depth += 1,
            "}" if depth == 1 => return at + 1,
            "}" => depth -= 1,
            _ => {}
        }
    }
    words.len()
}

/// Metrics outside `observe.rs`, and printing outside the command line.
pub(super) fn voices(source: &Source) -> Vec<Violation> {
    let mut found = Vec::new();
    let observing = source.inside == "observe.rs" || source.inside.starts_with("observe/");
    let command_line = source.inside == "cli.rs" || source.inside.starts_with("cli/");
    for pair in source.shipped().windows(2) {
        let name = pair[0].text.as_str();
        if pair[1].text != "!" {
            continue;
        }
        if METRICS.contains(&name) && !observing {
            found.push((pair[0].line, format!("{name}! outside observe.rs; give it a function there")));
        }
        if PRINTS.contains(&name) && !command_line {
            found.push((pair[0].line, format!("{name}! outside the command line; log through tracing")));
        }
    }
    at_places(source, found)
}

/// The words of a name: `NodeInfo` and `node_info` have the same.
fn split(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut lower_before = false;
    for c in name.chars() {
        if c == '_' || (c.is_uppercase() && lower_before) {
            words.push(String::new());
        }
        lower_before = c.is_lowercase();
        if let Some(word) = words.last_mut().filter(|_| c != '_') {
            word.extend(c.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

fn at_places(source: &Source, found: Vec<(usize, String)>) -> Vec<Violation> {
    found.into_iter().map(|(line, what)| Violation { place: source.place(line), what }).collect()
}
