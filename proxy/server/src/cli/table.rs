//! Columns that line up.
//!
//! A column is as wide as its widest cell, counted in characters; the last one is not padded. An empty cell shows as
//! `-`, so that the eye does not slip into the next column. Cells may hold words of nodes, a friend's among them, so
//! control characters are left out: what a node says must not move the cursor of its reader.

use std::fmt;

/// The most characters of a version that are shown.
const LONGEST_VERSION: usize = 32;

/// Rows of cells under headings.
#[derive(Clone, Debug)]
pub(super) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these headings.
    pub(super) fn new(headings: &[&str]) -> Self {
        Self { rows: vec![headings.iter().map(|&heading| heading.to_owned()).collect()] }
    }

    /// One more row, with a cell for each heading.
    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let plain = |cell: String| match plain(&cell) {
            plain if plain.is_empty() => "-".to_owned(),
            plain => plain,
        };
        self.rows.push(cells.into_iter().map(plain).collect());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for row in &self.rows {
            let last = row.len().saturating_sub(1);
            for (place, (cell, width)) in row.iter().zip(&widths).enumerate() {
                match place == last {
                    true => writeln!(f, "{cell}")?,
                    false => write!(f, "{cell:width$}  ")?,
                }
            }
        }
        Ok(())
    }
}

/// A program in one cell: its family and its version, which some tell as a whole User-Agent
/// (`teku/v26.8.0/linux-x86_64/…`).
pub(super) fn software(family: &str, version: Option<&str>) -> String {
    let Some(version) = version.filter(|version| !version.is_empty()) else { return family.to_owned() };
    let is_number = |part: &&str| part.trim_start_matches('v').starts_with(|it: char| it.is_ascii_digit());
    let short: String = version.split('/').find(is_number).unwrap_or(version).chars().take(LONGEST_VERSION).collect();
    format!("{family} {short}")
}

/// Words of others, fit for a terminal.
pub(super) fn plain(text: &str) -> String {
    text.trim().chars().map(|it| if it.is_control() { ' ' } else { it }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: &[[&str; 3]]) -> String {
        let mut table = Table::new(&["node", "tier", "why"]);
        for row in rows {
            table.row(row.map(str::to_owned));
        }
        table.to_string()
    }

    #[test]
    fn versions_are_short() {
        let long = "v".repeat(99);
        for (version, wanted) in [
            (None, "teku".to_owned()),
            (Some(""), "teku".to_owned()),
            (Some("v8.0.1"), "teku v8.0.1".to_owned()),
            (Some("1.16.5"), "teku 1.16.5".to_owned()),
            (Some("teku/v26.8.0/linux-x86_64/jdk"), "teku v26.8.0".to_owned()),
            (Some("no/number"), "teku no/number".to_owned()),
            (Some(&*long), format!("teku {}", "v".repeat(LONGEST_VERSION))),
        ] {
            assert_eq!(software("teku", version), wanted);
        }
    }

    #[test]
    fn columns_line_up() {
        for (name, rows, wanted) in [
            ("no rows", &[][..], "node  tier  why\n"),
            (
                "the widest cell counts",
                &[["a-long-name", "up", "x y"]],
                "node         tier  why\na-long-name  up    x y\n",
            ),
            ("an empty cell is seen", &[["a", "", ""]], "node  tier  why\na     -     -\n"),
            ("characters, not bytes", &[["é", "é", "é"]], "node  tier  why\né     é     é\n"),
            ("words cannot steer", &[["a\x1b[2J", "b\r\nc", ""]], "node   tier  why\na [2J  b  c  -\n"),
        ] {
            assert_eq!(table(rows), wanted, "{name}");
        }
    }
}
