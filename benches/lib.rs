//! Side-by-side measurements; see `README.md` of this folder.
