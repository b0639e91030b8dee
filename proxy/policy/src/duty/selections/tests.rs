//! Who is asked for selections.

use crate::books::Books;
use crate::duty::kit::Stage;
use crate::node::NodeId;

#[test]
fn only_the_middleware_is_asked() {
    for (name, nodes, asked) in [
        ("no middleware", "own lighthouse,own teku", None),
        ("the only node", "own charon", Some(vec![0])),
        ("beside a beacon node", "own lighthouse leads,own charon", Some(vec![1])),
        ("a second one is not asked", "own charon,own charon", Some(vec![0])),
        ("away, it is asked all the same", "own lighthouse leads,own away charon", Some(vec![1])),
    ] {
        for operation in ["beacon_committee_selections", "sync_committee_selections"] {
            let stage = Stage::new(nodes);
            let target = format!("/eth/v1/validator/{operation}");
            let rule = stage.rule(&mut Books::default(), "POST", &target, b"[]");
            match &asked {
                None => assert_eq!(rule.at_once().map(|made| made.status), Some(501), "{name}"),
                Some(asked) => {
                    assert_eq!(rule.at_once(), None, "{name}");
                    let plan = rule.conduct(stage.plan());
                    let ask: Vec<_> = plan.ask.iter().map(|one| one.node.0).collect();
                    assert_eq!(&ask, asked, "{name}");
                    assert_eq!(plan.race().map(|mut race| race.begin().send), Some(vec![NodeId(asked[0])]), "{name}");
                }
            }
        }
    }
}
