//! Seeded simulation of races in virtual time.
