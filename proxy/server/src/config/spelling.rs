//! What somebody who typed an unknown word may have meant.
//!
//! A guess is offered only when it is near: one mistake in a short word, two in a longer one, or the beginning of the
//! right one (`token` for `token_file`). A far guess would send the reader in a wrong direction; then the known words
//! are listed, or the table where the option belongs is named.

use super::options::{self, Place, Row};

/// A key or name as it may be printed: no control characters, not endless.
pub(super) fn shown(text: &str) -> String {
    text.chars().take(64).flat_map(char::escape_debug).collect()
}

/// What somebody who typed an unknown name may have meant.
pub(super) fn suggestion(place: Place, name: &str) -> String {
    let mut known: Vec<&str> = place.rows().map(|row| row.name).collect();
    if place == Place::Top {
        known.extend(Place::ALL.iter().map(|place| place.name()).filter(|name| !name.is_empty()));
    }
    if let Some(near) = nearest(name, known.iter().copied()) {
        return format!("unknown option; did you mean {near:?}? Correct it or remove it");
    }
    let homes: Vec<String> =
        options::ROWS.iter().filter(|row| row.name == name && row.place != place).map(Row::key).collect();
    match (homes.as_slice(), known.as_slice()) {
        ([], []) => "unknown option; this table has none, remove it".to_owned(),
        ([], known) => format!("unknown option; this table knows {}: use one of them or remove it", known.join(", ")),
        (homes, _) => format!("unknown option here; it belongs into {}: move it", homes.join(" or ")),
    }
}

/// The word that was probably meant: few typing mistakes away, or its beginning.
pub(super) fn nearest<'a>(typed: &str, words: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let typed = typed.to_lowercase().replace('-', "_");
    let measure = |word: &'a str| {
        let plain = word.replace('-', "_");
        let begins = typed.len() >= 3 && (plain.starts_with(&typed) || plain.len() >= 3 && typed.starts_with(&plain));
        let distance = if begins { 1 } else { distance(&typed, &plain) };
        (distance, word)
    };
    let bound = match typed.chars().count() {
        0..=2 => 0,
        3..=5 => 1,
        _ => 2,
    };
    words.map(measure).filter(|(distance, _)| *distance <= bound).min().map(|(_, word)| word)
}

/// Insertions, deletions, substitutions and swaps of neighbours between two words (optimal string alignment); a word
/// longer than 64 characters is nobody's typing mistake.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(65).collect(), b.chars().take(65).collect());
    if a.len().max(b.len()) > 64 {
        return usize::MAX;
    }
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                let mut best = replaced.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
                if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                    best = best.min(rows[i - 2][j - 2] + 1);
                }
                best
            };
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_offered_and_far_ones_are_not() {
        for (typed, meant) in [
            ("adress", Some("address")),
            ("addres", Some("address")),
            ("address_", Some("address")),
            ("adrdess", Some("address")),
            ("token", Some("token_file")),
            ("token-file", Some("token_file")),
            ("HOSTS", Some("hosts")),
            ("hots", Some("hosts")),
            ("port", None),
            ("ho", None),
            ("", None),
            ("timeout", None),
        ] {
            let words = ["address", "hosts", "token_file"];
            assert_eq!(nearest(typed, words.into_iter()), meant, "{typed}");
        }
    }

    #[test]
    fn the_table_where_it_belongs_is_named() {
        for (place, typed, message) in [
            (Place::Top, "nodes", "did you mean \"node\""),
            (Place::Top, "budget", "belongs into listen.budget"),
            (Place::Admin, "url", "belongs into node.url"),
            (Place::Admin, "zzz", "knows address, hosts"),
            (Place::Share, "zzz", "has none"),
        ] {
            assert!(suggestion(place, typed).contains(message), "{typed}: {}", suggestion(place, typed));
        }
    }

    #[test]
    fn what_is_printed_is_one_short_line() {
        assert_eq!(shown("a\nb\u{1b}"), "a\\nb\\u{1b}");
        assert_eq!(shown(&"x".repeat(1000)).len(), 64);
        assert_eq!(distance(&"x".repeat(65), "x"), usize::MAX);
    }
}
