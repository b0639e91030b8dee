//! The floors of a crate, as its `lib.rs` draws them, and who breaks them.
//!
//! A module may import from modules that stand before it in the table (on a lower floor, or further left on its own),
//! and from its own folder. So there is one order in which the crate can be read, and no circle. The roof may import
//! from everywhere; nobody may import what the roof defines.

use super::Violation;
use super::source::{Source, Word};

/// The modules in their order; the last floor is the roof.
#[derive(Debug)]
pub(super) struct Floors {
    order: Vec<(String, usize)>,
    roof: usize,
}

impl Floors {
    /// Reads the table `| floor | modules |` of a `lib.rs`: module names in backquotes.
    pub(super) fn read(root: &Source) -> Option<Self> {
        let rows = root.text.lines().filter_map(|line| line.strip_prefix("//! | "));
        let rows: Vec<&str> = rows.skip_while(|row| !row.starts_with("floor |")).skip(1).collect();
        let mut order = Vec::new();
        let mut count = 0;
        for row in rows {
            let (_, modules) = row.split_once('|')?;
            let named = modules.split('`').skip(1).step_by(2).map(|name| (name.to_owned(), count));
            order.extend(named);
            count += 1;
        }
        let roofed = root.text.contains("//! | roof |");
        let roof = if roofed { count - 1 } else { count };
        (count > 0).then_some(Self { order, roof })
    }

    /// All imports against the order.
    pub(super) fn check(&self, sources: &[Source]) -> Vec<Violation> {
        sources.iter().flat_map(|source| self.check_file(source)).collect()
    }

    fn place_of(&self, module: &str) -> Option<(usize, usize)> {
        let index = self.order.iter().position(|(name, _)| name == module)?;
        Some((index, self.order[index].1))
    }

    fn check_file(&self, source: &Source) -> Vec<Violation> {
        let module = source.module();
        let Some(&own) = module.first() else { return Vec::new() };
        let Some((own_index, own_floor)) = self.place_of(own) else {
            let what = format!("`{own}` is on no floor; name it in the table of lib.rs");
            return vec![Violation { place: source.place(1), what }];
        };
        if own_floor >= self.roof {
            return Vec::new();
        }
        let mut violations = Vec::new();
        for (name, line) in imports(source) {
            let what = match self.place_of(&name) {
                _ if name == own => continue,
                Some((index, _)) if index < own_index => continue,
                Some(_) => format!("`{own}` imports `{name}`, which stands above it; move what both need further down"),
                None => format!("`{own}` imports `{name}` from the roof; move it into a module below"),
            };
            violations.push(Violation { place: source.place(line), what });
        }
        violations
    }
}

/// The first step below the crate's root of every path in the shipped words, with its line.
fn imports(source: &Source) -> Vec<(String, usize)> {
    let words = source.shipped();
    let depth = source.module().len();
    let mut found = Vec::new();
    for at in 0..words.len() {
        let begins = at == 0 || words[at - 1].text != "::";
        let after = match words[at].text.as_str() {
            "crate" if begins => Some(at + 1),
            "super" if begins => above(&words[at..], depth).map(|skipped| at + skipped),
            _ => None,
        };
        if let Some(after) = after
            && words.get(after).is_some_and(|word| word.text == "::")
        {
            first_steps(&words[after + 1..], &mut found);
        }
    }
    found
}

/// How many words a chain of `super` takes, if it ends at the crate's root.
fn above(words: &[Word], depth: usize) -> Option<usize> {
    let chain = words.chunks(2).take_while(|pair| pair[0].text == "super").count();
    (chain >= depth).then_some(chain * 2 - 1)
}

/// The names that a path goes on with: one, or each of a group.
fn first_steps(words: &[Word], found: &mut Vec<(String, usize)>) {
    let Some(first) = words.first() else { return };
    if first.text != "{" {
        found.push((first.text.clone(), first.line));
        return;
    }
    let mut depth = 0_usize;
    let mut expected = false;
    for word in words {
        match word.text.as_str() {
            "{" => (depth, expected) = (depth + 1, depth == 0),
            "}" if depth == 1 => return,
            "}" => depth -= 1,
            "," => expected = depth == 1,
            _ if expected => {
                found.push((word.text.clone(), word.line));
                expected = false;
            }
            _ => {}
        }
    }
}
