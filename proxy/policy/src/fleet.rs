//! (to be written: fleet)
