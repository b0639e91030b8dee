//! (to be written: view)
