//! Plans end to end: text to cells.

use std::time::Duration;

use proptest::prelude::*;
use slotbench_backends::Kind;
use slotbench_core::Durability;

use super::*;
use crate::axis::{Arrival, Mode, Quantile, Transport};
use crate::cell::payload::tests::payload;
use crate::cell::skew::tests::skew;
use crate::cell::{Length, Limit, OpenLoad, Operation, Payload, Read, Search, Workload};

fn source(text: &str) -> Source {
    Source { file: "p.toml".to_owned(), stem: "p".to_owned(), text: text.to_owned() }
}

fn plan(text: &str) -> Plan {
    Plan::compile(&source(text), &Overrides::default()).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn error(text: &str) -> String {
    Plan::compile(&source(text), &Overrides::default()).expect_err("must be refused").to_string()
}

fn ids(plan: &Plan) -> Vec<&str> {
    plan.cells.iter().map(|cell| cell.id.as_str()).collect()
}

#[test]
fn tables_cross_their_axes_over_the_top_of_the_plan() {
    let plan = plan(
        r#"
        seed = 9
        rounds = 2
        backend = "memory"
        workers = [1, 4]
        [workload]
        payload = "4KiB"
        [[cells]]
        name = "one"
        mode = "all"
        ops = 1_000
        [[cells]]
        backend = ["null"]
        workers = 3
        duration = "1s"
        warmup = 0
        workload = { reads = [0, 50] }
        "#,
    );
    assert_eq!((plan.name.as_str(), plan.seed), ("p", 9));
    assert_eq!(
        ids(&plan),
        [
            "memory-local-memory-w1-inproc-closed-none-noverify-group-p1-4KiB-dup0-read0-hist0",
            "memory-local-memory-w4-inproc-closed-none-noverify-group-p1-4KiB-dup0-read0-hist0",
            "memory-aggressive-memory-w1-inproc-closed-none-noverify-group-p1-4KiB-dup0-read0-hist0",
            "memory-aggressive-memory-w4-inproc-closed-none-noverify-group-p1-4KiB-dup0-read0-hist0",
            "null-local-memory-w3-inproc-closed-none-noverify-group-p1-4KiB-dup0-read0-hist0",
            "null-local-memory-w3-inproc-closed-none-noverify-group-p1-4KiB-dup0-read50-hist0",
        ]
    );
    let (first, last) = (&plan.cells[0], &plan.cells[5]);
    assert_eq!(
        (first.name.as_deref(), first.measure.length, first.measure.rounds),
        (Some("one"), Length::Ops(1000), 2)
    );
    assert_eq!((last.name.as_deref(), last.measure.warmup), (None, Duration::ZERO));
    assert_eq!(last.measure.length, Length::Duration(Duration::from_secs(1)));
}

#[test]
fn rates_make_open_loops_without_workers_and_closed_loops_have_nothing_of_them() {
    let plan = plan(
        "backend = 'null'\nworkers = [1, 4]\nrate = ['closed', 500, 1000]\narrival = ['fixed', 'poisson']\n\
         in-flight = 64\nsaturate = 'p99.9=5ms'\n",
    );
    let paces: Vec<_> = ids(&plan)
        .into_iter()
        .map(|id| id.split('-').skip(3).step_by(2).take(2).collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(
        paces,
        [
            "w1 closed",
            "w1 rate500_fixed_if64",
            "w1 rate500_poisson_if64",
            "w1 rate1000_fixed_if64",
            "w1 rate1000_poisson_if64",
            "w4 closed",
        ]
    );
    let limit = Limit { quantile: Quantile::P999, limit_ns: 5_000_000 };
    let search = Some(Search { limit, arrival: Arrival::Fixed, in_flight: 64 });
    assert!(plan.cells.iter().all(|cell| cell.saturate == search));
    let load = plan.cells[2].axes.open_load();
    assert_eq!(load, Some(OpenLoad { rate: 500, arrival: Arrival::Poisson, in_flight: 64 }));
    assert_eq!(plan.cells[5].axes.open_load(), None);
}

#[test]
fn every_engine_defaults_to_the_strongest_tier_it_reaches() {
    for cell in plan("backend = 'all'\n").cells {
        let reached = Kind::find(&cell.axes.backend).map(|kind| kind.tiers().map(|tier| tier.effective));
        let strongest = reached.and_then(|tiers| tiers.into_iter().flatten().max());
        assert_eq!(cell.axes.durability.effective, strongest, "{}", cell.id);
        assert_eq!(cell.refusal.is_none(), strongest.is_some(), "{}", cell.id);
    }
}

#[test]
fn what_cannot_run_is_a_refused_cell_and_not_an_error() {
    let plan = plan("backend = 'memory'\ndurability = ['memory', 'power']\ntransport = ['inproc', 'h3']\n");
    let reasons: Vec<_> = plan.cells.iter().map(|cell| cell.refusal.as_deref().unwrap_or("runs")).collect();
    assert_eq!(reasons[..2], ["runs", "runs"]);
    assert!(reasons[2].starts_with("memory cannot give durability 'power': "), "{}", reasons[2]);
    let reading = self::plan("backend = 'memory'\ntransport = ['inproc', 'h1']\n[workload]\nreads = 10\n");
    let reasons: Vec<_> = reading.cells.iter().map(|cell| cell.refusal.as_deref()).collect();
    assert_eq!(reasons, [None, Some("over a transport messages are scheduled and nothing else is done")]);
    for name in slotbench_backends::NAMES.iter().filter(|name| Kind::find(name).is_none()) {
        let plan = self::plan(&format!("backend = '{name}'"));
        assert_eq!(plan.cells[0].refusal, Some(format!("{name} is not built in (cargo feature '{name}')")));
    }
}

#[test]
fn errors_name_place_key_and_what_is_allowed() {
    let backends = slotbench_backends::NAMES.join(", ");
    let cases = [
        (
            "backend = 'fs'\nmode = 'fast'\n",
            "p.toml:2:8: mode: unknown mode 'fast' (allowed: local, aggressive, remote, all)",
        ),
        ("workers = [1,\n 0]\n", "p.toml:2:2: workers: '0' is not a whole number from 1 to 10000"),
        ("workers = 10001", "p.toml:1:11: workers: '10001' is not a whole number from 1 to 10000"),
        ("rounds = 1001", "p.toml:1:10: rounds: '1001' is not a whole number from 1 to 1000"),
        ("rounds = [1, 2]", "p.toml:1:14: rounds: takes one value, not a list"),
        ("ops = 1\nduration = '1s'", "p.toml:2:12: duration: ops and duration exclude each other"),
        (
            "durability = 'fsync'",
            "p.toml:1:14: durability: unknown durability 'fsync' (allowed: memory, process, power)",
        ),
        ("warmup = 'soon'", "p.toml:1:10: warmup: 'soon' is not a duration (such as 500ms, 10s or 2m)"),
        ("mode = []", "p.toml:1:8: mode: is an empty list"),
        ("mode = ['local', 'local']", "p.toml:1:18: mode: has a value twice"),
        ("rate = 0", "p.toml:1:8: rate: '0' is not a rate (messages per second from 1 to 10000000, or closed)"),
        ("rate = 1\narrival = 'even'", "p.toml:2:11: arrival: unknown arrival 'even' (allowed: fixed, poisson)"),
        ("rate = 1\nin-flight = 0", "p.toml:2:13: in-flight: '0' is not a whole number from 1 to 10000"),
        (
            "arrival = 'poisson'",
            "p.toml:1:1: arrival, in-flight: mean nothing in a closed loop (they need a rate, or saturate)",
        ),
        (
            "saturate = 'p98=1ms'",
            "p.toml:1:12: saturate: 'p98=1ms' is not a limit on response time (such as p99=5ms; p50, p90, p99 or p99.9)",
        ),
        (
            "saturate = 'p99=0s'",
            "p.toml:1:12: saturate: 'p99=0s' is not a limit on response time (such as p99=5ms; p50, p90, p99 or p99.9)",
        ),
        ("saturate = ['p99=1s', 'p90=1s']", "p.toml:1:23: saturate: takes one value, not a list"),
        ("[workload]\npayload = '65MiB'", "p.toml:2:11: workload.payload: '65MiB' is too much (at most 64MiB)"),
        (
            "[workload]\npayload = 'normal:1KiB'",
            "p.toml:2:11: workload.payload: 'normal:1KiB' is not a payload (such as 1KiB, uniform:100B..10KiB, \
             lognormal:median=1KiB,sigma=1, file:PATH)",
        ),
        ("[workload]\nskew = 'hot:0'", "p.toml:2:8: workload.skew: '0' is not a percentage from 1 to 99"),
        (
            "[workload]\nread = 'all'",
            "p.toml:2:8: workload.read: unknown read 'all' (allowed: slot, range, next, latest)",
        ),
        ("[workload]\nverify = 'yes'", "p.toml:2:10: workload.verify: 'yes' is neither true nor false"),
        ("workload = 1", "p.toml:1:12: workload: takes a table: [workload]"),
        ("cells = 1", "p.toml:1:9: cells: takes tables: [[cells]]"),
        ("seed = -1", "p.toml:1:8: seed: '-1' is not a whole number from 0 to 18446744073709551615"),
        ("[[cells]]\nname = 'a/b'", "p.toml:2:8: name: 'a/b' is not a name (1 to 64 letters, digits, '-', '_')"),
        ("[[cells]]\nname = '{mode}'", "p.toml:2:8: name: '{mode}' has an unknown placeholder (allowed: {backend})"),
        (
            "[workload]\nsize = 3",
            "p.toml:2:1: unknown key 'size' (allowed: sign, verify, commit, processes, skew, payload, compressible, duplicates, reads, \
             read, history, operation)",
        ),
        (
            "[[cells]]\nworker = 3",
            "p.toml:2:1: unknown key 'worker' (allowed: name, benchmark, backend, mode, durability, workers, transport, \
             rate, arrival, in-flight, saturate, ops, duration, warmup, rounds, workload)",
        ),
        (
            "benchmark = 'B1'",
            "p.toml:1:1: unknown key 'benchmark' (allowed: name, description, seed, engine, cells, backend, mode, \
             durability, workers, transport, rate, arrival, in-flight, saturate, ops, duration, warmup, rounds, workload)",
        ),
    ];
    for (text, message) in cases {
        assert_eq!(error(text), message, "{text}");
    }
    assert_eq!(
        error("backend = 'mysql'"),
        format!("p.toml:1:11: backend: unknown backend 'mysql' (allowed: {backends}, all)")
    );
    assert_eq!(error("[engine.mysql]"), format!("p.toml:1:9: engine: unknown backend 'mysql' (allowed: {backends})"));
}

#[test]
fn syntax_errors_have_a_place_and_one_line() {
    for text in ["backend = ", "a = 1\na = 2", "= 3", "[cells", "x = \"\n\"", "\u{feff}]"] {
        let message = error(text);
        assert!(message.starts_with("p.toml:") && !message.contains('\n'), "{message}");
    }
}

#[test]
fn a_cell_in_the_plan_twice_is_an_error_there_and_merged_when_flags_make_it() {
    let twice = "backend = 'memory'\n[[cells]]\nworkers = 1\n[[cells]]\nworkers = [2, 1]\n";
    assert!(error(twice).starts_with("p.toml:4:1: cells: memory-local-memory-w1-inproc-"), "{}", error(twice));

    let source = source("backend = 'memory'\n[[cells]]\nmode = 'local'\n[[cells]]\nmode = 'aggressive'\n");
    let mut overrides = Overrides::default();
    overrides.axis("mode", "local_confirmation").expect("SPEC's name");
    let plan = Plan::compile(&source, &overrides).expect("valid");
    assert_eq!(plan.cells.iter().map(|cell| cell.axes.mode).collect::<Vec<_>>(), [Mode::Local]);
}

#[test]
fn too_many_cells_are_refused_before_they_are_made() {
    let list = |count: u32| (1..=count).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
    let text = format!("backend = 'null'\nworkers = [{}]\n[workload]\npayload = [{}]\n", list(200), list(200));
    assert_eq!(error(&text), "p.toml:1:1: cells: more than 10000 of them");
}

#[test]
fn flags_replace_axes_and_names_that_would_lie_are_dropped() {
    let source = source(
        "backend = 'memory'\n[[cells]]\nname = '{backend}_one'\nbenchmark = 'B1'\n[[cells]]\nname = 'fast'\nbenchmark = 'B2'\nmode = 'aggressive'\n",
    );
    let labels = |flags: &[(&str, &str)]| {
        let mut overrides = Overrides::default();
        for (key, list) in flags {
            overrides.axis(key, list).expect("allowed");
        }
        let plan = Plan::compile(&source, &overrides).expect("valid");
        let label = |cell: Cell| (cell.name.unwrap_or_default(), cell.benchmark.unwrap_or_default());
        plan.cells.into_iter().map(label).collect::<Vec<_>>()
    };
    let pair = |name: &str, benchmark: &str| (name.to_owned(), benchmark.to_owned());
    assert_eq!(labels(&[("rounds", "9")]), [pair("memory_one", "B1"), pair("fast", "B2")]);
    assert_eq!(labels(&[("backend", "null")]), [pair("null_one", "B1"), pair("", "B2")]);
    assert_eq!(labels(&[("mode", "local")]), [pair("memory_one", "B1")]);
    assert_eq!(labels(&[("workers", "2")]), [pair("", ""), pair("", "")]);
}

#[test]
fn engine_settings_reach_their_cells_only() {
    let plan = plan("backend = ['memory', 'null']\n[engine.null]\nspeed = 3\nfast = true\n");
    assert!(plan.cells[0].engine_options.is_empty());
    let options: Vec<_> = plan.cells[1].engine_options.iter().map(|(key, value)| format!("{key}={value}")).collect();
    assert_eq!(options, ["fast=true", "speed=3"]);
}

/// The plan as if every engine were built in, so that the test means the same in every build.
fn preset(name: &str) -> Plan {
    let mut plan = Plan::preset(name, &Overrides::default()).unwrap_or_else(|error| panic!("{error}"));
    plan.cells.iter_mut().for_each(|cell| cell.refusal = None);
    plan
}

#[test]
fn quick_takes_four_minutes_at_most_and_full_covers_what_it_says() {
    let quick = preset("quick");
    assert!(quick.estimate().time <= Duration::from_secs(240), "{}", quick.estimate());
    assert_eq!(quick.cells.len(), 16);
    assert!(quick.cells.iter().all(|cell| cell.measure.rounds >= 3));
    assert_eq!(preset("full").cells.len(), 4 * 2 * 2 * 4);
}

#[test]
fn c119_the_seed_suite_has_the_five_configurations_and_both_benchmarks() {
    let seed = preset("seed");
    let find = |benchmark: &str, name: &str, asked: Durability| {
        let is = |cell: &&Cell| cell.name.as_deref() == Some(name) && cell.axes.durability.asked == asked;
        let found = seed.cells.iter().filter(is).find(|cell| cell.benchmark.as_deref() == Some(benchmark));
        found.unwrap_or_else(|| panic!("{benchmark} {name} {asked}"))
    };
    for asked in [Durability::Process, Durability::Power] {
        for backend in ["fs", "rocksdb", "sled", "redb"] {
            for (name, mode) in [(backend.to_owned(), Mode::Local), (format!("{backend}_aggressive"), Mode::Aggressive)]
            {
                let one = find("B1", &name, asked);
                assert_eq!((one.axes.backend.as_str(), one.axes.mode, one.axes.workers), (backend, mode, 1));
                assert_eq!((one.axes.transport, one.axes.workload.processes), (Transport::InProcess, 1));
                assert_eq!((one.measure.warmup.as_secs(), one.measure.rounds), (2, 5));
                assert_eq!(one.measure.length, Length::Duration(Duration::from_secs(10)));
                let many = find("B2", &name, asked);
                assert_eq!((many.axes.workers, many.axes.transport), (25, Transport::H1));
            }
        }
        let extreme = find("B2", "rocksdb_extreme_aggressive_h3", asked);
        assert_eq!((extreme.axes.workers, extreme.axes.transport), (100, Transport::H3));
        assert_eq!((extreme.axes.mode, extreme.axes.backend.as_str()), (Mode::Aggressive, "rocksdb"));
    }
}

#[test]
fn a_plan_survives_json() {
    let plan = preset("seed");
    let text = serde_json::to_string(&plan).expect("serialises");
    assert_eq!(serde_json::from_str::<Plan>(&text).expect("reads back"), plan);
}

proptest! {
    /// What a plan says of a workload is what its cell does, less what has no meaning there.
    #[test]
    fn a_workload_survives_its_plan(
        processes in 1_u32..5,
        skew in skew(),
        payload in payload().prop_filter("files are read", |payload| !matches!(payload, Payload::Items(_))),
        compressible in 0_u8..=100,
        duplicates in 0_u8..=100,
        reads in 0_u8..=100,
        read in prop::sample::select(Read::ALL),
        history in 0_u64..=100_000_000,
        operation in prop::sample::select(Operation::ALL),
    ) {
        let base = Workload { processes, skew, payload, compressible, duplicates, ..Workload::default() };
        let workload = Workload { reads, read, history, operation, ..base };
        let text = format!(
            "backend = 'memory'\n[workload]\nprocesses = {processes}\nskew = '{skew}'\npayload = '{payload}'\n\
             compressible = {compressible}\nduplicates = {duplicates}\nreads = {reads}\nread = '{read}'\n\
             history = {history}\noperation = '{operation}'\n"
        );
        let cells = plan(&text).cells;
        prop_assert_eq!(&cells[0].axes.workload, &workload.settled());
        let mut flags = Overrides::default();
        flags.set(&format!("workload.payload={payload}")).expect("as in a plan");
        flags.set(&format!("workload.skew={skew}")).expect("as in a plan");
        let text = format!("backend = 'memory'\n[workload]\nprocesses = {processes}\n");
        let flagged = Plan::compile(&source(&text), &flags).expect("valid").cells;
        let same = |workload: &Workload| (workload.payload, workload.skew);
        prop_assert_eq!(same(&flagged[0].axes.workload), same(&cells[0].axes.workload));
    }
}

#[test]
fn a_payload_of_real_items_is_named_by_what_they_are() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("item");
    let error = error(&format!("[workload]\npayload = 'file:{}'\n", path.display()));
    assert!(error.starts_with("p.toml:2:11: workload.payload: cannot read "), "{error}");
    let item = slotbench_core::item::ItemBuilder::new().target(slotbench_core::Id::from_bytes([1; 32])).data("real");
    let item = item.sign(&slotbench_core::wallet::NoSigner).expect("signs");
    std::fs::write(&path, item.as_bytes()).expect("writes");
    let cells = plan(&format!("backend = 'memory'\n[workload]\npayload = ['1KiB', 'file:{}']\n", path.display())).cells;
    assert_eq!((cells[0].items.as_deref(), cells[1].items.as_deref()), (None, Some(path.as_path())));
    assert!(cells[1].id.as_str().contains("-p1-file_"), "{}", cells[1].id);
}

#[test]
fn what_contradicts_itself_is_a_refused_cell() {
    let reason = |text: &str| plan(text).cells[0].refusal.clone().unwrap_or_default();
    let cases = [
        ("backend = 'memory'\nworkload = { reads = 100 }", "nothing to read"),
        ("backend = 'null'\nworkload = { reads = 1 }", "null stores nothing"),
        ("backend = 'null'\nworkload = { history = 1 }", "null stores nothing"),
        ("backend = 'memory'\nrate = 10\nworkload = { reads = 1 }", "an open loop"),
        ("backend = 'memory'\nworkload = { operation = 'restart' }", "nothing is left"),
        ("backend = 'memory'\nmode = 'aggressive'\nworkload = { operation = 'key_write' }", "mode local"),
    ];
    for (text, expected) in cases {
        assert!(reason(text).contains(expected), "{text}: {}", reason(text));
    }
}

#[test]
fn the_suites_b4_to_b8_take_a_few_minutes_each() {
    for (name, benchmark) in
        [("history", "B4"), ("restart", "B5"), ("range", "B6"), ("store", "B7"), ("durability", "B8")]
    {
        let plan = preset(name);
        assert!(plan.cells.iter().all(|cell| cell.benchmark.as_deref() == Some(benchmark) && cell.name.is_some()));
        assert!(plan.estimate().time <= Duration::from_secs(10 * 60), "{name}: {}", plan.estimate());
        assert!(plan.cells.iter().all(|cell| cell.refusal.is_none()), "{name}");
    }
}

#[test]
fn on_tmpfs_power_is_refused_and_process_is_all_there_is() {
    let text = "backend = ['memory', 'redb']\ndurability = ['memory', 'process', 'power']\n";
    let before = plan(text);
    let after = before.clone().on_volatile_storage("tmpfs");
    for (before, after) in before.cells.iter().zip(&after.cells) {
        let asked = before.axes.durability.asked;
        let refused = before.refusal.is_some() || asked == Durability::Power;
        assert_eq!(after.refusal.is_some(), refused, "{}", after.id);
        assert!(after.axes.durability.effective <= Some(Durability::Process));
    }
}
