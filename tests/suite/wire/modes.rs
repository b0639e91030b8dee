//! What each mode leaves in force.

use std::time::Duration;

use rangelight_tests::{Home, Wiring};
use tokio::time::timeout;

use super::{NAMES, world};

#[tokio::test(flavor = "multi_thread")]
async fn pass_through_has_our_health_and_our_events() {
    let world = world(1).await;
    let home = Home::start(&Wiring::all_own(&world).top("mode = \"pass-through\""));
    home.until_tier(NAMES[0], "ready").await;
    for path in ["/eth/v1/node/health", "/eth/v1/node/syncing", "/eth/v1/beacon/genesis", "/eth/v1/config/spec"] {
        home.own().get(path).await.is(200);
    }
    let mut events = home.own().events("topics=head").await;
    timeout(Duration::from_secs(10), events.event("head")).await.expect("a slot takes a second");
}
