//! What the served picture takes over, and what it never does.

use serde_json::{Value, json};

use super::Served;
use crate::chain::{Epoch, Moment};
use crate::network::Spec;
use crate::network::tests::{genesis, spec};

const FAR: &str = "18446744073709551615";

type Changes = Vec<(&'static str, Value)>;

fn fulu(epoch: &str) -> Changes {
    vec![("FULU_FORK_EPOCH", json!(epoch))]
}

fn limits(entries: &[(u64, u64)]) -> Changes {
    let entry =
        |(epoch, most): &(u64, u64)| json!({"EPOCH": epoch.to_string(), "MAX_BLOBS_PER_BLOCK": most.to_string()});
    vec![("BLOB_SCHEDULE", entries.iter().map(entry).collect())]
}

#[test]
fn what_is_taken_over_and_what_is_not() {
    let key = |key: &'static str, value: &str| vec![(key, json!(value))];
    let gone = |key: &'static str| vec![(key, Value::Null)];
    let no_fulu: Changes = vec![("FULU_FORK_EPOCH", Value::Null), ("FULU_FORK_VERSION", Value::Null)];
    let gloas = vec![("GLOAS_FORK_EPOCH", json!("200")), ("GLOAS_FORK_VERSION", json!("0x07000001"))];
    for (name, ours, nodes, now, expected) in [
        ("nobody is ready", vec![], vec![], 60, vec![]),
        ("nothing is new", vec![], vec![vec![], vec![]], 60, vec![]),
        ("a new key, from one of two", vec![], vec![vec![], key("NEW", "1")], 60, vec!["NEW=1"]),
        ("a new key, told differently: the first", vec![], vec![key("NEW", "2"), key("NEW", "1")], 60, vec!["NEW=2"]),
        ("a key that the nodes do not tell", key("OLD", "1"), vec![vec![]], 60, vec![]),
        ("another value", vec![], vec![key("MAX_REQUEST_BLOCKS", "128")], 60, vec![]),
        (
            "another spelling",
            vec![],
            vec![key("DEPOSIT_CONTRACT_ADDRESS", "0x00000000219AB540356CBB839CBE05303D7705FA")],
            60,
            vec![],
        ),
        // Forks.
        ("a fork gets its epoch, from one of two", fulu(FAR), vec![fulu(FAR), vec![]], 60, vec!["FULU_FORK_EPOCH=100"]),
        (
            "a fork that we did not know",
            vec![],
            vec![vec![], gloas.clone()],
            60,
            vec!["GLOAS_FORK_EPOCH=200", "GLOAS_FORK_VERSION=0x07000001"],
        ),
        (
            "a fork known without an epoch",
            vec![],
            vec![vec![("GLOAS_FORK_EPOCH", json!(FAR)), ("GLOAS_FORK_VERSION", json!("0x07000001"))]],
            60,
            vec!["GLOAS_FORK_EPOCH=18446744073709551615", "GLOAS_FORK_VERSION=0x07000001"],
        ),
        ("a node that lost a fork", vec![], vec![fulu(FAR), no_fulu.clone()], 60, vec![]),
        ("a fork moved, one node still has the old epoch", vec![], vec![fulu("110"), vec![]], 60, vec![]),
        (
            "a fork moved, nobody has the old epoch",
            vec![],
            vec![fulu("110"), fulu("110")],
            60,
            vec!["FULU_FORK_EPOCH=110"],
        ),
        (
            "a fork moved, the nodes that do not know it have no say",
            vec![],
            vec![fulu(FAR), fulu("110")],
            60,
            vec!["FULU_FORK_EPOCH=110"],
        ),
        ("a fork in force moved", vec![], vec![fulu("110")], 100, vec![]),
        (
            "a fork in force has another version",
            vec![],
            vec![vec![("ELECTRA_FORK_VERSION", json!("0x05000002"))]],
            60,
            vec![],
        ),
        ("a fork that should be in force, one of two", fulu(FAR), vec![fulu(FAR), vec![]], 100, vec![]),
        ("a fork that should be in force, both", fulu(FAR), vec![vec![], vec![]], 100, vec!["FULU_FORK_EPOCH=100"]),
        (
            "a fork that should be in force, and that we did not know",
            no_fulu.clone(),
            vec![vec![]],
            300,
            vec!["FULU_FORK_EPOCH=100", "FULU_FORK_VERSION=0x06000001"],
        ),
        // Drafts.
        ("a draft's value, one node still has it", vec![], vec![key("PTC_SIZE", "2"), vec![]], 60, vec![]),
        (
            "a draft's value, nobody has it",
            vec![],
            vec![key("PTC_SIZE", "2"), gone("PTC_SIZE")],
            60,
            vec!["PTC_SIZE=2"],
        ),
        ("a draft's value, by its name", key("X_GLOAS", "1"), vec![key("X_GLOAS", "2")], 60, vec!["X_GLOAS=2"]),
        ("a preset in force", vec![], vec![key("MAX_ATTESTATIONS_ELECTRA", "9")], 50, vec![]),
        (
            "a preset not in force",
            vec![],
            vec![key("MAX_ATTESTATIONS_ELECTRA", "9")],
            49,
            vec!["MAX_ATTESTATIONS_ELECTRA=9"],
        ),
        // Blob limits.
        (
            "a limit to come, from one of two",
            vec![],
            vec![vec![], limits(&[(120, 15), (400, 20)])],
            60,
            vec![
                r#"BLOB_SCHEDULE=[{"EPOCH":"120","MAX_BLOBS_PER_BLOCK":"15"},{"EPOCH":"400","MAX_BLOBS_PER_BLOCK":"20"}]"#,
            ],
        ),
        (
            "a limit to come, told differently: the first",
            limits(&[]),
            vec![limits(&[(120, 12)]), vec![]],
            60,
            vec![r#"BLOB_SCHEDULE=[{"EPOCH":"120","MAX_BLOBS_PER_BLOCK":"12"}]"#],
        ),
        (
            "a schedule that we did not have",
            gone("BLOB_SCHEDULE"),
            vec![gone("BLOB_SCHEDULE"), vec![]],
            60,
            vec![r#"BLOB_SCHEDULE=[{"EPOCH":"120","MAX_BLOBS_PER_BLOCK":"15"}]"#],
        ),
        (
            "an empty schedule that we did not have",
            gone("BLOB_SCHEDULE"),
            vec![limits(&[])],
            60,
            vec!["BLOB_SCHEDULE=[]"],
        ),
        ("nodes without the limit", vec![], vec![limits(&[])], 60, vec![]),
        ("a limit changed, one node still has it", vec![], vec![limits(&[(120, 12)]), vec![]], 60, vec![]),
        (
            "a limit changed, nobody has it",
            vec![],
            vec![limits(&[(120, 12)])],
            60,
            vec![r#"BLOB_SCHEDULE=[{"EPOCH":"120","MAX_BLOBS_PER_BLOCK":"12"}]"#],
        ),
        ("a limit in force changed", vec![], vec![limits(&[(120, 12)])], 120, vec![]),
        ("a limit that should be in force, one of two", limits(&[]), vec![limits(&[]), vec![]], 120, vec![]),
        (
            "a limit that should be in force, both",
            limits(&[]),
            vec![vec![], vec![]],
            120,
            vec![r#"BLOB_SCHEDULE=[{"EPOCH":"120","MAX_BLOBS_PER_BLOCK":"15"}]"#],
        ),
        ("a limit that is over", vec![], vec![limits(&[(50, 9), (120, 15)])], 120, vec![]),
    ] {
        let mut served = Served { genesis: genesis(), spec: spec(&ours) };
        let before = served.spec_body();
        let nodes: Vec<Spec> = nodes.iter().map(|node| spec(node)).collect();
        let nodes: Vec<&Spec> = nodes.iter().collect();
        let changes = served.learn(&nodes, Epoch(now));
        let said: Vec<_> = changes.iter().map(|change| format!("{}={}", change.key, change.to)).collect();
        assert_eq!(said, expected, "{name}");
        assert_eq!(served.spec_body() == before, expected.is_empty(), "{name}: the bytes change only with a change");
        assert_eq!(served.learn(&nodes, Epoch(now)), [], "{name}: learnt once");
        assert_eq!(
            Spec::read(served.spec_body().as_bytes()).as_ref(),
            Ok(&served.spec),
            "{name}: map and meaning agree"
        );
    }
}

#[test]
fn a_change_tells_old_and_new() {
    let mut served = Served { genesis: genesis(), spec: spec(&fulu(FAR)) };
    let changes = served.learn(&[&spec(&[])], Epoch(60));
    assert_eq!(changes[0].from.as_deref(), Some(FAR));
    assert_eq!(served.spec.fork("fulu").map(|fork| fork.epoch), Some(Epoch(100)));
}

#[test]
fn the_epoch_of_a_moment() {
    let served = Served { genesis: genesis(), spec: spec(&[]) };
    let start = genesis().moment();
    for (name, now, epoch) in [
        ("before genesis", Moment(start.0 - 1), 0),
        ("genesis", start, 0),
        ("the last of epoch 0", start.plus(32 * 12_000 - 1), 0),
        ("the first of epoch 1", start.plus(32 * 12_000), 1),
    ] {
        assert_eq!(served.epoch(now), Epoch(epoch), "{name}");
    }
}

/// Small and seeded: the same mixtures every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// Nodes of old and new schedule in every mixture, across a fork and a blob limit after it.
///
/// The world: nodes are upgraded at some epoch or never. An old node stops following the chain when the fork comes, so
/// it is no longer ready from then on; that is the world's doing, not the comparison's.
#[test]
fn a_rolling_upgrade_makes_nobody_foreign() {
    let old_schedule = [fulu(FAR), limits(&[])].concat();
    let (old, new) = (spec(&old_schedule), spec(&[]));
    let (fork, limit) = (100, 120);
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let (mut behind_seen, mut late_seen) = (0, 0);
    for round in 0..100 {
        let nodes = 1 + random.below(5);
        let upgraded: Vec<u64> = (0..nodes).map(|_| 80 + random.below(60)).collect();
        let has = |node: usize, now: u64| upgraded[node] <= now;
        let spec_of = |node: usize, now: u64| if has(node, now) { &new } else { &old };
        let mut served = Served { genesis: genesis(), spec: spec_of(0, 80).clone() };
        // The oracle: when the picture must have the fork, from the upgrades alone.
        let first = upgraded.iter().copied().min().unwrap_or(u64::MAX).max(80);
        for now in 80..150 {
            let follows = |node: &usize| now < fork || has(*node, now);
            let ready: Vec<_> = (0..upgraded.len()).filter(follows).map(|node| spec_of(node, now)).collect();
            let before = served.clone();
            let changes = served.learn(&ready, Epoch(now));
            let in_force = |served: &Served| {
                served.spec.forks.iter().filter(|it| it.is_in_force(Epoch(now - 1))).cloned().collect::<Vec<_>>()
            };
            let kept = in_force(&before);
            assert!(in_force(&served).starts_with(&kept), "round {round}, epoch {now}: a fork in force changed");
            if changes.is_empty() {
                assert_eq!(served.spec_body(), before.spec_body(), "round {round}, epoch {now}");
            }
            let serves_fork = served.spec.fork("fulu").is_some_and(super::Fork::is_scheduled);
            assert_eq!(serves_fork, first <= now, "round {round}, epoch {now}: upgrades at {upgraded:?}");
            late_seen += u32::from(first > fork && serves_fork);
            for node in 0..upgraded.len() {
                let comparison = served.compare(&genesis(), spec_of(node, now), Epoch(now));
                let context = format!("round {round}, epoch {now}, node {node} of {upgraded:?}: {comparison:?}");
                assert_eq!(comparison.foreign, [], "{context}");
                let old_now = !has(node, now) && serves_fork;
                assert_eq!(
                    comparison.behind.iter().any(|gap| gap.change == "fork fulu"),
                    old_now && now >= fork,
                    "{context}"
                );
                assert_eq!(
                    comparison.behind.iter().any(|gap| gap.change == "blob limit"),
                    old_now && now >= limit,
                    "{context}"
                );
                assert_eq!(comparison.not_ready.is_empty(), !old_now || now >= limit, "{context}");
                behind_seen += u32::from(!comparison.behind.is_empty());
            }
        }
    }
    assert!(behind_seen > 1_000 && late_seen > 20, "the mixtures must meet the cases: {behind_seen}, {late_seen}");
}
