//! Reload through the real file system: every test changes a file and waits for what the receiver is told.

use std::process::Command;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch::Receiver;

use super::{Latest, Watcher, watch_every};
use crate::config::files::Seen;
use crate::config::tests::Folder;
use crate::config::{Sources, load};

const OFTEN: Duration = Duration::from_millis(2);
const NEVER: Duration = Duration::from_secs(1_000_000);

fn node(name: &str) -> String {
    format!("[[node]]\nname = \"{name}\"\nurl = \"http://{name}:5052\"\n")
}

/// Watches without SIGHUP, which would reach every watcher of this process and make a change found that was not.
fn start(period: Duration, sources: &Sources) -> Receiver<Latest> {
    let running = load(sources).expect("a good configuration");
    watch_every(period, asked_by(SignalKind::user_defined2()), sources.clone(), running)
}

fn asked_by(kind: SignalKind) -> Signal {
    signal(kind).expect("a signal can be listened for")
}

/// Waits until the receiver was told so; the limit only ends a test that would otherwise hang.
async fn until(receiver: &mut Receiver<Latest>, fact: impl FnMut(&Latest) -> bool) -> Latest {
    let told = tokio::time::timeout(Duration::from_secs(60), receiver.wait_for(fact)).await;
    told.expect("the receiver is told").expect("the watcher lives").clone()
}

fn names(latest: &Latest) -> String {
    latest.loaded.config.nodes.iter().map(|node| &*node.name).collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn a_change_arrives_and_a_bad_file_changes_nothing() {
    let folder = Folder::new();
    folder.write("config.toml", &node("attic"));
    let mut receiver = start(OFTEN, &folder.sources(&[]));

    folder.write("config.toml", &(node("attic") + &node("hut")));
    until(&mut receiver, |latest| names(latest) == "attic hut").await;

    folder.write("config.toml", "nodes = 1\nmode = \"fast\"\n");
    let latest = until(&mut receiver, |latest| latest.refused.is_some()).await;
    assert_eq!(names(&latest), "attic hut", "the one that runs stays");
    let problems = latest.refused.expect("just awaited").to_string();
    assert!(problems.contains("nodes: unknown option") && problems.contains("\"fast\""), "all of them: {problems}");

    std::fs::remove_file(folder.path().join("config.toml")).expect("it is there");
    let gone = |latest: &Latest| {
        latest.refused.as_ref().is_some_and(|refused| refused.to_string().contains("no configuration file"))
    };
    assert_eq!(names(&until(&mut receiver, gone).await), "attic hut");

    folder.write("config.toml", &node("hut"));
    let latest = until(&mut receiver, |latest| latest.refused.is_none()).await;
    assert_eq!(names(&latest), "hut");
}

#[tokio::test]
async fn a_secret_of_the_same_length_is_a_change() {
    let folder = Folder::new();
    folder.write("attic.token", "aaaa");
    folder.write("config.toml", &(node("attic") + "token_file = \"attic.token\"\n"));
    let mut receiver = start(OFTEN, &folder.sources(&[]));
    let token =
        |latest: &Latest| latest.loaded.config.nodes[0].authorization.as_ref().map(|secret| secret.expose().to_owned());
    assert_eq!(token(&receiver.borrow()).as_deref(), Some("Bearer aaaa"));
    // The first may be found by the reading at the start, the second only by looking.
    for next in ["bbbb", "cccc"] {
        folder.write("attic.token", next);
        until(&mut receiver, |latest| token(latest) == Some(format!("Bearer {next}"))).await;
    }
    folder.write("attic.token", "");
    until(&mut receiver, |latest| latest.refused.is_some()).await;
    folder.write("attic.token", "bbbb");
    until(&mut receiver, |latest| latest.refused.is_none()).await;
}

#[tokio::test]
async fn a_file_that_appears_before_another_is_seen() {
    let folder = Folder::new();
    folder.write("system.toml", &node("system"));
    let mut receiver = start(OFTEN, &folder.sources(&[]));
    assert_eq!(names(&receiver.borrow()), "system");
    folder.write("config.toml", &node("nearer"));
    until(&mut receiver, |latest| names(latest) == "nearer").await;
}

#[tokio::test]
async fn a_change_between_the_start_and_the_watch_is_not_missed() {
    let folder = Folder::new();
    folder.write("config.toml", &node("attic"));
    let sources = folder.sources(&[]);
    let running = load(&sources).expect("a good configuration");
    folder.write("config.toml", &node("hut"));
    let mut receiver = watch_every(NEVER, asked_by(SignalKind::user_defined2()), sources, running);
    until(&mut receiver, |latest| names(latest) == "hut").await;
}

#[tokio::test]
async fn sighup_reads_at_once_and_tells_even_if_nothing_differs() {
    let folder = Folder::new();
    folder.write("config.toml", &node("attic"));
    let sources = folder.sources(&[]);
    let running = load(&sources).expect("a good configuration");
    let mut receiver = watch_every(NEVER, asked_by(SignalKind::hangup()), sources, running);
    receiver.borrow_and_update();
    let pid = std::process::id().to_string();
    // The first may be answered by the reading at the start, the second only by SIGHUP.
    for _ in 0..2 {
        assert!(Command::new("kill").args(["-HUP", &pid]).status().expect("kill runs").success());
        let told = tokio::time::timeout(Duration::from_secs(60), receiver.changed()).await;
        told.expect("the receiver is told").expect("the watcher lives");
        assert_eq!(names(&receiver.borrow_and_update()), "attic");
    }
}

#[test]
fn a_file_written_in_pieces_is_read_when_it_is_whole() {
    let folder = Folder::new();
    folder.write("config.toml", &(node("attic") + &node("hut")));
    let mut watcher = Watcher { sources: folder.sources(&[]), seen: Seen::default(), settling: None };
    let mut look = |asked| watcher.look(asked).map(|result| result.map(|loaded| loaded.config.nodes.len()));
    assert_eq!(look(true), Some(Ok(2)));
    assert_eq!(look(false), None, "nothing differs");
    folder.write("config.toml", &node("attic"));
    assert_eq!(look(false), None, "it may still be written");
    folder.write("config.toml", &(node("attic") + &node("hut") + &node("shed")));
    assert_eq!(look(false), None, "it was");
    assert_eq!(look(false), Some(Ok(3)));
    assert_eq!(look(false), None, "it was read");
    folder.write("config.toml", "");
    assert_eq!(look(false), None);
    folder.write("config.toml", &(node("attic") + &node("hut") + &node("shed")));
    assert_eq!(look(false), None, "back to what is running");
    folder.write("config.toml", "");
    assert_eq!(look(false), None, "and seen for the first time again");
}
