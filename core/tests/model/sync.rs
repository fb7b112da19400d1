//! Locks, atomics, threads and randomness under the model checker: shuttle decides at each of them who runs next.

pub(crate) use shuttle::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
pub(crate) use shuttle::sync::{
    Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak,
};
pub(crate) use shuttle::thread;

/// The same in every run, so that schedules repeat.
pub(crate) type RandomState = std::hash::BuildHasherDefault<std::hash::DefaultHasher>;

/// As random as the schedule.
pub(crate) fn random_bits() -> u128 {
    use shuttle::rand::Rng as _;
    u128::from(shuttle::rand::thread_rng().r#gen::<u64>()) << 64
        | u128::from(shuttle::rand::thread_rng().r#gen::<u64>())
}
