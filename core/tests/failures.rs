//! Failures on the way of a message: signer, store, crash.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use slotbench_core::item::SignatureType;
use slotbench_core::scheduler::{CommitError, CommitMode};
use slotbench_core::store::{Store, StoreError};
use slotbench_core::wallet::{SignError, Signature, Signer};
use slotbench_core::{Address, Config, Mode, ScheduleError, Scheduler};
use support::{Gate, Hooked, PROCESS, assert_sound, broken_disk, config, memory, message, schedule, stored_slots};

/// A signer that asks a hook before each signature.
struct Fickle<F> {
    inner: Arc<dyn Signer>,
    calls: AtomicU64,
    hook: F,
}

impl<F: Fn(u64) -> Result<(), SignError> + Send + Sync> Signer for Fickle<F> {
    fn signature_type(&self) -> SignatureType {
        self.inner.signature_type()
    }

    fn public_key(&self) -> &[u8] {
        self.inner.public_key()
    }

    fn address(&self) -> Address {
        self.inner.address()
    }

    fn sign(&self, payload: &[u8]) -> Result<Signature, SignError> {
        (self.hook)(self.calls.fetch_add(1, Ordering::SeqCst))?;
        self.inner.sign(payload)
    }
}

fn signing(hook: impl Fn(u64) -> Result<(), SignError> + Send + Sync + 'static) -> Config {
    let signer = Fickle { inner: support::wallet(), calls: AtomicU64::new(0), hook };
    Config { signer: Arc::new(signer), ..config() }
}

const MODES: [Mode; 2] = [Mode::Local, Mode::Aggressive];
const COMMITS: [CommitMode; 2] = [CommitMode::Group, CommitMode::Each];

#[test]
fn c032_a_signing_failure_is_an_error_and_takes_no_slot() {
    for mode in MODES {
        let fail_third = |call| if call == 2 { Err(SignError::Failed(SignatureType::Ed25519)) } else { Ok(()) };
        let scheduler = Scheduler::new(memory(), Config { mode, ..signing(fail_third) }).unwrap();
        let answers: Vec<_> = (0..5).map(|n| schedule(&scheduler, message(n))).collect();
        assert!(matches!(&answers[2], Err(ScheduleError::Commit(error)) if matches!(**error, CommitError::Sign(_))));
        let slots: Vec<u64> = answers.iter().flatten().map(|receipt| receipt.slot).collect();
        assert_eq!(slots, [0, 1, 2, 3]);
        scheduler.drain();
        assert_sound(&scheduler, &PROCESS, 4);
        assert_eq!(scheduler.server(&PROCESS).unwrap().info().in_flight, 0);
    }
}

#[test]
fn c032_messages_behind_a_failed_signature_move_up() {
    for mode in MODES {
        let gate = Arc::new(Gate::default());
        let first_waits_then_fails = {
            let gate = gate.clone();
            move |call| match call {
                0 => {
                    gate.pass();
                    Err(SignError::Failed(SignatureType::Ed25519))
                }
                _ => Ok(()),
            }
        };
        let scheduler = Scheduler::new(memory(), Config { mode, ..signing(first_waits_then_fails) }).unwrap();
        std::thread::scope(|scope| {
            let doomed = scope.spawn(|| schedule(&scheduler, message(0)));
            gate.await_arrivals(1);
            let behind: Vec<_> = (1..4)
                .map(|n| {
                    let waiting = scope.spawn({
                        let scheduler = &scheduler;
                        move || schedule(scheduler, message(n))
                    });
                    // Each must have its slot before the next comes, so that the order is known.
                    while scheduler.server(&PROCESS).unwrap().info().slot != Some(u64::from(n)) {
                        std::thread::yield_now();
                    }
                    waiting
                })
                .collect();
            gate.open();
            assert!(doomed.join().unwrap().is_err());
            let slots: Vec<u64> = behind.into_iter().map(|waiting| waiting.join().unwrap().unwrap().slot).collect();
            assert_eq!(slots, [0, 1, 2]);
        });
        scheduler.drain();
        assert_sound(&scheduler, &PROCESS, 3);
    }
}

#[test]
fn a_signer_that_panics_harms_only_its_message() {
    let panics_once = |call: u64| {
        assert!(call != 1, "the signer's bug");
        Ok(())
    };
    let scheduler = Scheduler::new(memory(), signing(panics_once)).unwrap();
    let answers: Vec<_> = (0..3).map(|n| schedule(&scheduler, message(n))).collect();
    assert!(matches!(&answers[1], Err(ScheduleError::Commit(error)) if error.to_string().contains("the signer's bug")));
    assert_eq!(answers[2].as_ref().unwrap().slot, 1);
    assert_sound(&scheduler, &PROCESS, 2);
}

#[test]
fn c033_a_write_failure_is_an_error_leaves_nothing_and_takes_no_slot() {
    for commit in COMMITS {
        let store = Hooked::new(memory(), |apply| if apply == 2 { Err(broken_disk()) } else { Ok(()) });
        let scheduler = Scheduler::new(store, Config { commit, ..config() }).unwrap();
        schedule(&scheduler, message(0)).unwrap();
        schedule(&scheduler, message(1)).unwrap();
        let failed = schedule(&scheduler, message(2));
        assert!(matches!(failed, Err(ScheduleError::Commit(error)) if error.to_string().contains("on fire")));
        assert_eq!(stored_slots(&scheduler, &PROCESS), [0, 1]);
        assert!(scheduler.assignments().item(&message(2).id()).unwrap().is_none());
        assert_eq!(schedule(&scheduler, message(3)).unwrap().slot, 2);
        assert_sound(&scheduler, &PROCESS, 3);
    }
}

#[test]
fn c040_a_crashed_writer_fails_what_waits_and_starts_again() {
    let gate = Arc::new(Gate::default());
    let panics_once = {
        let gate = gate.clone();
        move |apply| {
            gate.pass();
            assert!(apply != 0, "the store's bug");
            Ok::<(), StoreError>(())
        }
    };
    let scheduler = Scheduler::new(Hooked::new(memory(), panics_once), Config { inline: false, ..config() }).unwrap();
    std::thread::scope(|scope| {
        let callers: Vec<_> = (0..5)
            .map(|n| {
                scope.spawn({
                    let scheduler = &scheduler;
                    move || schedule(scheduler, message(n))
                })
            })
            .collect();
        while scheduler.server(&PROCESS).unwrap().info().in_flight < 5 {
            std::thread::yield_now();
        }
        gate.open();
        for caller in callers {
            let error = caller.join().unwrap().unwrap_err();
            assert!(error.to_string().contains("the store's bug"), "{error}");
        }
    });
    assert!(stored_slots(&scheduler, &PROCESS).is_empty());
    assert_eq!(schedule(&scheduler, message(9)).unwrap().slot, 0);
    assert_sound(&scheduler, &PROCESS, 1);
}

/// What was acknowledged before the store died at its n-th `apply`.
fn run_until_the_store_dies(
    mode: Mode,
    commit: CommitMode,
    dies_at: u64,
) -> (Arc<dyn Store>, Vec<(u64, slotbench_core::Id)>) {
    let disk = memory();
    let store = Hooked::new(Arc::clone(&disk), move |apply| if apply >= dies_at { Err(broken_disk()) } else { Ok(()) });
    let config = Config { mode, commit, window: 8, max_batch: 3, ..config() };
    let scheduler = Scheduler::new(store, config).unwrap();
    let acknowledged = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..4)
            .map(|caller| {
                let scheduler = &scheduler;
                scope.spawn(move || {
                    let mine = (0..12).map(|n| schedule(scheduler, message(caller * 12 + n)));
                    mine.flatten().map(|receipt| (receipt.slot, receipt.assignment.id())).collect::<Vec<_>>()
                })
            })
            .collect();
        callers.into_iter().flat_map(|caller| caller.join().unwrap()).collect()
    });
    (disk, acknowledged)
}

#[test]
fn c035_c036_a_crash_at_any_apply_leaves_a_prefix_with_all_that_was_confirmed() {
    for mode in MODES {
        for commit in COMMITS {
            for dies_at in 0..14 {
                let (disk, acknowledged) = run_until_the_store_dies(mode, commit, dies_at);
                let survivor = Scheduler::new(disk, config()).unwrap();
                let stored = stored_slots(&survivor, &PROCESS).len() as u64;
                assert_sound(&survivor, &PROCESS, stored);
                assert!(dies_at == 0 || stored > 0);
                if mode == Mode::Local {
                    for (slot, id) in &acknowledged {
                        let kept = survivor.assignments().assignment(&PROCESS, *slot).unwrap().unwrap();
                        assert_eq!(kept.id(), *id, "slot {slot} was confirmed as another assignment");
                    }
                }
                assert_eq!(schedule(&survivor, message(99)).unwrap().slot, stored);
            }
        }
    }
}

#[test]
fn a_write_that_fails_after_its_acknowledgement_is_counted() {
    let gate = Arc::new(Gate::default());
    let fails_at_the_gate = {
        let gate = gate.clone();
        move |_| {
            gate.pass();
            Err(broken_disk())
        }
    };
    let store = Hooked::new(memory(), fails_at_the_gate);
    let scheduler = Scheduler::new(store, Config { mode: Mode::Aggressive, ..config() }).unwrap();
    for n in 0..3 {
        schedule(&scheduler, message(n)).unwrap();
    }
    let writer = scheduler.server(&PROCESS).unwrap();
    gate.open();
    scheduler.drain();
    assert_eq!(writer.info().broken_promises, 3);
    assert_eq!(scheduler.commit_counters().failed, 3);
}

#[test]
fn one_processs_failure_spares_the_others() {
    let other = slotbench_core::Id::from_bytes([0xCD; 32]);
    let store = Hooked::new(memory(), |apply| if apply == 1 { Err(broken_disk()) } else { Ok(()) });
    let scheduler = Scheduler::new(store, config()).unwrap();
    let other_writer = scheduler.server(&other).unwrap();
    schedule(&scheduler, support::message_for(other, 0)).unwrap();
    assert!(schedule(&scheduler, message(0)).is_err());
    assert_eq!(schedule(&scheduler, support::message_for(other, 1)).unwrap().slot, 1);
    assert!(Arc::ptr_eq(&other_writer, &scheduler.server(&other).unwrap()), "its writer was never stopped");
}
