//! Locks, atomics, threads and randomness of the registry, the writers and group commit.
//!
//! They have one door so that a model checker can stand in it: `tests/registry_model.rs`, `tests/fencing_model.rs` and
//! `tests/commit_model.rs` compile the same sources with locks and threads that try interleavings and random numbers that
//! repeat.

pub(crate) use std::hash::RandomState;
pub(crate) use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
pub(crate) use std::sync::{
    Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak,
};
pub(crate) use std::thread;

/// 128 random bits that nobody can guess.
pub(crate) fn random_bits() -> u128 {
    rand::random()
}
