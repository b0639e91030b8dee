//! (to be written: merit)
