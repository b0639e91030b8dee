//! Named cases: what each node does, whom was asked when, and what came of it.

use super::*;
use crate::race::simulation::script::{parse, play};

const TERMS: Terms =
    Terms { enough: Score([1, 0, 0, 0]), soft: Duration::from_millis(200), deadline: Duration::from_millis(1_000) };

#[test]
fn named_cases() {
    for (name, nodes, trace) in [
        ("all of them", "own good@10, own good@50", "0+1@0 | merged 0,1@50"),
        ("one that covers, and one that does not", "own good@10, own weak@50", "0+1@0 | merged 0,1@50"),
        ("a slow one is waited for to the soft time", "own good@10, own weak@500", "0+1@0 | merged 0@200"),
        ("cover comes after the soft time", "own weak@10, own good@500, own hang", "0+1+2@0 | merged 0,1@500"),
        ("no cover: everybody has to the deadline", "own weak@10, own hang", "0+1@0 | merged 0@1000"),
        ("no cover, everybody spoke", "own weak@10, own bad@20", "0+1@0 | merged 0@20"),
        ("a refusal beside an answer", "own 404@10, own good@20", "0+1@0 | merged 1@20"),
        ("refusals", "own bad@10, own 400@20", "0+1@0 | 1@20"),
        ("faults", "own bad@10, own bad@20", "0+1@0 | none@20"),
        ("nobody answers", "own hang", "0@0 | none@1000"),
        ("a friend who counts", "own weak@10, friend good@20", "0+1@0 | merged 0,1@20"),
        ("a friend in reserve is not asked", "own weak@10, friend reserve good@20", "0@0 | merged 0@10"),
        ("a friend in reserve is needed", "own 404@10, friend reserve good@20", "0@0 1@10 | merged 1@30"),
        ("a friend in reserve is no use", "own 404@10, friend reserve 400@20", "0@0 1@10 | 0@30"),
        ("a hanging node keeps the reserve", "own hang, friend reserve good@20", "0@0 | none@1000"),
    ] {
        let (candidates, nodes) = parse(nodes);
        assert_eq!(play(&mut Gather::new(&candidates, TERMS), &nodes, &[]), trace, "{name}");
    }
    assert_eq!(play(&mut Gather::new(&[], TERMS), &[], &[]), "| none@0", "without anybody");
}

#[test]
fn a_lost_node_is_not_waited_for() {
    let ms = Duration::from_millis;
    for (nodes, trace) in [
        ("own good@10, own hang", "0+1@0 | merged 0@50"),
        ("own bad@10, own hang, friend reserve good@20", "0+1@0 2@50 | merged 2@70"),
    ] {
        let (candidates, nodes) = parse(nodes);
        let lost = [(ms(50), Note::NodeLost(NodeId(1)))];
        assert_eq!(play(&mut Gather::new(&candidates, TERMS), &nodes, &lost), trace);
    }
}
