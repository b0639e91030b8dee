//! The guard's states: on, from memory, refusing; two at once; peers.

use std::sync::{Condvar, Mutex};

use super::disk::{Disk, DiskPlace};
use super::*;
use crate::guard::redb::Redb;

/// A store whose commits wait for the test.
#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<GateState>, Condvar)>);

#[derive(Default)]
struct GateState {
    allowed: usize,
    commits: Vec<Changes>,
    fails: Option<Fault>,
}

impl Gate {
    fn state(&self) -> std::sync::MutexGuard<'_, GateState> {
        self.0.0.lock().expect("no test panics inside")
    }

    /// Lets so many more commits through.
    fn allow(&self, commits: usize) {
        self.state().allowed += commits;
        self.0.1.notify_all();
    }

    fn fail(&self, fault: Option<Fault>) {
        self.state().fails = fault;
    }

    fn commits(&self) -> Vec<Changes> {
        self.state().commits.clone()
    }
}

impl Store for Gate {
    fn load(&mut self, _take: &mut dyn FnMut(Record)) -> Result<Kept, Fault> {
        Ok(Kept::default())
    }

    fn commit(&mut self, changes: &Changes) -> Result<(), Fault> {
        let mut state = self.0.1.wait_while(self.state(), |state| state.allowed == 0).expect("no test panics inside");
        state.allowed -= 1;
        match &state.fails {
            Some(fault) => Err(fault.clone()),
            None => {
                state.commits.push(changes.clone());
                Ok(())
            }
        }
    }
}

/// Polls once; `None` if it is not ready.
fn poll_once<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::Pin::new(future).poll(&mut context) {
        std::task::Poll::Ready(output) => Some(output),
        std::task::Poll::Pending => None,
    }
}

#[tokio::test]
async fn of_two_at_once_the_second_is_refused_before_the_first_is_durable() {
    let gate = Gate::default();
    let guard = guard(gate.clone());
    let caller = caller();
    let (one, other) = ([vote(1, 9, 10, 1)], [vote(1, 9, 10, 2)]);
    let now = scene(10);
    let mut first = Box::pin(guard.decide_and_record(&caller, &one, &now));
    assert_eq!(poll_once(&mut first), None, "it is not durable yet");
    let second = guard.decide_and_record(&caller, &other, &now).await.expect("a refusal waits for nothing");
    assert_eq!(second, [Decision::Refused(Conflict::DoubleVote(one[0].record))]);
    let mut again = Box::pin(guard.decide_and_record(&caller, &one, &now));
    assert_eq!(poll_once(&mut again), None, "the same message may not go before the first is durable");
    gate.allow(9);
    assert_eq!(first.await, Ok(vec![Decision::New]));
    assert_eq!(again.await, Ok(vec![Decision::Known]));
    assert_eq!(gate.commits().iter().map(|changes| changes.insert.len()).sum::<usize>(), 1);
}

#[tokio::test]
async fn a_thousand_at_once_cost_few_commits() {
    let gate = Gate::default();
    let guard = guard(gate.clone());
    let now = scene(10);
    let caller = caller();
    let asked: Vec<[Asked; 1]> = (0..1_000).map(|validator| [vote(validator, 9, 10, 1)]).collect();
    let mut waiting: Vec<_> = asked.iter().map(|one| Box::pin(guard.decide_and_record(&caller, one, &now))).collect();
    assert!(waiting.iter_mut().all(|one| poll_once(one).is_none()));
    gate.allow(usize::MAX);
    for one in waiting {
        assert_eq!(one.await, Ok(vec![Decision::New]));
    }
    let commits = gate.commits();
    assert!(commits.len() <= 3, "{} commits", commits.len());
    assert_eq!(commits.iter().map(|changes| changes.insert.len()).sum::<usize>(), 1_000);
}

#[tokio::test]
async fn while_commits_fail_memory_decides_and_nothing_is_forgotten() {
    let gate = Gate::default();
    gate.allow(usize::MAX);
    gate.fail(Some(Fault::Broken("the disk is on fire".to_owned())));
    let guard = guard(gate.clone());
    let decided = guard.decide_and_record(&caller(), &[vote(1, 9, 10, 1)], &scene(10)).await;
    assert_eq!(decided, Ok(vec![Decision::New]), "memory is complete");
    assert_eq!(guard.condition(), Condition::FromMemory("the disk is on fire".to_owned()));
    let decided = guard.decide_and_record(&caller(), &[vote(1, 9, 10, 2)], &scene(10)).await.expect("memory decides");
    assert!(refused(&decided[0]), "what was let out from memory counts");
    assert!(guard.meters.render().contains("rangelight_alarms_total{sort=\"guard_from_memory\"} 1"));
    gate.fail(None);
    let decided = guard.decide_and_record(&caller(), &[vote(2, 9, 10, 1)], &scene(10)).await;
    assert_eq!(decided, Ok(vec![Decision::New]));
    assert_eq!(guard.condition(), Condition::On);
    assert_eq!(gate.commits().iter().map(|changes| changes.insert.len()).sum::<usize>(), 2, "both are durable now");
}

#[tokio::test]
async fn memory_decides_for_one_epoch() {
    let gate = Gate::default();
    gate.allow(usize::MAX);
    gate.fail(Some(Fault::Full("no space".to_owned())));
    let guard = guard(gate.clone());
    // An epoch of no length is over at once.
    let mut now = scene(10);
    now.window.clock.slot_ms = 0;
    let refused = guard.decide_and_record(&caller(), &[vote(1, 9, 10, 1)], &now).await;
    let refusal = refused.expect_err("the epoch is over").to_string();
    assert!(refusal.contains("the disk is full (no space)") && refusal.contains("free the disk"), "{refusal}");
    assert!(
        guard.decide_and_record(&caller(), &[vote(1, 9, 10, 1)], &now).await.is_err(),
        "nor does it go as a known one"
    );
    gate.fail(None);
    assert_eq!(guard.decide_and_record(&caller(), &[vote(1, 9, 10, 1)], &scene(10)).await, Ok(vec![Decision::Known]));
}

#[test]
fn what_a_waiting_message_may_do() {
    let begun = Instant::now();
    let at = |ms: u64| begun + Duration::from_millis(ms);
    let epoch = Duration::from_secs(384);
    let hung = HUNG.as_millis() as u64;
    let fault = || Fault::Broken("broken".to_owned());
    let memory = |why: &str| Wait::FromMemory(why.to_owned());
    let refused = |why: &str| Wait::Refused(why.to_owned());
    let progress = Progress::default;
    let running = |since: u64| Progress { committing: Some(at(since)), ..progress() };
    let failing = |tried: u64| Progress { failing: Some((begun, fault())), tried, ..progress() };
    for (name, progress, now, wanted) in [
        ("durable", Progress { durable: 5, ..progress() }, 0, Wait::Over),
        ("durable, and later commits fail", Progress { durable: 5, ..failing(6) }, 0, Wait::Over),
        ("durable, and the thread has ended", Progress { durable: 5, ended: true, ..progress() }, 0, Wait::Over),
        ("the thread has ended", Progress { ended: true, ..progress() }, 0, refused("Rangelight is about to stop")),
        ("not begun", progress(), 0, Wait::Until(at(hung))),
        ("a commit runs", running(10), 500, Wait::Until(at(10 + hung))),
        ("a commit hangs", running(10), 10 + hung, memory("the disk does not answer")),
        ("a commit hangs for an epoch", running(0), 384_000, refused("the disk does not answer")),
        ("commits fail, this one was not tried", failing(4), 10, Wait::Until(at(10 + hung))),
        ("this one was tried", failing(5), 10, memory("broken")),
        ("the last moment of the epoch", failing(5), 383_999, memory("broken")),
        ("the epoch is over", failing(5), 384_000, refused("broken")),
        (
            "commits fail, and the next hangs",
            Progress { committing: Some(at(0)), ..failing(4) },
            hung,
            memory("broken"),
        ),
    ] {
        assert_eq!(wait(&progress, 5, epoch, begun, at(now)), wanted, "{name}");
    }
}

#[tokio::test]
async fn another_network_is_refused_and_leaves_no_record() {
    let gate = Gate::default();
    gate.allow(usize::MAX);
    let guard = guard(gate.clone());
    assert_eq!(guard.decide_and_record(&caller(), &[vote(1, 9, 10, 1)], &scene(10)).await, Ok(vec![Decision::New]));
    let elsewhere = Scene { network: Root([8; 32]), ..scene(10) };
    let refused = guard.decide_and_record(&caller(), &[vote(2, 9, 10, 1)], &elsewhere).await;
    assert_eq!(refused, Err(Undecided::OtherNetwork { kept: NETWORK, asked: elsewhere.network }));
    assert_eq!(guard.validators(), 1);
    assert_eq!(gate.commits()[0].network, Some(NETWORK), "the first message says which network it is");
}

#[tokio::test]
async fn a_million_of_a_peer_leave_no_trace() {
    let gate = Gate::default();
    gate.allow(usize::MAX);
    let guard = guard(gate.clone());
    let ours = vote(1, 9, 10, 1);
    assert_eq!(guard.decide_and_record(&caller(), &[ours], &scene(10)).await, Ok(vec![Decision::New]));
    let before = gate.commits();
    let junk: Vec<Asked> = (0..1_000).map(|n| vote(n % 2, n, u64::MAX - n, 9)).collect();
    for _ in 0..1_000 {
        let may = guard.peers_may(&junk).expect("it can be decided");
        assert!(may.iter().enumerate().all(|(n, may)| *may == (n % 2 == 0)), "ours are refused, strangers' pass");
    }
    assert_eq!(guard.peers_may(&[ours]), Ok(vec![true]), "the very same may go");
    assert_eq!(gate.commits(), before, "nothing was written");
    assert_eq!(guard.validators(), 1);
    let next = guard.decide_and_record(&caller(), &[vote(1, 10, 11, 1)], &scene(11)).await;
    assert_eq!(next, Ok(vec![Decision::New]), "our own validator goes on");
}

#[tokio::test]
async fn a_full_disk_gets_the_room_that_was_kept() {
    let disk = Disk::default();
    let store = Redb::create(DiskPlace { disk: disk.clone(), reserved: 1 << 24 }).expect("the disk is whole");
    let guard = Arc::new(guard(store));
    let decide =
        async |target: u64| guard.decide_and_record(&caller(), &[vote(1, target - 1, target, 1)], &scene(target)).await;
    assert_eq!(decide(10).await, Ok(vec![Decision::New]));
    disk.room(Some(0));
    assert_eq!(decide(11).await, Ok(vec![Decision::New]));
    assert_eq!(guard.condition(), Condition::On, "the reserve was enough");
    let metrics = guard.meters.render();
    assert!(metrics.contains("sort=\"guard_gave_room\"} 1"), "{metrics}");
    disk.room(Some(0));
    assert_eq!(decide(12).await, Ok(vec![Decision::New]), "from memory now");
    assert!(matches!(guard.condition(), Condition::FromMemory(_)));
    disk.room(None);
    assert_eq!(decide(13).await, Ok(vec![Decision::New]));
    assert_eq!(guard.condition(), Condition::On);
    guard.close().await;
    let mut kept = 0;
    let again = Redb::open(DiskPlace { disk: Disk::holding(disk.seen(), None), reserved: 0 });
    again.and_then(|mut store| store.load(&mut |_| kept += 1)).expect("it can be read");
    assert_eq!(kept, 4, "what was decided from memory was written when there was room");
}
