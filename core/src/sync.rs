//! Locks, atomics and randomness of the registry.
//!
//! They have one door so that a model checker can stand in it: `tests/registry_model.rs` compiles the same registry
//! with locks that try interleavings and random numbers that repeat.

pub(crate) use std::hash::RandomState;
pub(crate) use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
pub(crate) use std::sync::{
    Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak,
};

/// 128 random bits that nobody can guess.
pub(crate) fn random_bits() -> u128 {
    rand::random()
}
