//! Where TOML ends to be TOML: the column, and as much of the line as can hold no secret.
//!
//! A file that cannot be parsed cannot tell a password from a name either, so what is shown is chosen the other way
//! round: only words of our own table of options, and never what stands behind the `=`.

use super::options::{Place, ROWS};

/// ` at column 7 (\`url = …\`)`, and a cure if a better one is known than correcting the line.
pub(super) fn place(text: &str, offset: usize, message: &str) -> (String, &'static str) {
    let before = text.get(..offset).unwrap_or(text);
    let begin = before.rfind('\n').map_or(0, |end| end + 1);
    let column = before[begin..].chars().count() + 1;
    let line = text[begin..].lines().next().unwrap_or_default().trim();
    let cure = match line {
        "[node]" | "[listen]" if message.contains("duplicate key") => {
            "of several tables each has double brackets: write [[node]] or [[listen]]"
        }
        _ => "",
    };
    match shown(line) {
        Some(shown) => (format!(" at column {column} (`{shown}`)"), cure),
        None => (format!(" at column {column}"), cure),
    }
}

fn shown(line: &str) -> Option<String> {
    let known = |word: &str| ROWS.iter().any(|row| row.name == word) || Place::ALL.iter().any(|it| it.name() == word);
    let all_known = |key: &str| !key.is_empty() && key.split('.').all(|word| known(word.trim()));
    if let Some((key, value)) = line.split_once('=') {
        let rest = if value.trim().is_empty() { "" } else { " …" };
        return all_known(key).then(|| format!("{} ={rest}", key.trim()));
    }
    let table = line.strip_prefix('[')?;
    all_known(table.trim_matches(['[', ']'])).then(|| line.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_is_shown_and_no_secret() {
        for (name, text, at, wanted) in [
            ("a value", "mode = \"guarded\"\nurl = http://u:s3cret@a\n", "http", " at column 7 (`url = …`)"),
            ("no value", "mode =\n", "\n", " at column 7 (`mode =`)"),
            ("a table", "[node\nx = 1", "\n", " at column 6 (`[node`)"),
            ("a key of ours below another", "listen.address = x", "x", " at column 18 (`listen.address = …`)"),
            ("inside a text of several lines", "a = \"\"\"\ns3cret==\n", "=\n", " at column 8"),
            ("an unknown key", "s3cret = 1 2", "2", " at column 12"),
            ("an unknown table", "[s3cret", "s3", " at column 2"),
            ("columns are characters", "# é\nmode = é x", "x", " at column 10 (`mode = …`)"),
        ] {
            let offset = text.find(at).expect("it is there");
            let (place, cure) = place(text, offset, "");
            assert_eq!((place.as_str(), cure), (wanted, ""), "{name}");
        }
    }
}
