//! What is printed of canned answers.

use crate::admin::reference::sample;

use super::*;

#[test]
fn the_page_of_the_sample() {
    let (mut status, _) = sample();
    let page = page(&status);
    let lines: Vec<&str> = page.lines().collect();
    assert_eq!(
        lines,
        [
            "node   trust                  tier   consensus          execution           head      lag  in view  marks  reason",
            "attic  own                    ready  lighthouse v8.0.1  nethermind v1.35.2  11000000  0    yes      -      -",
            "alice  friend alice, standby  away   teku               unknown             -         -    no       -      \
             cannot be reached: connection refused",
            "",
            "view     slot 11000000, root 0xabababababababababababababababababababababababababababababababab, led by attic",
            "network  mainnet, slot 11000001, epoch 343750",
            "mode     guarded",
            "guard    on, 2 validators",
            "         signed last by 127.0.0.1 Lighthouse/v8.0.1, slot 11000001: 1234, 1235",
            "load     1 caller, 1 event stream, 0 publications in flight",
        ]
    );
    status.nodes[1].reasons = vec!["one".to_owned(), "x".repeat(LONGEST_REASON)];
    let page = super::page(&status);
    let line = page.lines().nth(2).unwrap_or_default();
    let wanted = format!("one; {} …", "x".repeat(LONGEST_REASON - 5));
    assert!(line.ends_with(&wanted), "all reasons, up to the bound: {line}");
    (status.guard.condition, status.guard.why) = ("from-memory".to_owned(), Some("the disk is full".to_owned()));
    status.guard.signers[0].validators = (0..20).map(|index| index.to_string()).collect();
    status.view = None;
    status.network = None;
    status.clock_offset_ms = -2_500;
    let page = super::page(&status);
    for line in [
        "guard    from-memory: the disk is full, 2 validators",
        "         signed last by 127.0.0.1 Lighthouse/v8.0.1, slot 11000001: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, \
         14, 15 and 4 more",
        "view     no head was told yet",
        "network  not known yet: no own node has told it",
        "clock    off by -2500 ms, as own nodes agree; set it by NTP",
    ] {
        assert!(page.lines().any(|it| it == line), "{line} in {page}");
    }
}

#[test]
fn ready_is_what_can_be_read_from() {
    let (status, _) = sample();
    for (tier, participation, wanted) in [
        ("ready", "full", true),
        ("ready", "standby", true),
        ("ready", "publish-only", false),
        ("behind", "full", false),
    ] {
        let mut status = status.clone();
        (status.nodes[0].tier, status.nodes[0].participation) = (tier.to_owned(), participation.to_owned());
        assert_eq!(ready(&status), wanted, "{tier} {participation}");
    }
}

#[test]
fn lag_counts_from_the_view() {
    let (status, _) = sample();
    for (slot, wanted) in [(11_000_000, "0"), (10_999_997, "3"), (11_000_001, "-1")] {
        let mut node = status.nodes[0].clone();
        if let Some(head) = &mut node.head {
            head.slot = Slot(slot);
        }
        assert_eq!(lag(&node, status.view.as_ref()), wanted);
        assert_eq!(lag(&node, None), "", "no view, no lag");
    }
}

#[test]
fn what_maintenance_says() {
    let mut node = sample().0.nodes[0].clone();
    let told = |node: &NodeStatus, safe| Maintenance { node: node.clone(), safe, why: "because".to_owned() };
    assert_eq!(maintained(&told(&node, true), "guarded"), "attic takes part again; it is ready now.");
    node.cordoned = true;
    let (safe, unsafe_now) = (maintained(&told(&node, true), "guarded"), maintained(&told(&node, false), "guarded"));
    assert!(safe.ends_with("every signed message.\nIt is safe to stop it now: because."), "{safe}");
    assert!(unsafe_now.ends_with("\nIt is NOT safe to stop it now: because."), "{unsafe_now}");
    let observed = maintained(&told(&node, true), "observe");
    assert_eq!(observed, "attic is cordoned.\nIt is safe to stop it now: because.", "reads have not moved");
}
