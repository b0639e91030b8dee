//! (to be written: catalogue)
