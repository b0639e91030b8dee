//! Damaged files: whatever is typed, there is a configuration or a problem, never a panic, never a printed secret.
//!
//! A file that says everything is damaged at random places. `RANGELIGHT_SEED` replays one run.

use super::documents::everything_said;
use super::typed;

/// Marsaglia's xorshift64; enough to choose places.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides as u64).expect("less than sides")
    }
}

fn damaged(text: &str, dice: &mut Dice) -> String {
    const PIECES: &[&str] =
        &["\"", "[", "]", "{", "=", "\n", ".", "\\", "é", "\0", "1", "-", "[[node]]\n", "\"\"", "0x", "%", "@", "://"];
    let mut chars: Vec<char> = text.chars().collect();
    for _ in 0..=dice.roll(4) {
        let at = dice.roll(chars.len());
        let end = (at + dice.roll(12)).min(chars.len());
        chars.splice(at..end, PIECES[dice.roll(PIECES.len())].chars());
    }
    chars.into_iter().collect()
}

/// The example with everything said that this version has, and with secrets to look for.
fn whole() -> String {
    let said = everything_said();
    let (now, _) = said.split_once("\n[block]").expect("what comes later stands last");
    [
        ("vc.token", "good.token"),
        ("admin.token", "good.token"),
        ("bob.token", "good.token"),
        ("bob-ca.pem", "ca.pem"),
        ("me.pem", "ca.pem"),
        ("me.key", "key.pem"),
        ("http://127.0.0.1", "http://me:s3cret@127.0.0.1"),
        ("only-an-example", "s3cret"),
    ]
    .into_iter()
    .fold(now.to_owned(), |text, (from, to)| text.replace(from, to))
}

#[test]
fn a_damaged_file_is_a_configuration_or_a_problem() {
    let given = std::env::var("RANGELIGHT_SEED").ok().and_then(|seed| seed.parse().ok());
    let whole = whole();
    assert!(typed(&whole, &[]).1.is_ok(), "undamaged it is good");
    let (mut good, mut bad) = (0, 0);
    for seed in given.map_or(1..=600, |seed: u64| seed..=seed) {
        let text = damaged(&whole, &mut Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1));
        let (_folder, result) = typed(&text, &[]);
        let printed = match result {
            Ok(loaded) => {
                good += 1;
                format!("{loaded:?}")
            }
            Err(problems) => {
                bad += 1;
                assert!(!problems.0.is_empty(), "seed {seed}: refused without a problem");
                assert!(problems.0.iter().all(|problem| !problem.message.is_empty()), "seed {seed}: {problems}");
                problems.to_string()
            }
        };
        assert!(!printed.contains("s3cret"), "seed {seed}: a secret is printed: {printed}");
    }
    assert!(given.is_some() || good > 100 && bad > 100, "both are met: {good} good, {bad} bad");
}
