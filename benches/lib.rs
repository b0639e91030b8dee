//! Side-by-side measurements; `README.md` of this folder says what each number means and how to get it.
//!
//! A number alone says as much of the machine as of the program. So everything here is measured in rounds that take
//! turns with the thing it is compared with, on the same cores within the same seconds, and given as the median of the
//! rounds with the lowest and the highest.

pub mod bare;
pub mod child;
pub mod load;
pub mod node;
pub mod numbers;

/// What can go wrong while measuring: anything, and it ends the run.
pub type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;
