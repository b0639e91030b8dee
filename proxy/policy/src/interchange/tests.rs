//! Files as validator clients write them, what they do to a guard, and files as nobody should write them.

use super::*;
use crate::chain::{Clock, Epoch, Moment, Slot};
use crate::slashing::{Conflict, Decision, Deed, History, MOST_KEPT, Named};

mod semantics;

const OURS: Root = Root([4; 32]);
const CLOCK: Clock = Clock { genesis: Moment(0), slot_ms: 12_000, slots_per_epoch: 32 };

fn key(number: u8) -> Pubkey {
    Pubkey([number; 48])
}

/// Key n is validator n; those from 200 on have no index.
fn index(pubkey: &Pubkey) -> Option<Validator> {
    (pubkey.0[0] < 200).then_some(Validator(u64::from(pubkey.0[0])))
}

fn pubkey(validator: Validator) -> Option<Pubkey> {
    u8::try_from(validator.0).ok().filter(|number| *number < 200).map(key)
}

fn root(number: u8) -> Root {
    Root([number; 32])
}

fn file(entries: &str) -> String {
    format!(
        r#"{{"metadata":{{"interchange_format_version":"5","genesis_validators_root":"{OURS}"}},"data":[{entries}]}}"#
    )
}

/// An entry; a root of 0 is none.
fn entry(number: u8, blocks: &[(u64, u8)], votes: &[(u64, u64, u8)]) -> String {
    let named = |number: u8| match number {
        0 => String::new(),
        number => format!(r#","signing_root":"{}""#, root(number)),
    };
    let blocks: Vec<String> =
        blocks.iter().map(|(slot, name)| format!(r#"{{"slot":"{slot}"{}}}"#, named(*name))).collect();
    let votes: Vec<String> = votes
        .iter()
        .map(|(source, target, name)| {
            format!(r#"{{"source_epoch":"{source}","target_epoch":"{target}"{}}}"#, named(*name))
        })
        .collect();
    format!(
        r#"{{"pubkey":"{}","signed_blocks":[{}],"signed_attestations":[{}]}}"#,
        key(number),
        blocks.join(","),
        votes.join(",")
    )
}

fn imported(entries: &str) -> Imported {
    Interchange::parse(file(entries).as_bytes(), OURS, None).expect("a sound file").records(index)
}

fn block(validator: u64, slot: u64, named: Named) -> Record {
    Record { validator: Validator(validator), deed: Deed::Block { slot: Slot(slot) }, named }
}

fn vote(validator: u64, source: u64, target: u64, named: Named) -> Record {
    let deed = Deed::Vote { source: Epoch(source), target: Epoch(target) };
    Record { validator: Validator(validator), deed, named }
}

#[test]
fn a_file_gives_its_messages_and_its_least_as_watermarks() {
    let got = imported(&entry(1, &[(12, 0), (9, 7)], &[(3, 5, 8), (2, 4, 0)]));
    let records = [
        block(1, 9, Named::Watermark),
        block(1, 9, Named::Root(root(7))),
        block(1, 12, Named::Unknown),
        vote(1, 2, 4, Named::Watermark),
        vote(1, 2, 4, Named::Unknown),
        vote(1, 3, 5, Named::Root(root(8))),
    ];
    assert_eq!(got, Imported { records: records.to_vec(), ..Imported::default() });
}

#[test]
fn entries_of_one_key_are_one_and_keys_without_an_index_are_told() {
    let entries = [entry(1, &[(9, 1)], &[]), entry(200, &[(9, 1)], &[]), entry(1, &[(7, 2)], &[(1, 2, 3)])].join(",");
    let got = imported(&entries);
    assert_eq!(got.unknown, [key(200)]);
    assert_eq!(got.minimised, []);
    assert_eq!(got.records.first(), Some(&block(1, 7, Named::Watermark)));
    assert_eq!(got.records.len(), 5);
    let file = Interchange::parse(file(&entries).as_bytes(), OURS, None).expect("sound");
    assert_eq!(file.pubkeys().collect::<Vec<_>>(), [&key(1), &key(200)]);
}

#[test]
fn who_is_in_a_slashable_pair_is_minimised() {
    let mark = |source, target| vec![vote(1, source, target, Named::Watermark)];
    for (name, blocks, votes, records) in [
        ("two blocks of a slot", &[(10, 1), (10, 2), (8, 3)][..], &[][..], vec![block(1, 10, Named::Watermark)]),
        ("one with, one without a root", &[(10, 1), (10, 0)], &[], vec![block(1, 10, Named::Watermark)]),
        ("two votes of a target", &[], &[(3, 5, 1), (3, 5, 2)], mark(3, 5)),
        ("same target, another source", &[], &[(3, 5, 1), (2, 5, 1)], mark(3, 5)),
        ("a surround", &[], &[(3, 4, 1), (2, 5, 2)], mark(3, 5)),
        ("a surround, in the other order", &[], &[(2, 5, 2), (3, 4, 1)], mark(3, 5)),
        ("a surround among others", &[], &[(1, 2, 1), (4, 5, 1), (5, 6, 1), (3, 7, 1)], mark(5, 7)),
        ("backwards", &[], &[(6, 5, 1)], mark(6, 5)),
    ] {
        let got = imported(&entry(1, blocks, votes));
        assert_eq!((got.minimised, got.records), (vec![key(1)], records), "{name}");
    }
    for (name, blocks, votes) in [
        ("the same twice", &[(10, 1), (10, 1)][..], &[(3, 5, 1), (3, 5, 1)][..]),
        ("one source, growing targets", &[], &[(3, 4, 1), (3, 5, 1), (4, 6, 1)]),
        ("genesis", &[(0, 1)], &[(0, 0, 1), (0, 1, 1)]),
    ] {
        assert_eq!(imported(&entry(1, blocks, votes)).minimised, [], "{name}");
    }
    let other = imported(&[entry(1, &[(10, 1), (10, 2)], &[]), entry(2, &[(10, 1)], &[])].join(","));
    assert_eq!(other.minimised, [key(1)], "its neighbour in the file is not");
    assert_eq!(other.records.len(), 3);
}

#[test]
fn what_is_too_much_goes_into_the_watermarks() {
    let many = MOST_KEPT as u64 + 10;
    let votes: Vec<(u64, u64, u8)> = (0..many).rev().map(|n| (n, n + 1, 1)).collect();
    let blocks: Vec<(u64, u8)> = (0..many).map(|n| (n, 1)).collect();
    let got = imported(&entry(1, &blocks, &votes));
    assert_eq!(got.minimised, []);
    assert_eq!(got.records.len(), 2 * (MOST_KEPT + 1));
    assert_eq!(got.records[0], block(1, 9, Named::Watermark), "the last that is gone");
    assert!(got.records.contains(&vote(1, 9, 10, Named::Watermark)));
    // What contradicts is seen although what it contradicts, or itself, is among those that are gone.
    let newer = |source: u64| (0..MOST_KEPT as u64).map(move |n| (source, 200 + n, 1));
    let surrounding: Vec<(u64, u64, u8)> = [(100, 101, 1)].into_iter().chain(newer(50)).collect();
    assert_eq!(imported(&entry(1, &[], &surrounding)).minimised, [key(1)]);
    let backwards: Vec<(u64, u64, u8)> = [(30, 20, 1)].into_iter().chain(newer(50)).collect();
    assert_eq!(imported(&entry(1, &[], &backwards)).minimised, [key(1)]);
    let sound: Vec<(u64, u64, u8)> = [(20, 30, 1)].into_iter().chain(newer(50)).collect();
    assert_eq!(imported(&entry(1, &[], &sound)).minimised, []);
}

#[test]
fn what_is_written_reads_back() {
    let records = [
        block(1, 9, Named::Watermark),
        block(1, 9, Named::Signature(root(1))),
        block(1, 12, Named::Root(root(2))),
        block(1, 12, Named::Signature(root(3))),
        vote(1, 2, 4, Named::Watermark),
        vote(1, 2, 4, Named::Root(root(5))),
        vote(1, 3, 5, Named::Signature(root(6))),
        vote(2, 3, 5, Named::Watermark),
        block(200, 1, Named::Watermark),
        block(3, 1, Named::Unknown),
    ];
    let (text, unknown) = write(records, OURS, pubkey);
    assert_eq!(unknown, [Validator(200)]);
    let entries =
        [entry(1, &[(9, 0), (12, 0)], &[(2, 4, 5), (3, 5, 0)]), entry(2, &[], &[(3, 5, 0)]), entry(3, &[(1, 0)], &[])];
    assert_eq!(text, file(&entries.join(",")));
    let back = Interchange::parse(text.as_bytes(), OURS, None).expect("our own file").records(index);
    assert_eq!((back.unknown, back.minimised), (vec![], vec![]), "nothing in it contradicts itself");
    assert_eq!(write([], OURS, pubkey).0, file(""));
}

#[test]
fn files_that_are_refused() {
    let good = file(&entry(1, &[(9, 1)], &[(3, 5, 1)]));
    assert!(Interchange::parse(good.as_bytes(), OURS, None).is_ok());
    let refusal = |text: &str| Interchange::parse(text.as_bytes(), OURS, None).map(|_| ()).expect_err(text);
    let theirs = Root([5; 32]);
    let other_network = good.replace(&OURS.to_string(), &theirs.to_string());
    assert_eq!(refusal(&other_network), Refused::OtherNetwork { ours: OURS, theirs });
    for (name, version) in [("older", "\"4\""), ("newer", "\"6\""), ("a number", "4"), ("nonsense", "\"five\"")] {
        let other = good.replace("\"5\",\"gen", &format!("{version},\"gen"));
        assert_eq!(refusal(&other), Refused::Version(version.trim_matches('"').to_owned()), "{name}");
        // An older version's shape is not ours.
        let shape = other.replace("signed_blocks", "last_signed_block");
        assert_eq!(refusal(&shape), Refused::Version(version.trim_matches('"').to_owned()), "{name}, another shape");
    }
    for (name, text) in [
        ("nothing", String::new()),
        ("cut", good[..good.len() - 1].to_owned()),
        ("more behind it", format!("{good}{good}")),
        ("no metadata", good.replace("metadata", "x")),
        ("no list of blocks", good.replace("signed_blocks", "signed_block")),
        ("no list of votes", good.replace("signed_attestations", "attestations")),
        ("a short key", good.replacen("0x01", "0x", 1)),
        ("a short root", good.replace(&root(1).to_string(), "0x01")),
        ("a negative slot", good.replace("\"9\"", "\"-9\"")),
        ("a null target", good.replace("\"target_epoch\":\"5\"", "\"target_epoch\":null")),
        ("no source", good.replace("source_epoch", "x")),
        ("a slot above 64 bits", good.replace("\"9\"", "\"18446744073709551616\"")),
        ("an object for a list", good.replace("\"data\":[", "\"data\":{\"x\":[").replace("]}]}", "]}]}}")),
    ] {
        assert!(matches!(refusal(&text), Refused::Json(_)), "{name}");
    }
    let quoted = refusal(&good.replace("\"9\"", &format!("\"{}\"", "9".repeat(10_000))));
    assert!(quoted.to_string().len() < 300, "an error quotes little of the file");
}

#[test]
fn what_a_file_may_have_beside_what_counts() {
    let good = file(&entry(1, &[(9, 1)], &[(3, 5, 1)]));
    let lenient = good
        .replace("\"slot\":\"9\"", "\"slot\":9,\"note\":{\"a\":[1]}")
        .replace("\"metadata\"", "\"x\":null,\"metadata\"")
        .replace("\"signed_blocks\"", "\"name\":\"n\",\"signed_blocks\"");
    let read = |text: &str| Interchange::parse(text.as_bytes(), OURS, None).expect("sound").records(index);
    assert_eq!(read(&lenient), read(&good));
    let null = good.replace(&format!("\"{}\"", root(1)), "null");
    assert!(read(&null).records.contains(&block(1, 9, Named::Unknown)));
}

#[test]
fn messages_of_the_future_refuse_the_file() {
    let now = Window { now: Slot(320), clock: CLOCK };
    let parse = |blocks: &[(u64, u8)], votes: &[(u64, u64, u8)]| {
        Interchange::parse(file(&entry(1, blocks, votes)).as_bytes(), OURS, Some(&now)).map(|_| ())
    };
    assert_eq!(parse(&[(352, 1)], &[(10, 11, 1)]), Ok(()), "the next epoch");
    assert_eq!(parse(&[(353, 1)], &[]), Err(Refused::Future(key(1))));
    assert_eq!(parse(&[], &[(10, 12, 1)]), Err(Refused::Future(key(1))));
    assert_eq!(parse(&[], &[(12, 10, 1)]), Err(Refused::Future(key(1))));
    assert_eq!(parse(&[(u64::MAX, 0)], &[(u64::MAX, u64::MAX, 0)]), Err(Refused::Future(key(1))));
}

#[test]
fn too_many_validators_refuse_the_file() {
    let entries: Vec<String> = (0..=MOST_VALIDATORS as u64)
        .map(|number| {
            let mut key = [0; 48];
            key[..8].copy_from_slice(&number.to_le_bytes());
            format!(r#"{{"pubkey":"{}","signed_blocks":[],"signed_attestations":[]}}"#, Pubkey(key))
        })
        .collect();
    let parse = |entries: &[String]| Interchange::parse(file(&entries.join(",")).as_bytes(), OURS, None).map(|_| ());
    assert_eq!(parse(&entries), Err(Refused::TooManyValidators));
    assert_eq!(parse(&entries[1..]), Ok(()));
    assert_eq!(parse(&[&entries[1..], &entries[1..2]].concat()), Ok(()), "one of them again is not one more");
}
