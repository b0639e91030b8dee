//! One source file as words: names and signs with their lines, without comments and texts.

/// A name or a sign, with its line, counted from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) text: String,
    pub(super) line: usize,
}

/// A source file.
#[derive(Clone, Debug)]
pub(super) struct Source {
    /// The part of the workspace, as `proxy/server/src`.
    pub(super) part: String,
    /// The path inside its part, as `nodes/feed.rs`.
    pub(super) inside: String,
    /// The whole text.
    pub(super) text: String,
    /// Its names and signs.
    pub(super) words: Vec<Word>,
    /// Words from here on are compiled for tests only.
    pub(super) tests_from: usize,
}

impl Source {
    /// Splits a text into words.
    pub(super) fn new(part: &str, inside: &str, text: &str) -> Self {
        let words = words(text);
        let tests_from = inline_tests(&words);
        Self { part: part.to_owned(), inside: inside.to_owned(), text: text.to_owned(), words, tests_from }
    }

    /// The module's path: `nodes/feed.rs` is `["nodes", "feed"]`, a crate's root is empty.
    pub(super) fn module(&self) -> Vec<&str> {
        match self.inside.trim_end_matches(".rs") {
            "lib" | "main" => Vec::new(),
            path => path.split('/').collect(),
        }
    }

    /// `path:line`.
    pub(super) fn place(&self, line: usize) -> String {
        format!("{}/{}:{line}", self.part, self.inside)
    }

    /// The words that are compiled into the program.
    pub(super) fn shipped(&self) -> &[Word] {
        &self.words[..self.tests_from]
    }
}

/// Marks the files of modules that are declared under `#[cfg(test)]`, and everything below them.
pub(super) fn mark_tests(sources: &mut [Source]) {
    let mut below: Vec<String> = Vec::new();
    for source in sources.iter() {
        let folder = match source.inside.trim_end_matches(".rs") {
            "lib" | "main" => String::new(),
            path => format!("{path}/"),
        };
        let declared = source.words.windows(3).enumerate().filter(|(_, words)| is(words, &["mod", "", ";"]));
        for (at, declaration) in declared {
            if after_cfg_test(&source.words[..at]) {
                below.push(format!("{folder}{}", declaration[1].text));
            }
        }
    }
    for source in sources {
        let path = source.inside.trim_end_matches(".rs");
        if below.iter().any(|test| path == test || path.starts_with(&format!("{test}/"))) {
            source.tests_from = 0;
        }
    }
}

/// Whether these words have these texts; an empty one stands for any.
pub(super) fn is(words: &[Word], texts: &[&str]) -> bool {
    words.len() == texts.len() && words.iter().zip(texts).all(|(word, text)| text.is_empty() || word.text == *text)
}

const CFG_TEST: &[&str] = &["#", "[", "cfg", "(", "test", ")", "]"];

fn after_cfg_test(before: &[Word]) -> bool {
    let end = before.iter().rposition(|word| word.text == "]").map_or(0, |at| at + 1);
    let visibility = before.get(end).is_none_or(|word| word.text == "pub") && before.len() - end <= 4;
    end >= CFG_TEST.len() && visibility && is(&before[end - CFG_TEST.len()..end], CFG_TEST)
}

/// Where the inline test module of a file begins; it is the last thing in a file by custom.
fn inline_tests(words: &[Word]) -> usize {
    let begins = |at: &usize| is(&words[*at..*at + 3], &["mod", "", "{"]) && after_cfg_test(&words[..*at]);
    (0..words.len().saturating_sub(2)).find(begins).unwrap_or(words.len())
}

fn words(text: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let chars: Vec<char> = text.chars().collect();
    let (mut at, mut line) = (0, 1);
    while at < chars.len() {
        let begin = at;
        let name = |from: usize| chars[from..].iter().take_while(|c| c.is_alphanumeric() || **c == '_').count();
        match chars[at] {
            '/' if chars.get(at + 1) == Some(&'/') => at += chars[at..].iter().take_while(|c| **c != '\n').count(),
            '/' if chars.get(at + 1) == Some(&'*') => at = block_comment(&chars, at),
            '"' => at = text_end(&chars, at + 1),
            'r' | 'b' | 'c' if raw_text(&chars, at).is_some() => at = raw_text(&chars, at).unwrap_or(at + 1),
            '\'' => at = quote(&chars, at),
            c if c.is_alphanumeric() || c == '_' => {
                at += name(at);
                words.push(Word { text: chars[begin..at].iter().collect(), line });
            }
            ':' if chars.get(at + 1) == Some(&':') => {
                at += 2;
                words.push(Word { text: "::".to_owned(), line });
            }
            c => {
                at += 1;
                if !c.is_whitespace() {
                    words.push(Word { text: c.to_string(), line });
                }
            }
        }
        line += chars[begin..at.min(chars.len())].iter().filter(|c| **c == '\n').count();
    }
    words
}

fn block_comment(chars: &[char], begin: usize) -> usize {
    let (mut at, mut depth) = (begin, 0_usize);
    while at < chars.len() {
        match (chars[at], chars.get(at + 1)) {
            ('/', Some('*')) => (depth, at) = (depth + 1, at + 2),
            ('*', Some('/')) => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// The place after the end of a text whose first character is at `at`.
fn text_end(chars: &[char], mut at: usize) -> usize {
    while at < chars.len() && chars[at] != '"' {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    at + 1
}

/// The end of a text with a prefix (`r#"…"#`, `b"…"`, `br"…"`) that begins here, if one does.
fn raw_text(chars: &[char], begin: usize) -> Option<usize> {
    if begin > 0 && (chars[begin - 1].is_alphanumeric() || chars[begin - 1] == '_') {
        return None;
    }
    let prefix = chars[begin..].iter().take_while(|c| matches!(c, 'b' | 'c' | 'r')).count();
    let raw = chars[begin..begin + prefix].contains(&'r');
    let hashes = chars[begin + prefix..].iter().take_while(|c| **c == '#').count();
    let open = begin + prefix + hashes;
    if prefix > 2 || chars.get(open) != Some(&'"') || (hashes > 0 && !raw) {
        return None;
    }
    if !raw {
        return Some(text_end(chars, open + 1));
    }
    let closes =
        |at: usize| chars[at] == '"' && chars[at + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes;
    Some((open + 1..chars.len()).find(|at| closes(*at)).map_or(chars.len(), |at| at + 1 + hashes))
}

/// A character (`'x'`, `'\n'`) is skipped; of a lifetime (`'a`) only the quote is.
fn quote(chars: &[char], at: usize) -> usize {
    match (chars.get(at + 1), chars.get(at + 2)) {
        (Some('\\'), _) => chars[at + 3..].iter().position(|c| *c == '\'').map_or(chars.len(), |end| at + end + 4),
        (Some(_), Some('\'')) => at + 3,
        _ => at + 1,
    }
}
