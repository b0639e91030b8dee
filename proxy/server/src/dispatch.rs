//! The one driver of all races.
//!
//! A loop over exchanges and a timer. It sends where the strategy says, tells it what came back, wakes it when it
//! asked for that, and stops at an outcome. It knows no strategy and no Ethereum rule, and it is generic over what an
//! exchange is, so that it can be tested under a paused clock without sockets.
//!
//! Bounds: a race asks every node at most once, so it holds at most as many exchanges and answers as there are nodes.
//! Exchanges that must run on after the answer ([`Losers::Finish`]) are handed back to the caller, who gives them a
//! place to run and a time to end.

use std::future::Future;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use rangelight_policy::node::NodeId;
use rangelight_policy::race::{Answer, Event, Losers, Note, Outcome, Race};
use tokio::time::{Instant, sleep_until};

use crate::nodes::exchange::Exchanged;

/// Where news from beside the races comes from.
pub trait News: Send {
    /// The next piece of news; `None` when there will be none any more.
    fn next(&mut self) -> impl Future<Output = Option<Note>> + Send;
}

/// One line of the record of a race: a node, what became of it, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The node.
    pub node: NodeId,
    /// When it was sent to, from the race's beginning.
    pub sent: Duration,
    /// When its exchange ended; `None` while it runs.
    pub ended: Option<Duration>,
    /// How, in a few words; empty while it runs.
    pub reason: String,
}

/// A finished race.
pub struct Finished<R, F> {
    /// What the caller gets.
    pub ended: Ended<R>,
    /// Who was asked and what came back, in the order of sending.
    pub asked: Vec<Asked>,
    /// How long it took.
    pub took: Duration,
    /// Exchanges that must run to their end.
    pub rest: FuturesUnordered<F>,
}

/// The caller's part of a finished race.
pub enum Ended<R> {
    /// One node's answer.
    One(Exchanged<R>),
    /// All that came back, for an answer to be made from them.
    Merged(Vec<Exchanged<R>>),
    /// Nothing usable; what came back says why.
    Exhausted(Vec<Exchanged<R>>),
}

/// Runs a race to its outcome.
///
/// `send` starts an exchange; it is called once per node. `news` tells what happened beside the race. Dropping the returned future drops all exchanges, which is what a reader's hang-up should do.
pub async fn drive<R, F>(race: &mut dyn Race, send: impl Fn(NodeId) -> F + Send, mut news: impl News) -> Finished<R, F>
where
    R: Send,
    F: Future<Output = Exchanged<R>> + Send,
{
    let begun = Instant::now();
    let mut running = FuturesUnordered::new();
    let mut asked: Vec<Asked> = Vec::new();
    let mut answers: Vec<Exchanged<R>> = Vec::new();
    let mut listening = true;
    let mut step = race.begin();
    loop {
        for node in step.send.drain(..) {
            if asked.iter().all(|line| line.node != node) {
                asked.push(Asked { node, sent: begun.elapsed(), ended: None, reason: String::new() });
                running.push(send(node));
            }
        }
        if let Some(outcome) = step.outcome.take() {
            let (ended, losers) = conclude(outcome, answers);
            let rest = if losers == Losers::Finish { running } else { FuturesUnordered::new() };
            return Finished { ended, asked, took: begun.elapsed(), rest };
        }
        if running.is_empty() && step.wake_at.is_none() {
            // A strategy that waits for nothing would wait for ever. Its tests forbid it; the caller still gets an end.
            let ended = Ended::Exhausted(answers);
            return Finished { ended, asked, took: begun.elapsed(), rest: running };
        }
        let wake_at = step.wake_at;
        let event = tokio::select! {
            biased;
            Some(exchanged) = running.next(), if !running.is_empty() => {
                note_end(&mut asked, &exchanged, begun.elapsed());
                let event = Event::Answer { from: exchanged.from, verdict: exchanged.verdict.clone() };
                answers.push(exchanged);
                event
            }
            note = news.next(), if listening => {
                let Some(note) = note else { listening = false; continue };
                Event::Noted(note)
            }
            () = sleep_until(begun + wake_at.unwrap_or_default()), if wake_at.is_some() => Event::Woke,
        };
        step = race.observe(event, begun.elapsed());
    }
}

/// Notes in the record of a race that an exchange ended.
pub fn note_end<R>(asked: &mut [Asked], exchanged: &Exchanged<R>, elapsed: Duration) {
    if let Some(line) = asked.iter_mut().find(|line| line.node == exchanged.from) {
        line.ended = Some(elapsed);
        line.reason.clone_from(&exchanged.reason);
    }
}

fn conclude<R>(outcome: Outcome, mut answers: Vec<Exchanged<R>>) -> (Ended<R>, Losers) {
    let mut take = |node: NodeId| {
        let place = answers.iter().position(|exchanged| exchanged.from == node)?;
        Some(answers.swap_remove(place))
    };
    match outcome {
        Outcome::Reply { answer: Answer::One(node), losers } => match take(node) {
            Some(exchanged) => (Ended::One(exchanged), losers),
            // A strategy may choose only among answers it was told of; without one there is nothing to pass on.
            None => (Ended::Exhausted(answers), losers),
        },
        Outcome::Reply { answer: Answer::Merged(nodes), losers } => {
            let chosen = nodes.into_iter().filter_map(take).collect();
            (Ended::Merged(chosen), losers)
        }
        Outcome::Exhausted { losers } => (Ended::Exhausted(answers), losers),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rangelight_policy::race::{Score, Step, Verdict};
    use tokio::sync::mpsc;

    impl News for mpsc::Receiver<Note> {
        async fn next(&mut self) -> Option<Note> {
            self.recv().await
        }
    }

    fn silence() -> mpsc::Receiver<Note> {
        mpsc::channel(1).1
    }

    /// A strategy that plays a script: what it wants after each event, and what it was told.
    struct Script {
        steps: std::vec::IntoIter<Step>,
        told: Vec<(Event, Duration)>,
    }

    impl Script {
        fn new(steps: Vec<Step>) -> Self {
            Self { steps: steps.into_iter(), told: Vec::new() }
        }
    }

    impl Race for Script {
        fn begin(&mut self) -> Step {
            self.steps.next().expect("a first step")
        }

        fn observe(&mut self, event: Event, elapsed: Duration) -> Step {
            self.told.push((event, elapsed));
            self.steps.next().expect("a step for each event")
        }
    }

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    fn send(nodes: &[u16], wake_at: Option<u64>) -> Step {
        Step { send: nodes.iter().copied().map(NodeId).collect(), wake_at: wake_at.map(ms), outcome: None }
    }

    fn reply(node: u16, losers: Losers) -> Step {
        Step { outcome: Some(Outcome::Reply { answer: Answer::One(NodeId(node)), losers }), ..Step::default() }
    }

    /// Node n answers after n × 100 ms.
    async fn exchange(node: NodeId) -> Exchanged<u16> {
        tokio::time::sleep(ms(u64::from(node.0) * 100)).await;
        let verdict = Verdict::good(Score::default());
        Exchanged { from: node, verdict, reason: "200".to_owned(), came: node.0 }
    }

    #[tokio::test(start_paused = true)]
    async fn wakes_at_the_instant_asked_for_and_sends_each_node_once() {
        let steps = vec![send(&[3], Some(150)), send(&[1, 3], None), send(&[], Some(400)), reply(1, Losers::Cancel)];
        let mut race = Script::new(steps);
        let finished = drive(&mut race, exchange, silence()).await;
        assert!(matches!(finished.ended, Ended::One(Exchanged { came: 1, .. })));
        assert_eq!(finished.asked.len(), 2, "node 3 was named twice and asked once");
        let told: Vec<_> = race.told.iter().map(|(event, elapsed)| (event.clone(), *elapsed)).collect();
        let good = |node| Event::Answer { from: NodeId(node), verdict: Verdict::good(Score::default()) };
        assert_eq!(told, vec![(Event::Woke, ms(150)), (good(1), ms(250)), (good(3), ms(300))]);
    }

    #[tokio::test(start_paused = true)]
    async fn losers_are_dropped_or_handed_back() {
        for (losers, left) in [(Losers::Cancel, 0), (Losers::Finish, 1)] {
            let mut race = Script::new(vec![send(&[1, 5], None), reply(1, losers)]);
            let finished = drive(&mut race, exchange, silence()).await;
            assert_eq!(finished.rest.len(), left, "{losers:?}");
            let ended: Vec<_> = finished.rest.collect().await;
            assert_eq!(ended.len(), left, "a loser that may finish does finish");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_strategy_that_waits_for_nothing_ends() {
        let mut race = Script::new(vec![Step::default()]);
        let finished = drive(&mut race, exchange, silence()).await;
        assert!(matches!(finished.ended, Ended::Exhausted(ref all) if all.is_empty()));
    }

    #[tokio::test(start_paused = true)]
    async fn notes_reach_the_strategy_and_a_silent_channel_does_not_end_the_race() {
        let (news, notes) = mpsc::channel(1);
        news.send(Note::NodeLost(NodeId(2))).await.expect("room for one");
        drop(news);
        let mut race = Script::new(vec![send(&[1], None), send(&[], None), reply(1, Losers::Cancel)]);
        let finished = drive(&mut race, exchange, notes).await;
        assert!(matches!(finished.ended, Ended::One(Exchanged { came: 1, .. })));
        assert_eq!(race.told[0].0, Event::Noted(Note::NodeLost(NodeId(2))));
    }

    #[tokio::test(start_paused = true)]
    async fn a_chosen_node_that_never_answered_is_no_answer() {
        let mut race = Script::new(vec![send(&[9], Some(10)), reply(9, Losers::Cancel)]);
        let finished = drive(&mut race, exchange, silence()).await;
        assert!(matches!(finished.ended, Ended::Exhausted(_)));
    }
}
