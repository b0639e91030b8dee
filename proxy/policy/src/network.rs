//! (to be written: network)
