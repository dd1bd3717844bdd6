//! Attacks that only a host program can make, or only a host program can see.
//!
//! `tests/host-attacks.toml` says which test stands for which attack.

mod calls;
mod disk;
mod guests;
mod input;
mod kills;
