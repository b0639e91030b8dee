//! What is wrong with a configuration, where it was said, and what cures it.
//!
//! Problems are collected, not thrown: an operator who corrects a file at night must see all of them in one run. Each
//! knows its origin (file and line, variable, flag), its key, and a message that ends in a cure. No message ever
//! carries the text of a secret or the user part of a URL.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// Where a value was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nowhere: the value is the default, or something is missing from the configuration as a whole.
    Default,
    /// In a file.
    File {
        /// The file, as it was found.
        path: Arc<Path>,
        /// The line, counted from 1; absent when the whole file is meant.
        line: Option<usize>,
    },
    /// In an environment variable of this name.
    Environment(Arc<str>),
    /// In a flag of the command line, with its dashes.
    Flag(Arc<str>),
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where it was said.
    pub origin: Origin,
    /// The option's key, like `node.attic.url`; empty when a whole source cannot be read.
    pub key: String,
    /// What is wrong and what cures it.
    pub message: String,
}

/// All that is wrong, in the order of the options; never empty when it is an error.
#[derive(Clone, Debug, Default, PartialEq, Eq, thiserror::Error)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line: Some(line) } => write!(f, "{}:{line}", path.display()),
            Self::File { path, line: None } => path.display().fmt(f),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::Flag(name) => f.write_str(name),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Origin::Default => f.write_str("configuration")?,
            origin => origin.fmt(f)?,
        }
        if !self.key.is_empty() {
            write!(f, ": {}", self.key)?;
        }
        write!(f, ": {}", self.message)
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}
