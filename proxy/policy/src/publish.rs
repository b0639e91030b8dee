//! (to be written: publish)
