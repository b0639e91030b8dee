//! What nodes see, and that the checkpoints fit what a real network was recorded to answer.

use super::*;
use crate::fork::Fork;

fn ground(slot_ms: u64, first: u64) -> Ground {
    let rules = Rules {
        seed: 4,
        preset: Preset::Minimal,
        slot_ms,
        empty_per_mille: 0,
        reorgs: Vec::new(),
        live_from: first,
        own: BTreeSet::new(),
    };
    Ground::new(1, rules, Clock::starting_at(first, slot_ms), Schedule::all(Fork::Electra), 16)
}

#[test]
fn a_late_a_lagging_and_a_stopped_node_see_older_heads() {
    let ground = ground(10_000, 40);
    let now = ground.clock.slot();
    let see = |sight: Sight| ground.view(&sight).head.slot;
    let near = see(Sight::default());
    assert!(near >= now - 1);
    assert_eq!(see(Sight { lag: 3, ..Sight::default() }), now - 3);
    assert_eq!(see(Sight { stopped_at: Some(17), ..Sight::default() }), 17);
    assert!(see(Sight { delay_ms: 30_000, ..Sight::default() }) <= now - 3);
}

#[test]
fn checkpoints_follow_the_head_as_on_a_real_network() {
    let ground = ground(10_000, 80);
    // (head slot, asked slot, source, target epoch): the second row was recorded, slot 57 of 8-slot epochs.
    for (head, slot, source, target) in [(56, 56, 6, 7), (57, 57, 6, 7), (55, 56, 6, 7), (50, 56, 5, 7), (53, 64, 6, 8)]
    {
        let view = ground.view(&Sight { stopped_at: Some(head), ..Sight::default() });
        let data = ground.attestation_data(&view, slot);
        assert_eq!((data.source.epoch, data.target.epoch), (source, target), "head {head}, slot {slot}");
        assert_eq!(data.target.root, ground.root_at(&view, target * 8), "head {head}, slot {slot}");
        assert_eq!(data.head, view.head.root);
    }
}

#[test]
fn a_minority_branch_justifies_nothing_new() {
    let ground = ground(10_000, 80);
    ground.chain(|chain| chain.branch_off(1, 30));
    let view = ground.view(&Sight { branch: Some(1), ..Sight::default() });
    assert_eq!(ground.justified(&view, 79), 2, "parted in epoch 3");
    assert!(!ground.knows(&view, ground.view(&Sight::default()).head.root));
}

#[test]
fn dependent_roots_hang_where_the_api_says() {
    let ground = ground(10_000, 80);
    let view = ground.view(&Sight::default());
    assert_eq!(ground.dependent_root(&view, 5), ground.root_at(&view, 31));
    assert_eq!(ground.dependent_root(&view, 0), ground.root_at(&view, 0));
    assert_eq!(ground.dependent_root(&view, 1), ground.root_at(&view, 0));
}
