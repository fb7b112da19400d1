//! The driver: real engines under a real scheduler, driven by workers and verified afterwards.
//!
//! Nothing here formats or prints. The measuring loops themselves are [`closed_loop`] and [`open_loop`]; around them a
//! round sees to a fresh store, history, warm-up, resources and verification. While it runs, [`sampler`] reads beside it
//! what the process uses; [`course`] makes of both how the round went over time.

pub mod clock;
pub mod closed_loop;
pub mod course;
pub mod debt;
pub mod floors;
pub mod history;
pub mod meters;
pub mod node;
pub mod open_loop;
pub mod pool;
pub mod reads;
mod round;
pub mod sampler;
pub mod stages;
pub mod target;
pub mod trail;
pub mod usage;

use std::path::Path;
use std::sync::{Arc, OnceLock};

use slotbench_core::wallet::{NoSigner, Signer, Wallet, WalletError};
use tokio::runtime::Runtime;

use crate::axis::Sign;
use crate::driver::history::Histories;
use crate::driver::pool::{Pool, PoolError, PoolSpec};
use crate::driver::usage::Prepared;
use crate::model::Floors;
use crate::runner::{CellFailure, Job, Round, Runner, Stop};

/// The seed of the scheduler's ed25519 key: results must not depend on a key.
const SCHEDULER_KEY: [u8; 32] = *b"slotbench scheduler wallet seed!";
/// Before and after each round: together about a millisecond.
const PACE_HASHES: usize = 1_000;

/// Measures rounds in this process.
#[derive(Default)]
pub struct Driver {
    /// Started by the first round, so that commands that measure nothing start no threads.
    runtime: OnceLock<Runtime>,
    /// The messages of the last round: most rounds of a run want the same ones.
    pool: Option<Pool>,
    prepared: Prepared,
    rsa: OnceLock<Arc<Wallet>>,
    /// Stores with history, between the rounds that use them.
    histories: Histories,
    /// Whether every round's store stays where it is.
    keeps_stores: bool,
}

impl Driver {
    /// The executor of the workers: one thread per core.
    fn runtime(&self) -> std::io::Result<&Runtime> {
        if let Some(runtime) = self.runtime.get() {
            return Ok(runtime);
        }
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(cores).thread_name("worker").enable_all().build()?;
        Ok(self.runtime.get_or_init(|| runtime))
    }

    fn signer(&self, sign: Sign) -> Result<Arc<dyn Signer>, WalletError> {
        Ok(match sign {
            Sign::None => Arc::new(NoSigner),
            Sign::Ed25519 => Arc::new(Wallet::ed25519_from_seed(SCHEDULER_KEY)?),
            Sign::Rsa4096 => self.rsa()?,
        })
    }

    /// The RSA wallet: made once per driver, for that takes about a second.
    fn rsa(&self) -> Result<Arc<Wallet>, WalletError> {
        if let Some(wallet) = self.rsa.get() {
            return Ok(Arc::clone(wallet));
        }
        let wallet = Arc::new(Wallet::generate_rsa4096()?);
        Ok(Arc::clone(self.rsa.get_or_init(|| wallet)))
    }

    /// At least `count` messages, made now if they are not there yet.
    fn messages(&mut self, spec: PoolSpec, count: usize) -> Result<&Pool, PoolError> {
        let last = self.pool.take();
        let pool = self.prepared.count(|| {
            let mut pool = last.filter(|pool| *pool.spec() == spec).unwrap_or_else(|| Pool::new(spec));
            pool.grow(count).map(|()| pool)
        });
        Ok(self.pool.insert(pool?))
    }
}

impl Runner for Driver {
    fn run_round(&mut self, job: &Job<'_>) -> Result<Round, CellFailure> {
        let before = floors::hash_cost(PACE_HASHES);
        let mut round = round::run(self, job)?;
        let after = floors::hash_cost(PACE_HASHES);
        round.result.sha256_ns = before.zip(after).map(|(before, after)| f64::midpoint(before, after));
        Ok(round)
    }

    fn keep_stores(&mut self) {
        self.keeps_stores = true;
    }

    fn floors(&mut self, dir: &Path, stop: &Stop) -> Result<Floors, CellFailure> {
        if stop.is_requested() {
            return Err(CellFailure::Interrupted);
        }
        let floors = self.runtime().and_then(|runtime| floors::measure(runtime, dir, stop));
        floors.map_err(|error| {
            CellFailure::Failed(format!("the floors cannot be measured in {}: {error}", dir.display()))
        })
    }
}
