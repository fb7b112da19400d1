//! Power cuts and I/O errors: the engine runs in a process of its own on a [`powerfs`](super::powerfs), this process
//! serves it.

use std::path::Path;

use crate::model::Verdict;

/// Names the environment variable that makes an impossible mount a failure, where FUSE is known to be there.
pub const REQUIRE: &str = "SLOTBENCH_REQUIRE_FUSE";

/// Whether file systems can be mounted below `dir`, and behave.
///
/// # Errors
/// Why not, in a sentence.
pub fn available(dir: &Path) -> Result<(), String> {
    imp::available(dir)
}

/// The verdict where they cannot: never `survived`.
pub(super) fn verdict_where_impossible() -> Verdict {
    let required = std::env::var_os(REQUIRE).is_some_and(|value| value == "1");
    if required { Verdict::HarnessBroken } else { Verdict::NotMeasured }
}

pub(super) use imp::{cut, io_error};

#[cfg(not(target_os = "linux"))]
mod imp {
    use std::path::Path;

    use crate::crash::process::ProcessError;
    use crate::crash::trial::{Remains, Setup};
    use rand::rngs::StdRng;

    const NO_FUSE: &str = "power cuts need FUSE, which this system does not have";

    pub(super) fn available(_dir: &Path) -> Result<(), String> {
        Err(NO_FUSE.to_owned())
    }

    pub(in crate::crash) fn cut(_setup: &Setup<'_>, _rng: &mut StdRng) -> Result<Remains, ProcessError> {
        Err(ProcessError(NO_FUSE.to_owned()))
    }

    pub(in crate::crash) use cut as io_error;
}

#[cfg(target_os = "linux")]
mod imp {
    use std::fs;
    use std::path::Path;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::{Duration, Instant};

    use rand::RngExt as _;
    use rand::rngs::StdRng;
    use rustix::io::Errno;
    use rustix::mount::{MountPropagationFlags, mount_change};
    use rustix::thread::{UnshareFlags, unshare_unsafe};
    use slotbench_core::Durability;

    use crate::crash::kill::{receive, run_until_fault};
    use crate::crash::patience::Patience;
    use crate::crash::powerfs::{Call, Inject, Mounted, Survival};
    use crate::crash::process::{Engine, ProcessError};
    use crate::crash::trial::{Remains, Setup, fresh};
    use crate::crash::wire::monotonic_ns;

    /// After its random time, the power fails at one of the next calls that change or sync something: also between a
    /// write and its sync, which take almost no time.
    const CALLS: std::ops::RangeInclusive<u32> = 0..=40;
    /// How long to wait for that call.
    const LAST_CALL: Duration = Duration::from_millis(100);
    /// How long to go on after an I/O error, milliseconds.
    const AFTERMATH: std::ops::RangeInclusive<u64> = 20..=100;

    pub(super) fn available(dir: &Path) -> Result<(), String> {
        keep_mounts_private();
        let fail = |error: &dyn std::fmt::Display| format!("no FUSE file system can be mounted here: {error}");
        let place = fresh(dir.join("mount")).map_err(|error| fail(&error))?;
        let mounted = Mounted::new(&place).map_err(|error| fail(&error))?;
        fs::metadata(mounted.path()).map(drop).map_err(|error| fail(&error))
    }

    /// Gives this thread, and all processes it starts, mounts of their own: nobody else sees them, and they go with the last
    /// of those processes, however it ends. Where that is not allowed mounts are seen by everybody.
    fn keep_mounts_private() {
        // SAFETY: a mount namespace of its own changes nothing in this process's memory or descriptors.
        let own = unsafe { unshare_unsafe(UnshareFlags::NEWNS) };
        if own.is_ok() {
            // Fails where nothing is shared to begin with.
            let _ = mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC);
        }
    }

    pub(in crate::crash) fn cut(setup: &Setup<'_>, rng: &mut StdRng) -> Result<Remains, ProcessError> {
        // What was sabotaged has something to lose for certain only if everything unsynced is lost.
        let drawn = Survival::of_cut(rng);
        let survival = if setup.sabotage.is_some() { Survival::Nothing } else { drawn };
        let mut bench = Bench::start(setup)?;
        run_until_fault(&mut bench.engine, rng)?;
        let calls = rng.random_range(CALLS);
        bench.mounted.disk(|disk| disk.freeze_after(calls));
        bench.wait(LAST_CALL, |bench| bench.mounted.disk(|disk| disk.is_frozen()))?;
        bench.end(setup, survival, rng.random())
    }

    pub(in crate::crash) fn io_error(setup: &Setup<'_>, rng: &mut StdRng) -> Result<Remains, ProcessError> {
        let inject = Inject {
            call: if rng.random() { Call::Write } else { Call::Sync },
            after: rng.random_range(CALLS),
            errno: if rng.random() { Errno::IO } else { Errno::NOSPC },
            lasting: rng.random(),
        };
        let lasts = setup.cell.axes.durability.effective == Some(Durability::Power);
        let mut bench = Bench::start(setup)?;
        run_until_fault(&mut bench.engine, rng)?;
        let met = |bench: &Bench| bench.mounted.disk(|disk| disk.has_injected());
        bench.mounted.disk(|disk| disk.inject(inject));
        bench.wait(LAST_CALL, met)?;
        if !met(&bench) {
            // Below tier `power` there may be no sync; there is always a write.
            bench.mounted.disk(|disk| disk.inject(Inject { call: Call::Write, after: 0, ..inject }));
            bench.wait(LAST_CALL, met)?;
        }
        // At tier `memory` an engine may write nothing at all.
        if !met(&bench) && setup.sabotage.is_none() {
            return Err(ProcessError("the engine wrote nothing that could have failed".to_owned()));
        }
        receive(&mut bench.engine, Duration::from_millis(rng.random_range(AFTERMATH)), |_| false)?;
        bench.end(setup, if lasts { Survival::Nothing } else { Survival::Everything }, rng.random())
    }

    /// An engine at work on a file system of its own. The engine goes first when this is dropped.
    struct Bench {
        engine: Engine,
        mounted: Mounted,
        /// When the power failed, by the monotonic clock; 0 before.
        cut_ns: Arc<AtomicU64>,
    }

    impl Bench {
        fn start(setup: &Setup<'_>) -> Result<Self, ProcessError> {
            let place = fresh(setup.space.data.join("mount"))?;
            let mounted = Mounted::new(&place).map_err(|error| ProcessError(format!("mount: {error}")))?;
            let mut engine = Engine::start(&setup.child(&mounted.path().join("store")))?;
            let cut_ns = Arc::new(AtomicU64::new(0));
            let (inbox, moment) = (Arc::clone(&engine.inbox), Arc::clone(&cut_ns));
            // No write or sync can succeed while this runs, so whatever was acknowledged by now was acknowledged on
            // the strength of what the disk holds.
            mounted.at_cut(move || {
                inbox.seal();
                moment.store(monotonic_ns(), Ordering::SeqCst);
            });
            engine.begin()?;
            Ok(Self { engine, mounted, cut_ns })
        }

        /// Takes acknowledgements in until something has happened, at most for so long.
        fn wait(&mut self, time: Duration, happened: impl Fn(&Self) -> bool) -> Result<(), ProcessError> {
            const STEP: Duration = Duration::from_millis(1);
            let mut patience = Patience::new(time);
            while !happened(self)
                && let Some(slice) = patience.slice()
            {
                // Sealed means cut, which the caller asks for in its own way.
                let waited = self.engine.inbox.wait(slice.min(Instant::now() + STEP));
                waited.map_err(|error| ProcessError(format!("read the pipe: {error}")))?;
            }
            Ok(())
        }

        /// Cuts the power and saves what it left.
        fn end(mut self, setup: &Setup<'_>, survival: Survival, seed: u64) -> Result<Remains, ProcessError> {
            self.mounted.cut();
            self.engine.kill()?;
            let (unsynced, image) = self.mounted.disk(|disk| (disk.unsynced(), disk.image(survival, seed)));
            let root = setup.fresh_image()?;
            image.export(&root).map_err(|error| ProcessError(format!("export {}: {error}", root.display())))?;
            Ok(Remains {
                dir: root.join("store"),
                reports: self.engine.inbox.reports(),
                cut_ns: self.cut_ns.load(Ordering::SeqCst),
                unsynced: Some(unsynced),
            })
        }
    }
}
