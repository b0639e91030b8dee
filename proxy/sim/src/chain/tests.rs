//! Tables and properties of the fake chain.

use super::*;

fn rules(seed: u64) -> Rules {
    Rules {
        seed,
        preset: Preset::Minimal,
        slot_ms: 1000,
        empty_per_mille: 0,
        reorgs: Vec::new(),
        live_from: 0,
        own: BTreeSet::new(),
    }
}

fn grown(rules: Rules, slots: u64) -> Chain {
    let mut chain = Chain::new(rules);
    chain.grow(slots * 1000 + 999, |slot| slot % 7);
    chain
}

fn roots(chain: &Chain, to: u64) -> Vec<Root> {
    (0..=to).map(|slot| chain.tip(chain.canonical_at(u64::MAX), slot).root).collect()
}

#[test]
fn the_same_seed_gives_the_same_chain_however_it_is_grown() {
    let at_once = grown(rules(1), 40);
    let mut in_steps = Chain::new(rules(1));
    (0..=40_999).step_by(333).chain([40_999]).for_each(|ms| in_steps.grow(ms, |slot| slot % 7));
    assert_eq!(roots(&at_once, 40), roots(&in_steps, 40));
    assert_ne!(roots(&at_once, 40), roots(&grown(rules(2), 40), 40));
}

#[test]
fn every_block_has_the_one_before_it_as_parent() {
    let chain = grown(Rules { empty_per_mille: 300, ..rules(5) }, 100);
    let mut empty = 0;
    for slot in 1..=100 {
        let (block, before) = (chain.tip(0, slot), chain.tip(0, slot - 1));
        if block.slot == slot {
            assert_eq!(block.parent, before.root, "slot {slot}");
        } else {
            empty += 1;
        }
    }
    assert!((10..60).contains(&empty), "{empty} of 100 slots are empty");
}

#[test]
fn a_scripted_reorg_replaces_the_last_blocks() {
    let chain = grown(Rules { reorgs: vec![Reorg { slot: 10, depth: 2 }], ..rules(1) }, 12);
    let new = chain.canonical_at(u64::MAX);
    assert_ne!(new, 0);
    assert_eq!(chain.tip(new, 10).parent, chain.tip(0, 7).root, "8 and 9 are gone");
    assert_eq!(chain.tip(new, 9).slot, 7);
    assert_eq!(chain.tip(0, 9).slot, 9, "their blocks are still known");
    assert!(!chain.is_ancestor(chain.tip(0, 9), chain.tip(new, 12)));
    assert!(chain.is_ancestor(chain.tip(0, 7), chain.tip(new, 12)));
    assert_eq!(chain.canonical_at(9_999), 0, "before the block appeared nobody knew");
}

#[test]
fn a_minority_branch_grows_beside_the_chain() {
    let mut chain = grown(rules(1), 10);
    chain.branch_off(1, 11);
    chain.grow(15_999, |slot| slot % 7);
    assert_eq!(chain.tip(1, 11).parent, chain.tip(0, 10).root);
    assert_ne!(chain.tip(1, 15).root, chain.tip(0, 15).root);
    assert_eq!(chain.tip(1, 10).root, chain.tip(0, 10).root);
}

#[test]
fn own_blocks_land_only_when_published_in_time_on_a_tip() {
    let mut chain = grown(Rules { own: BTreeSet::from([3]), ..rules(1) }, 10);
    assert_eq!(chain.tip(0, 10).slot, 9, "slot 10 is validator 3's and nobody published");
    let block = Block {
        slot: 10,
        root: Root([1; 32]),
        parent: chain.tip(0, 9).root,
        state: Root([2; 32]),
        proposer: 3,
        fee_recipient: Address([9; 20]),
        publisher: Some("attic".into()),
        landed_ms: 10_100,
        branch: 0,
    };
    let cases = [
        ("another slot's time", Block { landed_ms: 11_000, ..block.clone() }, Landing::WrongSlot),
        ("another proposer", Block { proposer: 4, ..block.clone() }, Landing::WrongSlot),
        ("an unknown parent", Block { parent: Root([7; 32]), ..block.clone() }, Landing::StaleParent),
        ("an old parent", Block { parent: chain.tip(0, 8).root, ..block.clone() }, Landing::StaleParent),
        ("as it should be", block.clone(), Landing::New),
        ("again", block.clone(), Landing::Known),
        ("another one", Block { root: Root([3; 32]), ..block.clone() }, Landing::Equivocation),
    ];
    for (name, case, landing) in cases {
        assert_eq!(chain.publish(case, 3), landing, "{name}");
    }
    assert_eq!(chain.tip(0, 10).fee_recipient, Address([9; 20]));
}

#[test]
fn old_blocks_are_forgotten_and_genesis_is_not() {
    let chain = grown(rules(1), KEPT_SLOTS + 100);
    assert_eq!(chain.tip(0, 50).slot, 0);
    assert_eq!(chain.tip(0, 100).slot, 100);
    assert!(chain.blocks.len() as u64 <= KEPT_SLOTS + 2);
}
