//! Medians, spreads and the table.
//!
//! Medians, because a neighbour on the machine makes some rounds slow and none fast. The spread is the whole range, not
//! a deviation: with ten rounds a formula would say more than is known.

use std::fmt;

/// The same measurement of several rounds.
#[derive(Clone, Debug)]
pub struct Rounds(Vec<f64>);

/// A Markdown table.
#[derive(Debug)]
pub struct Table {
    head: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Rounds {
    /// Of these rounds.
    ///
    /// # Panics
    ///
    /// When there was none: a measurement that was not taken is no zero.
    #[must_use]
    pub fn new(mut rounds: Vec<f64>) -> Self {
        assert!(!rounds.is_empty(), "something was measured");
        rounds.sort_by(f64::total_cmp);
        Self(rounds)
    }

    /// Round by round, how many times the other's.
    #[must_use]
    pub fn ratio(ours: &[f64], theirs: &[f64]) -> Self {
        Self::new(ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs).collect())
    }

    /// The middle one.
    #[must_use]
    pub fn median(&self) -> f64 {
        self.0[self.0.len() / 2]
    }
}

/// `median (lowest–highest)`, with the digits asked for by the format's precision.
impl fmt::Display for Rounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (digits, lowest, highest) = (f.precision().unwrap_or(1), self.0[0], self.0[self.0.len() - 1]);
        write!(f, "{:.digits$} ({lowest:.digits$}–{highest:.digits$})", self.median())
    }
}

impl Table {
    /// A table with these columns.
    #[must_use]
    pub fn new(head: &[&'static str]) -> Self {
        Self { head: head.to_vec(), rows: Vec::new() }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| {} |", self.head.join(" | "))?;
        writeln!(f, "|{}", "---|".repeat(self.head.len()))?;
        self.rows.iter().try_for_each(|row| writeln!(f, "| {} |", row.join(" | ")))
    }
}
