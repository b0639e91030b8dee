//! Lists of items: named cases, and a simulation whose oracle counts item by item.

use serde_json::{Value, json};

use super::*;
use crate::race::simulation::Dice;

/// A refusal that lists these places, each with these words.
fn list(failures: &[(usize, &str)]) -> Said {
    let failures: Vec<Value> =
        failures.iter().map(|(index, message)| json!({"index": index, "message": message})).collect();
    Said::read(400, json!({"code": 400, "message": "some failed", "failures": failures}).to_string().as_bytes(), 3)
}

/// `taken`, `400 0: x, 2: y`, `nothing`.
fn merged(said: Vec<Said>, silent: bool) -> String {
    let mut items = Items::new(3).expect("three");
    said.into_iter().for_each(|said| items.add(said));
    if items.all_taken() {
        return "taken".into();
    }
    let Some(told) = items.told(silent) else { return "nothing".into() };
    let body: Value = serde_json::from_str(&told.body).expect("JSON");
    assert_eq!(body["code"], told.status, "the code is the status, a number");
    assert!(body["message"].as_str().is_some_and(|message| !message.is_empty()));
    let failures = body["failures"].as_array().cloned().unwrap_or_default();
    let failures = failures.iter().map(|failure| {
        format!("{}: {}", failure["index"].as_u64().expect("a number"), failure["message"].as_str().expect("words"))
    });
    format!("{} {}", told.status, failures.collect::<Vec<_>>().join(", ")).trim().to_owned()
}

#[test]
fn items_are_merged() {
    let bad = "invalid signature";
    let late = "UnknownHeadBlock";
    let known = "PriorAttestationKnown";
    let malformed = || Said::Malformed("cannot be read".into());
    for (name, said, silent, expected) in [
        ("one takes all", vec![Said::All], true, "taken"),
        ("two nodes together take all", vec![list(&[(0, late)]), list(&[(1, bad), (2, bad)])], true, "taken"),
        ("a duplicate is taken", vec![list(&[(0, known), (2, known)])], true, "taken"),
        ("duplicates beside a bad one", vec![list(&[(0, known), (1, bad)])], true, "400 1: invalid signature"),
        (
            "only what nobody took",
            vec![list(&[(2, bad), (0, late)]), list(&[(2, late)])],
            true,
            "400 2: invalid signature",
        ),
        ("bad is worse than not now", vec![list(&[(1, late)]), list(&[(1, bad)])], false, "400 1: invalid signature"),
        ("the first words stay", vec![list(&[(1, bad)]), list(&[(1, "other")])], false, "400 1: invalid signature"),
        (
            "none taken, one bad",
            vec![list(&[(0, bad), (1, late), (2, late)])],
            false,
            "400 0: invalid signature, 1: UnknownHeadBlock, 2: UnknownHeadBlock",
        ),
        ("nobody can judge now", vec![list(&[(0, late), (1, late), (2, late)])], false, "500"),
        (
            "nobody can judge now, one refuses the list",
            vec![list(&[(0, late), (1, late), (2, late)]), malformed()],
            false,
            "500",
        ),
        (
            "all refuse the list",
            vec![malformed(), malformed()],
            false,
            "400 0: cannot be read, 1: cannot be read, 2: cannot be read",
        ),
        ("refused, and somebody is silent", vec![malformed()], true, "nothing"),
        ("refused, and somebody cannot now", vec![malformed(), Said::Nothing], false, "nothing"),
        ("refused here, partly taken there", vec![malformed(), list(&[(1, bad)])], false, "400 1: invalid signature"),
        ("nobody judged", vec![Said::Nothing], false, "nothing"),
        ("nobody spoke", vec![], true, "nothing"),
    ] {
        assert_eq!(merged(said, silent), expected, "{name}");
    }
}

#[test]
fn refusals_are_read() {
    let all_but = |failures: &[(usize, &str)]| {
        Said::AllBut(failures.iter().map(|(index, message)| (*index, (*message).to_owned())).collect())
    };
    for (name, status, body, expected) in [
        ("Teku's strings", 400, r#"{"code":"400","failures":[{"index":"2","message":"old"}]}"#, all_but(&[(2, "old")])),
        (
            "Prysm's 500",
            500,
            r#"{"code":500,"failures":[{"index":0,"message":"no peers"}]}"#,
            all_but(&[(0, "no peers")]),
        ),
        ("no words", 400, r#"{"failures":[{"index":0}]}"#, all_but(&[(0, "the node gave no reason")])),
        ("a place beyond the list", 400, r#"{"failures":[{"index":3,"message":"x"}]}"#, Said::Nothing),
        ("a negative place", 400, r#"{"failures":[{"index":-1,"message":"x"}]}"#, Said::Nothing),
        ("no place", 400, r#"{"failures":[{"message":"x"}]}"#, Said::Nothing),
        ("one of two without a place", 400, r#"{"failures":[{"index":0},{"message":"x"}]}"#, Said::Nothing),
        ("places are no list", 400, r#"{"message":"m","failures":"x"}"#, Said::Malformed("m".into())),
        ("no failures", 400, r#"{"message":"m","failures":[]}"#, Said::Malformed("m".into())),
        ("plain text", 400, "bad body", Said::Malformed("bad body".into())),
        ("syncing", 503, r#"{"message":"syncing"}"#, Said::Nothing),
        ("a fault", 500, "", Said::Nothing),
    ] {
        assert_eq!(Said::read(status, body.as_bytes(), 3), expected, "{name}");
    }
}

#[test]
fn lists_have_a_bound() {
    assert!(Items::new(0).is_none());
    assert!(Items::new(MOST).is_some());
    assert!(Items::new(MOST + 1).is_none());
}

/// What one node does with one item, drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Does {
    Takes,
    Knows,
    Late,
    Bad,
}

/// Ways in which the merging could be wrong; each is done to what it hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    DropsTheLastFailure,
    CountsDuplicatesAsBad,
    ShiftsPlaces,
    TakesLateForBad,
    BelievesThatAllWasTaken,
    ForgetsTheFirstNode,
    TakesUnlistedForUntaken,
}

const DRAWN: u64 = 4_000;

/// Draws nodes and items; whether what the caller is told is what item by item should be told.
fn is_right(seed: u64, fault: Fault) -> bool {
    let dice = &mut Dice::new(seed);
    let count = 1 + dice.below(6) as usize;
    let nodes: Vec<Vec<Does>> = (0..=dice.below(4))
        .map(|_| {
            let mut does = || match dice.below(10) {
                0..5 => Does::Takes,
                5..6 => Does::Knows,
                6..8 => Does::Late,
                _ => Does::Bad,
            };
            (0..count).map(|_| does()).collect()
        })
        .collect();
    let mut items = Items::new(count).expect("some");
    for (place, node) in nodes.iter().enumerate() {
        items.add(distorted(said(node), fault, place, count));
    }
    let of_item = |index: usize| nodes.iter().map(move |node| node[index]);
    let taken = |index: &usize| of_item(*index).any(|does| matches!(does, Does::Takes | Does::Knows));
    let untaken: Vec<usize> = (0..count).filter(|index| !taken(index)).collect();
    let bad = untaken.iter().any(|index| of_item(*index).any(|does| does == Does::Bad));
    if untaken.is_empty() || items.all_taken() {
        return untaken.is_empty() && items.all_taken();
    }
    let Some(told) = items.told(false) else { return false };
    let body: Value = serde_json::from_str(&told.body).expect("JSON");
    let places = |failure: &Value| failure["index"].as_u64().and_then(|index| usize::try_from(index).ok());
    let listed: Vec<usize> =
        body["failures"].as_array().map(|all| all.iter().filter_map(places).collect()).unwrap_or_default();
    match untaken.len() < count || bad {
        true => told.status == 400 && listed == untaken,
        false => told.status == 500 && listed.is_empty(),
    }
}

fn said(node: &[Does]) -> Said {
    let failures = node.iter().enumerate().filter_map(|(index, does)| {
        let message = match does {
            Does::Takes => return None,
            Does::Knows => "AggregatorAlreadyKnown",
            Does::Late => "Attempt to send attestation for unknown target",
            Does::Bad => "bad",
        };
        Some((index, message.to_owned()))
    });
    let failures: Vec<_> = failures.collect();
    if failures.is_empty() { Said::All } else { Said::AllBut(failures) }
}

fn distorted(said: Said, fault: Fault, place: usize, count: usize) -> Said {
    let each = |change: &dyn Fn(usize, String) -> (usize, String)| match said.clone() {
        Said::AllBut(failures) => Said::AllBut(failures.into_iter().map(|(at, words)| change(at, words)).collect()),
        other => other,
    };
    match (fault, &said) {
        (Fault::DropsTheLastFailure, Said::AllBut(failures)) => Said::AllBut(failures[..failures.len() - 1].to_vec()),
        (Fault::CountsDuplicatesAsBad, _) => each(&|at, words| (at, words.replace("Already", ""))),
        (Fault::ShiftsPlaces, _) => each(&|at, words| ((at + 1) % count, words)),
        (Fault::TakesLateForBad, _) => each(&|at, words| (at, words.replace("unknown target", "target"))),
        (Fault::BelievesThatAllWasTaken, _) => Said::All,
        (Fault::ForgetsTheFirstNode, _) if place == 0 => Said::Nothing,
        (Fault::TakesUnlistedForUntaken, Said::AllBut(_)) => {
            Said::AllBut((0..count).map(|at| (at, "bad".to_owned())).collect())
        }
        _ => said,
    }
}

#[test]
fn what_is_told_is_true_item_by_item() {
    for seed in 0..DRAWN {
        assert!(is_right(seed, Fault::None), "seed {seed}");
    }
}

#[test]
fn planted_faults_are_caught() {
    for fault in [
        Fault::DropsTheLastFailure,
        Fault::CountsDuplicatesAsBad,
        Fault::ShiftsPlaces,
        Fault::TakesLateForBad,
        Fault::BelievesThatAllWasTaken,
        Fault::ForgetsTheFirstNode,
        Fault::TakesUnlistedForUntaken,
    ] {
        let caught = (0..DRAWN).filter(|seed| !is_right(*seed, fault)).count();
        println!("{fault:?}: caught in {caught} of {DRAWN}");
        assert!(caught > 0, "nobody notices {fault:?}");
    }
}
