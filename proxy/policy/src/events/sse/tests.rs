//! The wire, cut anywhere.

use super::{Frame, Framing, MAX_EVENT, frame};
use crate::events::Topic;

fn read(bytes: &[u8]) -> (Vec<(String, String)>, u64) {
    let mut framing = Framing::default();
    let frames = framing.feed(bytes);
    (frames.into_iter().map(|Frame { event, json }| (event, json)).collect(), framing.dropped())
}

#[test]
fn framings_of_nodes() {
    for (name, wire, expected) in [
        ("a space after the colon", "event: head\ndata: {}\n\n", vec![("head", "{}")]),
        ("no space", "event:head\ndata:{}\n\n", vec![("head", "{}")]),
        ("two spaces: one belongs to the value", "event: head\ndata:  {}\n\n", vec![("head", " {}")]),
        ("CRLF", "event: head\r\ndata: {}\r\n\r\n", vec![("head", "{}")]),
        ("CR", "event: head\rdata: {}\r\r", vec![("head", "{}")]),
        ("each line its own", "event: head\rdata: {}\n\r\n", vec![("head", "{}")]),
        ("data first", "data: {}\nevent: head\n\n", vec![("head", "{}")]),
        ("comments around", ":keep-alive\n\n: hi\nevent: head\n:x\ndata: {}\n\n:\n\n", vec![("head", "{}")]),
        ("several data lines", "event: head\ndata: {\ndata: }\n\n", vec![("head", "{\n}")]),
        ("id and retry", "id: 1\nretry: 5\nevent: head\ndata: {}\n\n", vec![("head", "{}")]),
        ("a field without a colon", "event: head\ndata\n\n", vec![("head", "")]),
        ("no event line", "data: {}\n\n", vec![("", "{}")]),
        ("the name does not stay for the next", "event: a\ndata: 1\n\ndata: 2\n\n", vec![("a", "1"), ("", "2")]),
        ("an event without data is none", "event: head\n\nevent: block\ndata: {}\n\n", vec![("block", "{}")]),
        ("a byte order mark", "\u{feff}event: head\ndata: {}\n\n", vec![("head", "{}")]),
        ("cut off", "event: head\ndata: {}\n", vec![]),
        ("colons in the value", "event: head\ndata: {\"a\":\"b: c\"}\n\n", vec![("head", "{\"a\":\"b: c\"}")]),
    ] {
        let expected: Vec<_> = expected.into_iter().map(|(event, json)| (event.to_owned(), json.to_owned())).collect();
        assert_eq!(read(wire.as_bytes()), (expected.clone(), 0), "{name}");
        // The same, one byte at a time, and cut once at every place.
        let mut framing = Framing::default();
        let single: Vec<_> =
            wire.bytes().flat_map(|byte| framing.feed(&[byte])).map(|it| (it.event, it.json)).collect();
        assert_eq!(single, expected, "{name}, byte by byte");
        for cut in 0..=wire.len() {
            let mut framing = Framing::default();
            let mut frames = framing.feed(&wire.as_bytes()[..cut]);
            frames.extend(framing.feed(&wire.as_bytes()[cut..]));
            let frames: Vec<_> = frames.into_iter().map(|it| (it.event, it.json)).collect();
            assert_eq!(frames, expected, "{name}, cut at {cut}");
        }
    }
}

#[test]
fn an_event_over_the_bound_is_dropped_and_the_next_is_read() {
    let next = "event: head\ndata: {}\n\n";
    let long = "x".repeat(MAX_EVENT);
    let half = "x".repeat(MAX_EVENT / 2);
    for (name, wire) in [
        ("a data line", format!("event: head\ndata: {long}\n\n")),
        ("an event line", format!("event: {long}\ndata: {{}}\n\n")),
        ("a comment", format!(":{long}\ndata: {{}}\n\n")),
        ("data lines together", format!("event: head\ndata: {half}\ndata: {half}\ndata: {half}\n\n")),
        ("several such lines", format!("data: {long}\ndata: {long}\n\n")),
    ] {
        let wire = wire + next;
        assert_eq!(read(wire.as_bytes()), (vec![("head".to_owned(), "{}".to_owned())], 1), "{name}");
    }
    let fits = "x".repeat(MAX_EVENT - "data: ".len());
    assert_eq!(read(format!("data: {fits}\n\n").as_bytes()), (vec![(String::new(), fits)], 0), "just fits");
}

#[test]
fn an_endless_line_takes_no_endless_memory() {
    let mut framing = Framing::default();
    for fed in 1..=64 {
        assert_eq!(framing.feed(&[b'x'; MAX_EVENT / 8]), []);
        let bound = if fed <= 8 { MAX_EVENT } else { 0 };
        assert!(framing.line.capacity() <= bound, "{} after {fed} eighths", framing.line.capacity());
    }
}

#[test]
fn where_the_bytes_are_cut_never_matters() {
    let mut seed = 0x0bad_cafe_u64;
    let mut below = move |bound: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed % bound as u64).expect("below a usize")
    };
    let pieces: [&[u8]; 12] = [
        b"event",
        b"data",
        b":",
        b": ",
        b"\n",
        b"\n\n",
        b"\r",
        b"\r\n",
        b"{}",
        b"\xff",
        b"\xef\xbb\xbf",
        "é".as_bytes(),
    ];
    let mut events = 0;
    for round in 0..3_000 {
        let wire: Vec<u8> = (0..below(40)).flat_map(|_| pieces[below(pieces.len())]).copied().collect();
        let (whole, dropped) = read(&wire);
        let (mut framing, mut cut, mut rest) = (Framing::default(), Vec::new(), &wire[..]);
        while !rest.is_empty() {
            let (part, after) = rest.split_at(below(rest.len()) + 1);
            cut.extend(framing.feed(part).into_iter().map(|it| (it.event, it.json)));
            rest = after;
        }
        assert_eq!((cut, framing.dropped()), (whole.clone(), dropped), "round {round}: {wire:?}");
        events += whole.len();
    }
    assert!(events > 300, "the bytes must make events, too: {events}");
}

#[test]
fn bytes_that_are_no_text_cost_one_event() {
    let wire = b"event: head\ndata: \xff\xfe\n\nevent: head\ndata: {}\n\n";
    assert_eq!(read(wire), (vec![("head".to_owned(), "{}".to_owned())], 1));
}

#[test]
fn what_we_write_is_exact_and_reads_back() {
    assert_eq!(frame(Topic::Head, "{\"slot\":\"1\"}"), "event: head\ndata: {\"slot\":\"1\"}\n\n");
    // A node that spread the JSON over lines must not break our frame.
    let text = frame(Topic::Block, "{\n\"slot\":\r\n\"1\"}");
    assert_eq!(text, "event: block\ndata: { \"slot\":  \"1\"}\n\n");
    assert_eq!(read(text.as_bytes()).0, [("block".to_owned(), "{ \"slot\":  \"1\"}".to_owned())]);
    assert_eq!(read(super::KEEP_ALIVE.as_bytes()), (vec![], 0));
}
