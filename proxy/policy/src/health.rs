//! (to be written: health)
