//! The front from the outside: bytes in, bytes out.
//!
//! What needs real sockets has them, on ports that the system chooses; what is about time runs under the paused clock
//! on pipes in memory, where instants are exact.

mod kit;
mod life;
mod malformed;
mod patience;
