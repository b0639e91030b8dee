//! Named cases: a script of answers in milliseconds, and who must win when.

use std::time::Duration;

use super::*;

const TERMS: Terms = Terms {
    enough: Score([9, 0, 0, 0]),
    friends_at: Duration::from_millis(200),
    soft: Duration::from_millis(400),
    deadline: Duration::from_millis(1_000),
};

/// Own nodes are small letters, friends' capitals; `-` behind a letter: it is away.
fn candidates(written: &str) -> Vec<Candidate> {
    let away = |at: usize| written.as_bytes().get(at + 1) == Some(&b'-');
    let letters = written.char_indices().filter(|(_, letter)| *letter != '-');
    let candidate = |(at, letter): (usize, char)| Candidate {
        node: NodeId(letter as u16),
        trust: if letter.is_uppercase() { Trust::Friend } else { Trust::Own },
        tier: if away(at) { Tier::Away } else { Tier::Ready },
        hedge_after: Duration::from_millis(100),
        reserve: false,
        why: "",
    };
    letters.map(candidate).collect()
}

/// What a node does once it is asked: after so many ms it gives a score, `-1` = fails, `-404` = refuses.
type Does = (char, u64, i64);

/// Plays the race; the outcome as `ms letter`, `ms none`, and who was asked, as `letter@ms`.
fn play(nodes: &str, does: &[Does]) -> (String, String) {
    let mut race = Best::new(&candidates(nodes), TERMS);
    let (mut pending, mut asked): (Vec<(u64, char, i64)>, String) = (Vec::new(), String::new());
    let (mut now, mut step) = (0, race.begin());
    loop {
        for node in &step.send {
            let letter = char::from_u32(u32::from(node.0)).expect("a letter");
            asked.push_str(&format!("{letter}@{now} "));
            pending.extend(
                does.iter().filter(|(who, ..)| *who == letter).map(|&(who, after, what)| (now + after, who, what)),
            );
        }
        match step.outcome {
            Some(Outcome::Reply { answer: Answer::One(node), .. }) => {
                let letter = char::from_u32(u32::from(node.0)).expect("a letter");
                return (format!("{now} {letter}"), asked.trim_end().to_owned());
            }
            Some(_) => return (format!("{now} none"), asked.trim_end().to_owned()),
            None => {}
        }
        let wake = u64::try_from(step.wake_at.expect("a race waits for something").as_millis()).expect("short");
        pending.sort_unstable();
        let event = match pending.first().copied() {
            Some((at, who, what)) if at <= wake => {
                pending.remove(0);
                now = at;
                let verdict = match what {
                    -1 => Verdict::Bad,
                    score if score < 0 => Verdict::Final { status: 404 },
                    score => Verdict::good(Score([score.unsigned_abs(), 0, 0, 0])),
                };
                Event::Answer { from: NodeId(who as u16), verdict }
            }
            _ => {
                assert!(wake > now, "a wake-up in the past");
                now = wake;
                Event::Woke
            }
        };
        step = race.observe(event, Duration::from_millis(now));
    }
}

#[test]
fn named_cases() {
    for (name, nodes, does, outcome, asked) in [
        ("the best of two, not the first", "ab", &[('a', 10, 1), ('b', 50, 2)][..], "50 b", "a@0 b@0"),
        ("a perfect one is enough", "ab", &[('a', 10, 9), ('b', 50, 9)], "10 a", "a@0 b@0"),
        ("equal ones: the earlier candidate", "ab", &[('b', 10, 2), ('a', 50, 2)], "50 a", "a@0 b@0"),
        (
            "a slow one is not waited for beyond the soft deadline",
            "ab",
            &[('a', 10, 1), ('b', 600, 2)],
            "400 a",
            "a@0 b@0",
        ),
        ("none in time: the first after it", "ab", &[('a', 500, 1), ('b', 600, 2)], "500 a", "a@0 b@0"),
        ("nobody", "ab", &[], "1000 none", "a@0 b@0"),
        ("all fail", "ab", &[('a', 10, -1), ('b', 20, -1)], "20 none", "a@0 b@0"),
        ("a refusal beside an answer", "ab", &[('a', 10, -404), ('b', 20, 1)], "20 b", "a@0 b@0"),
        ("refusals only", "ab", &[('a', 10, -1), ('b', 20, -404)], "20 b", "a@0 b@0"),
        ("a friend is not asked while own ones do", "aF", &[('a', 10, 1), ('F', 1, 8)], "10 a", "a@0"),
        ("a friend when the own one fails", "aF", &[('a', 10, -1), ('F', 5, 1)], "15 F", "a@0 F@10"),
        ("a friend when the own one hangs", "aF", &[('F', 5, 1)], "400 F", "a@0 F@200"),
        ("an own one that still comes", "aF", &[('a', 300, 3), ('F', 5, 1)], "300 a", "a@0 F@200"),
        ("a friend at once when the own one is away", "a-F", &[('F', 5, 1)], "5 F", "a@0 F@0"),
        ("one that is away is not waited for", "ab-", &[('a', 10, 1), ('b', 50, 2)], "10 a", "a@0 b@0"),
        ("one that is away and answers all the same", "ab-", &[('a', 10, -1), ('b', 5, 2)], "10 b", "a@0 b@0"),
        ("own refusal before a friend's", "aF", &[('a', 10, -404), ('F', 5, -404)], "15 a", "a@0 F@10"),
        ("without anybody", "", &[], "0 none", ""),
    ] {
        assert_eq!(play(nodes, does), (outcome.to_owned(), asked.to_owned()), "{name}");
    }
}

#[test]
fn a_lost_node_is_not_waited_for() {
    let mut race = Best::new(&candidates("ab"), TERMS);
    race.begin();
    let ms = Duration::from_millis;
    let good = Event::Answer { from: NodeId('a' as u16), verdict: Verdict::good(Score([1, 0, 0, 0])) };
    assert_eq!(race.observe(good, ms(10)).outcome, None);
    let step = race.observe(Event::Noted(Note::NodeLost(NodeId('b' as u16))), ms(20));
    assert!(
        matches!(step.outcome, Some(Outcome::Reply { answer: Answer::One(NodeId(node)), .. }) if node == 'a' as u16)
    );
}

#[test]
fn a_last_resort_waits_for_its_time_or_for_the_others() {
    let ms = Duration::from_millis;
    let resort = Resort { below: Score([5, 0, 0, 0]), at: ms(700) };
    let good = |node: char, score| Event::Answer {
        from: NodeId(node as u16),
        verdict: Verdict::good(Score([score, 0, 0, 0])),
    };
    let bad = |node: char| Event::Answer { from: NodeId(node as u16), verdict: Verdict::Bad };
    let by = |step: Step| match step.outcome {
        Some(Outcome::Reply { answer: Answer::One(node), .. }) => char::from_u32(u32::from(node.0)),
        _ => None,
    };
    let race = || {
        let mut race = Best::new(&candidates("aF"), TERMS).resorting(resort);
        race.begin();
        assert_eq!(race.observe(Event::Woke, ms(200)).send, [NodeId('F' as u16)]);
        assert_eq!(by(race.observe(good('F', 4), ms(210))), None);
        let step = race.observe(Event::Woke, ms(400));
        assert_eq!((step.wake_at, by(step)), (Some(ms(700)), None), "not at the soft deadline");
        race
    };
    assert_eq!(by(race().observe(Event::Woke, ms(700))), Some('F'), "at its time");
    assert_eq!(by(race().observe(bad('a'), ms(500))), Some('F'), "when nobody else is left");
    assert_eq!(by(race().observe(good('a', 5), ms(500))), Some('a'), "never before a better one");
    let mut sound = Best::new(&candidates("aF"), TERMS).resorting(resort);
    sound.begin();
    sound.observe(Event::Woke, ms(200));
    sound.observe(good('F', 5), ms(210));
    assert_eq!(by(sound.observe(Event::Woke, ms(400))), Some('F'), "what is good enough is no last resort");
}
