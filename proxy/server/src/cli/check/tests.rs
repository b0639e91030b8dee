//! What is printed of canned visits.

use rangelight_policy::events::Topic;
use rangelight_policy::node::Participation;

use super::judge::tests::{healthy, node};
use super::*;

#[test]
fn the_table_of_nodes() {
    let nodes = [node("attic"), node("cellar"), node("barn")];
    let mut quiet = healthy();
    quiet.events = Ok([Topic::HeadV2].into());
    quiet.ssz = Ok(false);
    quiet.clock_ms = Some(3_100);
    if let Ok(said) = &mut quiet.syncing {
        (said.is_optimistic, said.el_offline) = (None, None);
    }
    let visits = [healthy(), quiet, Visit::failed("cannot be reached: connection refused")];
    let judgement = judge(&nodes, &visits, Before::default(), rangelight_policy::chain::Moment(12_018_000));
    let page = page(&nodes, &visits, &judgement);
    let table: Vec<Vec<&str>> = page
        .lines()
        .skip(2)
        .take(4)
        .map(|line| line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect())
        .collect();
    let healthy = ["lighthouse v8.0.1", "geth v1.16.7", "1000", "synced"];
    assert_eq!(
        table,
        [
            vec![
                "node",
                "tier",
                "network",
                "consensus",
                "execution",
                "head",
                "sync",
                "optimistic",
                "EL",
                "peers",
                "ms",
                "clock",
                "events",
                "SSZ"
            ],
            [&["attic", "ready", "same"], &healthy[..], &["no", "online", "50", "2.0", "same", "all", "yes"]].concat(),
            [&["cellar", "ready", "same"], &healthy[..], &["?", "?", "50", "2.0", "+3100 ms", "all but 1", "no"]]
                .concat(),
            vec!["barn", "away", "?", "unknown", "unknown", "-", "-", "-", "-", "-", "-", "-", "-", "-"],
        ]
    );
    assert!(page.starts_with("network: kitchen, slot "), "{page}");
    let problems: Vec<&str> = page.lines().skip(7).collect();
    assert_eq!(problems.len(), 3, "one line for each node that has a problem, then the topics: {page}");
    assert!(problems[0].starts_with("cellar: its clock "), "{page}");
    assert!(problems[1].starts_with("barn: cannot be reached"), "{page}");
    assert_eq!(problems[2], "cellar does not know the topics head_v2");
}

#[test]
fn why_nothing_is_usable() {
    let nodes = [node("a"), NodeConfig { participation: Participation::PublishOnly, ..node("b") }];
    let mut syncing = healthy();
    if let Ok(said) = &mut syncing.syncing {
        said.is_syncing = true;
    }
    let now = rangelight_policy::chain::Moment(12_018_000);
    for (name, visits, wanted) in [
        ("one is", [healthy(), healthy()], None),
        (
            "each has its reason",
            [syncing, healthy()],
            Some("no node is usable: a is syncing, b is publish-only; the lines above say what to do"),
        ),
        (
            "no network",
            [Visit::failed("x"), Visit::failed("x")],
            Some("no node is usable: no own node has told its genesis and spec yet"),
        ),
    ] {
        let judgement = judge(&nodes, &visits, Before::default(), now);
        assert_eq!(unusable(&nodes, &judgement).as_deref(), wanted, "{name}");
    }
}

#[test]
fn settings_have_their_origin() {
    let setting = |key: &str, value: &str, origin| Setting { key: key.to_owned(), value: value.to_owned(), origin };
    let file = Origin::File { path: std::path::Path::new("/etc/config.toml").into(), line: Some(3) };
    let table = settings(&[
        setting("mode", "guarded", Origin::Default),
        setting("node.attic.url", "http://attic:5052", file),
        setting("network", "", Origin::Environment("RANGELIGHT_NETWORK".into())),
        setting("node.attic.operator", "", Origin::Default),
    ]);
    assert_eq!(
        table.to_string(),
        "setting         value              from\n\
         mode            guarded            default\n\
         node.attic.url  http://attic:5052  /etc/config.toml:3\n\
         network         -                  environment RANGELIGHT_NETWORK\n"
    );
}
