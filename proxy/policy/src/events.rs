//! (to be written: events)
