//! Real rounds on real engines: what is measured is stored, and what is stored is checked.

use std::collections::BTreeMap;
use std::path::Path;

use slotbench::cell::Cell;
use slotbench::driver::Driver;
use slotbench::model::Tag;
use slotbench::plan::{Overrides, Plan, Source};
use slotbench::runner::{CellFailure, Job, Round, Runner as _, Stop};
use slotbench::verify::Verification;
use slotbench_backends::{Kind, Options};
use slotbench_core::store::Batch;
use slotbench_core::{Durability, assignments};

fn cells(plan: &str) -> Vec<Cell> {
    let source = Source { file: "test.toml".into(), stem: "test".into(), text: plan.into() };
    Plan::compile(&source, &Overrides::default()).unwrap_or_else(|error| panic!("{error}")).cells
}

fn run(driver: &mut Driver, cell: &Cell, dir: &Path) -> Result<Round, CellFailure> {
    let stop = Stop::default();
    driver.run_round(&Job { cell, round: 0, seed: 11, dir, stop: &stop })
}

/// Runs every cell of a plan in a directory of its own.
fn run_all(plan: &str) -> Vec<(Cell, Round)> {
    let mut driver = Driver::default();
    let measured = cells(plan).into_iter().map(|cell| {
        let dir = tempfile::tempdir().expect("a directory");
        let round = run(&mut driver, &cell, dir.path()).unwrap_or_else(|error| panic!("{}: {error}", cell.id));
        (cell, round)
    });
    measured.collect()
}

#[test]
fn every_engine_mode_and_worker_count_is_verified() {
    let plan = r#"
        backend = ["memory", "fs", "sled", "redb"]
        mode = "all"
        workers = [1, 7]
        rounds = 1
        ops = 300
        warmup = "20ms"
        [workload]
        processes = 3
        payload = 200
    "#;
    for (cell, round) in run_all(plan) {
        let result = &round.result;
        assert_eq!(result.verified, Some(true), "{}: {:?}", cell.id, result.failures);
        assert_eq!((result.messages, result.failed_after_acknowledge), (300, 0), "{}", cell.id);
        assert_eq!(round.histograms[&Tag::Acknowledged].len(), 300);
        assert_eq!(round.histograms[&Tag::Durable].len(), 300);
        let per_second = 300.0 / (result.elapsed_ns as f64 / 1e9);
        assert!((result.messages_per_s / per_second - 1.0).abs() < 1e-6);
        assert!(result.resources.user_bytes.is_some_and(|bytes| bytes > 300 * 200));
        assert!(!round.engine.version.is_empty());
    }
}

#[test]
fn signatures_history_duplicates_and_commit_each() {
    let plan = r#"
        backend = "memory"
        rounds = 1
        ops = 120
        warmup = "10ms"
        workers = 5
        [[cells]]
        workload = { sign = "ed25519", verify = true, processes = 2 }
        [[cells]]
        workload = { sign = "rsa4096" }
        [[cells]]
        workload = { commit = "each", processes = 4 }
        [[cells]]
        workload = { history = 500, processes = 2 }
        [[cells]]
        workload = { duplicates = 50 }
    "#;
    for (cell, round) in run_all(plan) {
        assert_eq!(round.result.verified, Some(true), "{}: {:?}", cell.id, round.result.failures);
        assert_eq!(round.result.messages, 120);
    }
}

#[test]
fn a_round_tells_how_it_went_over_time() {
    let plan = r#"
        backend = "memory"
        mode = "all"
        rounds = 1
        duration = "300ms"
        warmup = "20ms"
        workers = 3
        [[cells]]
        [[cells]]
        workload = { commit = "each" }
    "#;
    for (cell, round) in run_all(plan) {
        let result = &round.result;
        let acknowledged: u64 = result.series.iter().map(|sample| sample.messages).sum();
        assert_eq!(
            acknowledged,
            round.histograms[&Tag::Acknowledged].len(),
            "{}: every message in one interval",
            cell.id
        );
        assert!(result.series.is_sorted_by(|one, next| one.at_ns < next.at_ns));
        assert!(result.series.iter().all(|sample| sample.cpu_ns.is_some() && sample.rss_bytes.is_some()));
        let fastest = result.series.iter().filter_map(|sample| sample.p50_ns).min().expect("messages");
        let slowest = result.series.iter().filter_map(|sample| sample.max_ns).max().expect("messages");
        let whole = &round.histograms[&Tag::Acknowledged];
        assert!(whole.min() <= fastest && slowest as f64 <= whole.max() as f64 * 1.001);
        assert!(whole.max() as f64 <= slowest as f64 * 1.001);
        let aggressive = cell.axes.mode == slotbench::axis::Mode::Aggressive;
        assert!(result.series.iter().all(|sample| sample.unstored.is_some() == aggressive));
        assert!(result.warmup.steady.is_some() && result.debt.is_some());
        let peak = result.resources.peak_rss_bytes.expect("told");
        assert!(peak > 1 << 20);
        assert!(
            result.resources.peak_above_base_bytes.is_some_and(|above| above < peak),
            "the process was there before"
        );
        assert!(result.stages_ns.is_empty(), "only in the stage round");
        let grouped = cell.axes.workload.commit == slotbench::axis::Commit::Group;
        assert_eq!(result.batch_messages.is_some(), grouped);
        if let Some(sizes) = result.batch_messages {
            assert!((sizes.mean * sizes.count as f64 - result.messages as f64).abs() < 0.5);
        }
    }
}

#[test]
fn the_stage_round_follows_messages_through_real_engines() {
    let plan =
        "backend = ['memory', 'redb', 'null']\nmode = 'all'\nrounds = 2\nops = 2000\nwarmup = '5ms'\nworkers = 4\n";
    let mut driver = Driver::default();
    for cell in cells(plan) {
        let dir = tempfile::tempdir().expect("a directory");
        let number = cell.stage_round().expect("in process");
        let stop = Stop::default();
        let job = Job { cell: &cell, round: number, seed: 11, dir: dir.path(), stop: &stop };
        let round = driver.run_round(&job).unwrap_or_else(|error| panic!("{}: {error}", cell.id));
        assert_ne!(round.result.verified, Some(false), "{}", cell.id);
        assert_eq!(round.histograms[&Tag::Acknowledged].len(), 2000, "all messages, not only those that are followed");
        let stages = &round.result.stages_ns;
        let names: Vec<&str> = stages.keys().map(String::as_str).collect();
        let mut expected = vec!["acknowledge", "apply", "commit_wait", "queue", "sign", "verify"];
        if cell.axes.mode == slotbench::axis::Mode::Aggressive {
            expected.insert(3, "durable_lag");
        }
        assert_eq!(names, expected, "{}", cell.id);
        let followed = stages["apply"].count;
        assert!((5..=100).contains(&followed), "{}: {followed} of 2000", cell.id);
        assert!(stages.values().all(|stage| stage.count == followed));
    }
}

#[test]
fn a_round_that_ends_by_time_stops_in_time_and_drains() {
    let plan = "backend = \"memory\"\nmode = \"aggressive\"\nrounds = 1\nduration = \"150ms\"\nwarmup = \"50ms\"\n";
    let (_, round) = run_all(plan).pop().expect("one cell");
    assert_eq!(round.result.verified, Some(true));
    assert_eq!(round.histograms[&Tag::Acknowledged].len(), round.histograms[&Tag::Durable].len());
    assert!(round.result.messages > 100);
}

#[test]
fn an_open_loop_is_measured_on_its_schedule_and_verified() {
    let plan = r#"
        backend = "memory"
        mode = "all"
        rate = 2000
        arrival = ["fixed", "poisson"]
        in-flight = 64
        rounds = 1
        ops = 300
        warmup = "20ms"
    "#;
    let measured = run_all(plan);
    assert_eq!(measured.len(), 4);
    for (cell, round) in measured {
        let (result, histograms) = (&round.result, &round.histograms);
        assert_eq!((result.verified, result.messages), (Some(true), 300), "{}: {:?}", cell.id, result.failures);
        assert!(
            [Tag::Acknowledged, Tag::Durable, Tag::Response, Tag::Service]
                .iter()
                .all(|tag| histograms[tag].len() == 300)
        );
        assert_eq!(histograms[&Tag::Acknowledged], histograms[&Tag::Service]);
        assert!(histograms[&Tag::Response].mean() >= histograms[&Tag::Service].mean(), "a start is never early");
        assert_eq!(result.pacing_error_ns.map(|pacing| pacing.count), Some(300));
        assert!(result.generator_cpu_ns.is_some_and(|cpu| cpu > 0) && result.blocked.is_some());
        // 300 starts at 2000 a second: the last is intended after 149.5 ms, the random ones after some 150.
        assert!(result.elapsed_ns > 100_000_000, "{}", result.elapsed_ns);
    }
}

#[test]
fn null_is_measured_and_has_nothing_to_verify() {
    let (_, round) =
        run_all("backend = \"null\"\nrounds = 1\nops = 1000\nwarmup = \"10ms\"\n").pop().expect("one cell");
    assert_eq!((round.result.messages, round.result.verified), (1000, None));
}

#[test]
fn engines_that_end_with_their_process_are_served_in_this_one_and_verified() {
    let plan =
        "rounds = 1\nops = 50\nwarmup = \"1ms\"\nmode = \"all\"\ntransport = [\"h1\", \"h2\", \"h3\"]\nworkers = 2\n";
    for (engine, verified) in [("memory", Some(true)), ("null", None)] {
        for (cell, round) in run_all(&format!("backend = \"{engine}\"\n{plan}")) {
            let result = &round.result;
            assert_eq!((result.messages, result.verified, result.connections), (50, verified, Some(2)), "{}", cell.id);
            assert!(result.failures.is_empty(), "{:?}", result.failures);
        }
    }
}

#[test]
fn a_request_to_stop_ends_a_round_without_a_result() {
    let mut driver = Driver::default();
    let cell = cells("backend = \"memory\"\nrounds = 1\nduration = \"1h\"\n").remove(0);
    let dir = tempfile::tempdir().expect("a directory");
    let stop = Stop::default();
    stop.request();
    let job = Job { cell: &cell, round: 0, seed: 1, dir: dir.path(), stop: &stop };
    assert_eq!(driver.run_round(&job).err(), Some(CellFailure::Interrupted));
}

#[test]
fn c119_benchmark_b1_exists_in_the_four_original_configurations_and_their_peers() {
    let seed = Plan::preset("seed", &Overrides::default()).expect("the preset");
    let mut names: BTreeMap<&str, usize> = BTreeMap::new();
    for cell in seed.cells.iter().filter(|cell| cell.benchmark.as_deref() == Some("B1")) {
        let name = cell.name.as_deref().expect("every cell of the suite has a name");
        *names.entry(name).or_default() += 1;
        if cell.axes.transport == slotbench::axis::Transport::InProcess {
            assert_eq!(cell.axes.workers, 1, "B1 is one task");
        }
        assert!(cell.measure.rounds >= 5);
    }
    for engine in ["fs", "rocksdb", "sled", "redb"] {
        for name in [engine.to_owned(), format!("{engine}_aggressive")] {
            assert_eq!(names.get(name.as_str()), Some(&2), "{name}: at tier process and at tier power");
        }
    }
}

#[test]
fn c120_a_store_that_lost_or_damaged_a_slot_fails_verification() {
    let kind = Kind::find("memory").expect("built in");
    type Damage<'a> = &'a dyn Fn(&mut Batch, slotbench_core::Id);
    let damages: [Damage<'_>; 2] = [
        &|batch, process| {
            batch.delete(assignments::slot_key(&process, 3));
        },
        &|batch, process| {
            batch.put(assignments::slot_key(&process, 5), bytes::Bytes::from_static(b"no link"));
        },
    ];
    for damage in damages {
        let store = kind.open(Path::new("unused"), &Options::default()).expect("opens");
        let process = fill(&store, 8);
        let mut sound = Verification::of(&store, Default::default());
        sound.expect_slots(8);
        assert!(sound.is_sound(), "{:?}", sound.failures);
        sound.expect_slots(9);
        assert!(!sound.is_sound(), "a slot too few must fail");
        let mut batch = Batch::new();
        damage(&mut batch, process);
        store.apply(&batch, Durability::Memory).expect("applies");
        assert!(!Verification::of(&store, Default::default()).is_sound());
    }
    let empty = kind.open(Path::new("unused"), &Options::default()).expect("opens");
    let mut nothing = Verification::of(&empty, Default::default());
    nothing.expect_slots(1);
    assert!(!nothing.is_sound(), "a run that stored nothing must fail");
}

/// Schedules `count` messages on one process.
fn fill(store: &std::sync::Arc<dyn slotbench_core::Store>, count: usize) -> slotbench_core::Id {
    use slotbench::driver::pool::{Pool, PoolSpec};
    let mut pool = Pool::new(PoolSpec::plain(3, 1, 10));
    pool.grow(count).expect("messages");
    let signer = std::sync::Arc::new(slotbench_core::wallet::NoSigner);
    let config = slotbench_core::Config { durability: Durability::Memory, ..slotbench_core::Config::new(signer) };
    let scheduler = slotbench_core::Scheduler::new(std::sync::Arc::clone(store), config).expect("starts");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("an executor");
    for message in pool.messages().iter() {
        runtime.block_on(scheduler.schedule(message.clone())).expect("schedules");
    }
    pool.processes()[0]
}
