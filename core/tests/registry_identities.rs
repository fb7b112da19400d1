//! The registry: identities, names, app-types, aliases, attributes, watching.
#![allow(clippy::unwrap_used, reason = "tests")]

mod holders;
mod support;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use holders::{Holder, instance, matching, name, names, numbered, pattern, together};
use proptest::prelude::*;
use slotbench_core::clock::ManualClock;
use slotbench_core::item::ItemBuilder;
use slotbench_core::registry::{
    Aliases, AppType, AttributeError, Attributes, Change, DeadlinePassed, Group, GroupError, Instance, Lagged, Pattern,
    Policy, Query, Registry, RegistryError, Selection, Stale, Target,
};
use support::{client, wait};

fn registry() -> Registry<Holder> {
    Registry::new()
}

#[test]
fn c059_every_instance_has_a_guid_and_equal_attributes_never_merge_two() {
    let registry = registry();
    let mut attributes = Attributes::default();
    attributes.set("role", "primary").unwrap();
    let made: Vec<Arc<Instance<Holder>>> =
        (0..1000).map(|n| Arc::new(Instance::new(Holder::new(n), 0).described(attributes.clone()))).collect();
    for (n, instance) in made.iter().enumerate() {
        registry.register(&numbered(n), Arc::clone(instance)).unwrap();
    }
    let guids: BTreeSet<String> = made.iter().map(|instance| instance.id().to_string()).collect();
    assert_eq!(guids.len(), 1000);
    for guid in &guids {
        // RFC 9562, version 4: xxxxxxxx-xxxx-4xxx-[89ab]xxx-xxxxxxxxxxxx
        assert_eq!((guid.len(), guid.as_bytes()[14]), (36, b'4'), "{guid}");
        assert!(b"89ab".contains(&guid.as_bytes()[19]), "{guid}");
        assert_eq!(guid.match_indices('-').map(|(at, _)| at).collect::<Vec<_>>(), [8, 13, 18, 23]);
    }
    let query = Query::from(pattern("test:>")).with("role", "primary");
    assert_eq!(registry.iter(query).count(), 1000);
    assert_eq!(registry.lookup(&numbered(7)).unwrap().handle().number, 7);
}

#[test]
fn c060_names_are_hierarchical_and_lists_take_wildcards() {
    let registry = registry();
    let all =
        ["P:atoms/app-state", "P:atoms/user/name", "P:handlers/on-click", "P:handlers/on-key", "Q:atoms/app-state"];
    for (n, text) in all.iter().enumerate() {
        registry.register(&name(text), instance(n)).unwrap();
    }
    let list = |text: &str| matching(&registry, text).iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(list("P:>"), all[..4], "one kind, in order");
    assert_eq!(list("P:atoms/>"), all[..2], "a prefix");
    assert_eq!(list("P:handlers/*"), all[2..4]);
    assert_eq!(list("P:atoms/*"), all[..1], "one segment, not two");
    assert_eq!(list("P:*/app-state"), all[..1]);
    assert_eq!(list("P:atoms/app-state"), all[..1]);
    assert!(list("P:atoms").is_empty() && list("P:atom/>").is_empty() && list("R:>").is_empty());
}

#[test]
fn c061_ensure_twice_is_the_same_cell_and_a_value_set_between_survives() {
    let registry = registry();
    registry.define(AppType::new("atoms").unwrap(), |_| Ok(Holder::new(1)));
    let first = registry.ensure(&name("atoms:state")).unwrap();
    first.handle().value.store(42, Ordering::SeqCst);
    let second = registry.ensure(&name("atoms:state")).unwrap();
    assert_eq!(second.handle().value.load(Ordering::SeqCst), 42);
    assert_eq!((first.id(), first.generation), (second.id(), second.generation));
    assert!(matches!(registry.ensure(&name("others:x")), Err(RegistryError::Undefined(kind)) if *kind == *"others"));
}

#[test]
fn c062_repointing_keeps_the_name_and_old_handles_are_detectably_stale() {
    let registry = registry();
    let old = registry.register(&numbered(1), instance(1)).unwrap();
    let before = registry.lookup(&numbered(1)).unwrap();
    registry.set_attribute(&numbered(1), "role", "dashboard").unwrap();
    assert_eq!(registry.repoint(&numbered(1), old, instance(2)), Ok(old + 1));
    let after = registry.lookup(&numbered(1)).unwrap();
    assert_eq!((after.handle().number, after.generation), (2, old + 1));
    assert!(before.is_live(), "it was replaced, not ended");
    assert!(!registry.is_current(&numbered(1), before.generation));
    assert!(registry.is_current(&numbered(1), after.generation));
    let identity = registry.identity(&numbered(1)).unwrap();
    assert_eq!(identity.attributes.get("role"), Some("dashboard"), "attributes stay with the identity");
    assert_eq!((names(&registry), identity.generation), (vec![numbered(1)], old + 1));
}

#[test]
fn a_dead_holders_identity_can_be_repointed_by_whoever_saw_it() {
    let registry = registry();
    let generation = registry.register(&numbered(1), instance(1)).unwrap();
    registry.lookup(&numbered(1)).unwrap().handle().kill();
    assert_eq!(registry.repoint(&numbered(1), generation, instance(2)), Ok(generation + 1));
    assert_eq!(registry.lookup(&numbered(1)).unwrap().handle().number, 2);
}

#[test]
fn a_name_that_comes_back_has_a_generation_of_its_own() {
    let registry = registry();
    let mut last = 0;
    for n in 0..10 {
        let holder = instance(n);
        let generation = registry.register(&numbered(1), Arc::clone(&holder)).unwrap();
        assert!(generation > last);
        last = registry.repoint(&numbered(1), generation, Arc::clone(&holder)).unwrap();
        assert!(registry.unregister(&numbered(1), holder.id()));
        assert_eq!(registry.repoint(&numbered(1), last, instance(n)), Err(Stale { current: None }));
    }
}

#[test]
fn c063_of_two_concurrent_repoints_one_wins_and_the_other_is_stale() {
    for _ in 0..50 {
        let registry = registry();
        let generation = registry.register(&numbered(1), instance(0)).unwrap();
        let results = together(2, |n| registry.repoint(&numbered(1), generation, instance(n + 1)));
        let winner = results.iter().position(Result::is_ok).unwrap();
        assert_eq!(results[winner], Ok(generation + 1));
        assert_eq!(results[1 - winner], Err(Stale { current: Some(generation + 1) }));
        assert_eq!(registry.lookup(&numbered(1)).unwrap().handle().number, winner + 1);
    }
}

#[test]
fn transfer_gives_a_name_away_once() {
    let registry = registry();
    let (from, to) = (instance(1), instance(2));
    let generation = registry.register(&numbered(1), Arc::clone(&from)).unwrap();
    assert_eq!(registry.transfer(&numbered(1), from.id(), Arc::clone(&to)), Ok(generation + 1));
    assert_eq!(registry.lookup(&numbered(1)).unwrap().id(), to.id());
    assert_eq!(registry.transfer(&numbered(1), from.id(), instance(3)), Err(Stale { current: Some(generation + 1) }));
    to.handle().kill();
    assert!(registry.transfer(&numbered(1), to.id(), instance(3)).is_err(), "the dead give nothing away");
}

#[test]
fn c064_aliases_resolve_locally_and_appear_in_no_outgoing_message() {
    let registry = registry();
    let production = name("dashboard:8c2f");
    registry.register(&production, instance(1)).unwrap();
    let (mut mine, mut theirs) = (Aliases::default(), Aliases::default());
    mine.define("bobs-favourite", Target::Name(production.clone())).unwrap();
    let first = registry.lookup(&production).unwrap();
    mine.define("this-run", Target::Instance(production.clone(), first.id())).unwrap();
    theirs.define("bobs-favourite", Target::Name(name("dashboard:other"))).unwrap();
    assert_eq!(mine.find(&registry, "bobs-favourite").unwrap().id(), first.id());
    assert_eq!(mine.find(&registry, "this-run").unwrap().id(), first.id());
    assert!(theirs.find(&registry, "bobs-favourite").is_none(), "an alias means something to its definer only");

    // What can go into a message is what an alias stands for: aliases have no text form (see their documentation).
    let Some(Target::Name(resolved)) = mine.resolve("bobs-favourite") else { panic!("an alias of a name") };
    let sent = ItemBuilder::new().tag("Name", resolved.as_str()).sign(&client()).unwrap();
    assert_eq!(sent.tag("name"), Some(&b"dashboard:8c2f"[..]));
    assert!(!sent.as_bytes().windows(14).any(|bytes| bytes == b"bobs-favourite"));

    registry.repoint(&production, first.generation, instance(2)).unwrap();
    assert_eq!(mine.find(&registry, "bobs-favourite").unwrap().handle().number, 2, "it follows the name");
    assert!(mine.find(&registry, "this-run").is_none(), "an instance is not another one");
    assert!(mine.remove("this-run").is_some() && mine.resolve("this-run").is_none());
}

fn dashboards(registry: &Registry<Holder>, fail: &'static str) -> Arc<AtomicUsize> {
    let made = Arc::new(AtomicUsize::new(0));
    let dashboard = AppType::new("dashboard").unwrap().requires("app-state", "atoms").unwrap();
    let dashboard = dashboard.requires("log", "channels").unwrap().offers("debug", "channels").unwrap();
    for app_type in [dashboard, AppType::new("atoms").unwrap(), AppType::new("channels").unwrap()] {
        let (kind, made) = (app_type.kind().to_owned(), Arc::clone(&made));
        registry.define(app_type, move |name| {
            assert_eq!(name.kind(), kind);
            let number = made.fetch_add(1, Ordering::SeqCst);
            if kind == fail { Err("no resources".to_owned()) } else { Ok(Holder::new(number)) }
        });
    }
    made
}

#[test]
fn c065_required_resources_exist_after_ensure() {
    let registry = registry();
    let made = dashboards(&registry, "");
    registry.ensure(&name("dashboard:prod")).unwrap();
    for resource in ["atoms:prod/app-state", "channels:prod/log"] {
        assert!(registry.lookup(&name(resource)).is_some(), "{resource}");
    }
    assert!(registry.lookup(&name("channels:prod/debug")).is_none(), "made when asked for");
    assert_eq!((registry.len(), made.load(Ordering::SeqCst)), (3, 3));
    registry.ensure(&name("dashboard:prod")).unwrap();
    assert_eq!(made.load(Ordering::SeqCst), 3, "idempotent");
    let identity = registry.identity(&name("dashboard:prod")).unwrap();
    assert_eq!(identity.app_type.unwrap().resources().len(), 3);
}

#[test]
fn an_owner_whose_resources_fail_leaves_nothing_behind() {
    let registry = registry();
    let before = registry.register(&name("atoms:other/app-state"), instance(9)).unwrap();
    dashboards(&registry, "channels");
    for failed in together(8, |_| registry.ensure(&name("dashboard:prod")).err().unwrap()) {
        let RegistryError::Resource { name, cause } = failed else { panic!("{failed:?}") };
        assert_eq!(name.as_str(), "channels:prod/log");
        assert!(matches!(*cause, RegistryError::Factory(reason) if *reason == "no resources"));
    }
    assert_eq!(registry.len(), 1, "the first resource went with the second");
    dashboards(&registry, "");
    registry.ensure(&name("dashboard:prod")).unwrap();
    registry.ensure(&name("dashboard:other")).unwrap();
    assert!(registry.is_current(&name("atoms:other/app-state"), before), "what was there is taken as it is");
}

#[test]
fn a_type_that_requires_itself_ends_in_an_error() {
    let registry = registry();
    registry.define(AppType::new("a").unwrap().requires("same", "a").unwrap(), |_| Ok(Holder::new(1)));
    let mut error = registry.ensure(&name("a:x")).err().unwrap();
    while let RegistryError::Resource { cause, .. } = error {
        error = *cause;
    }
    assert!(matches!(error, RegistryError::Name(_)), "{error:?}");
    assert!(registry.is_empty());
}

#[test]
fn c066_attributes_are_set_read_and_queried() {
    let registry = registry();
    for n in 0..10 {
        registry.register(&numbered(n), instance(n)).unwrap();
        registry.set_attribute(&numbered(n), "parity", if n % 2 == 0 { "even" } else { "odd" }).unwrap();
    }
    registry.set_attribute(&numbered(4), "role", "primary").unwrap();
    let query = |attributes: &[(&str, &str)]| {
        let query =
            attributes.iter().fold(Query::from(pattern("test:>")), |query, (key, value)| query.with(key, value));
        registry.iter(query).map(|listed| listed.found.handle().number).collect::<Vec<_>>()
    };
    assert_eq!(query(&[("parity", "odd")]), [1, 3, 5, 7, 9]);
    assert_eq!(query(&[("parity", "even"), ("role", "primary")]), [4]);
    assert!(query(&[("parity", "odd"), ("role", "primary")]).is_empty());
    assert_eq!(registry.set_attribute(&numbered(4), "role", "backup"), Ok(Some("primary".into())));
    assert_eq!(registry.identity(&numbered(4)).unwrap().attributes.get("role"), Some("backup"));
    assert_eq!(registry.remove_attribute(&numbered(4), "role").as_deref(), Some("backup"));
    assert!(query(&[("role", "backup")]).is_empty());
    assert_eq!(registry.set_attribute(&name("test:absent"), "a", "b"), Err(AttributeError::Absent));
}

#[test]
fn await_completes_on_registration_or_at_its_deadline() {
    let registry = registry();
    registry.register(&numbered(1), instance(1)).unwrap();
    let never = std::future::pending::<()>();
    assert_eq!(wait(registry.awaited(&numbered(1), never)).unwrap().handle().number, 1, "already there");
    let over = std::future::ready(());
    assert!(matches!(wait(registry.awaited(&numbered(2), over)), Err(DeadlinePassed)));
    // It comes while it is waited for: the deadline registers it, and is not ready yet.
    let mut late = Some(instance(2));
    let registers = std::future::poll_fn(|context| {
        if let Some(late) = late.take() {
            registry.register(&numbered(2), late).unwrap();
            context.waker().wake_by_ref();
        }
        std::task::Poll::Pending::<()>
    });
    assert_eq!(wait(registry.awaited(&numbered(2), registers)).unwrap().handle().number, 2);
}

#[test]
fn watchers_see_every_change_of_their_names_in_order() {
    let registry = registry();
    let (mut one, mut some) =
        (registry.watch(Pattern::exactly(&numbered(1)), 16), registry.watch(pattern("test:*/2"), 16));
    let holder = instance(1);
    let generation = registry.register(&numbered(1), Arc::clone(&holder)).unwrap();
    let replaced = instance(2);
    registry.repoint(&numbered(1), generation, Arc::clone(&replaced)).unwrap();
    registry.find(&numbered(2), Policy::Create(&|| Ok(Holder::new(3)))).unwrap();
    replaced.handle().kill();
    assert!(registry.lookup(&numbered(1)).is_none(), "the dead is noticed when it is asked for");
    let changes: Vec<Change> = std::iter::from_fn(|| one.try_next()).map(|event| event.unwrap().change).collect();
    let (instance, next) = (replaced.id(), generation + 1);
    let registered = Change::Registered { generation, instance: holder.id() };
    let expected =
        [registered, Change::Repointed { generation: next, instance }, Change::Ended { generation: next, instance }];
    assert_eq!(changes, expected);
    assert_eq!(wait(some.next()).unwrap().unwrap().name, numbered(2));
    assert!(some.try_next().is_none());
    drop(registry);
    assert!(wait(one.next()).is_none(), "the registry is gone");
}

#[test]
fn a_slow_watcher_holds_nobody_up_and_is_told_what_it_missed() {
    let registry = registry();
    let mut watch = registry.watch(pattern("test:>"), 4);
    for n in 0..10 {
        registry.register(&numbered(n), instance(n)).unwrap();
    }
    assert_eq!(watch.try_next(), Some(Err(Lagged(6))));
    let rest: Vec<_> = std::iter::from_fn(|| watch.try_next()).map(|event| event.unwrap().name).collect();
    assert_eq!(rest, (6..10).map(numbered).collect::<Vec<_>>());
}

#[test]
fn a_lease_gives_its_name_up_at_once_and_nobody_elses() {
    let registry = registry();
    let lease = registry.lease(&numbered(1), instance(1)).unwrap();
    let found = registry.lookup(&numbered(1)).unwrap();
    // The task that holds it panics.
    let task = std::thread::spawn(move || {
        let _lease = lease;
        panic!("the task's bug")
    });
    assert!(task.join().is_err());
    assert!(registry.is_empty() && !found.is_live());
    let lease = registry.lease(&numbered(1), instance(1)).unwrap();
    registry.repoint(&numbered(1), lease.found().generation, instance(2)).unwrap();
    drop(lease);
    assert_eq!(registry.lookup(&numbered(1)).unwrap().handle().number, 2);
}

#[test]
fn instances_are_dated_by_the_registrys_clock() {
    let clock = Arc::new(ManualClock::at(1_700_000_000_000));
    let registry: Registry<Holder> = Registry::with_clock(clock.clone());
    let made = registry.find(&numbered(1), Policy::Create(&|| Ok(Holder::new(1)))).unwrap();
    clock.set(1_700_000_000_001);
    assert_eq!(
        (made.started_ms(), registry.instance(Holder::new(2)).started_ms()),
        (1_700_000_000_000, 1_700_000_000_001)
    );
}

#[test]
fn s2_equal_segments_of_two_kinds_do_not_clash() {
    let registry = registry();
    registry.register(&name("scheduler:x"), instance(1)).unwrap();
    registry.register(&name("wallet:x"), instance(2)).unwrap();
    assert_eq!(registry.lookup(&name("scheduler:x")).unwrap().handle().number, 1);
    assert_eq!(registry.lookup(&name("wallet:x")).unwrap().handle().number, 2);
}

#[test]
fn s2_load_spreads_evenly_when_the_least_loaded_is_chosen() {
    let group: Group<Holder> = Group::default();
    for unit in ["a", "b", "c", "d"] {
        group.join(unit, instance(0)).unwrap();
    }
    let load = |member: &Instance<Holder>| member.handle().value.load(Ordering::SeqCst);
    for _ in 0..1001 {
        group.select(&Selection::Least(&load)).unwrap().handle().value.fetch_add(1, Ordering::SeqCst);
    }
    let loads: Vec<u64> = group.members().iter().map(|(_, member)| load(member)).collect();
    assert_eq!(loads, [251, 250, 250, 250]);
}

#[test]
fn s5_an_unknown_name_in_an_inbound_message_creates_exactly_one_instance() {
    let registry = registry();
    let made = dashboards(&registry, "");
    let inbound = ItemBuilder::new().tag("Name", "atoms:prod/app-state").sign(&client()).unwrap();
    let wanted = name(std::str::from_utf8(inbound.tag("name").unwrap()).unwrap());
    let found = together(50, |_| registry.ensure(&wanted).unwrap().id());
    assert_eq!(made.load(Ordering::SeqCst), 1);
    assert!(found.iter().all(|id| *id == found[0]));
    // Application code, in another thread, finds it by its name alone.
    assert_eq!(std::thread::spawn(move || registry.lookup(&wanted).unwrap().id()).join().unwrap(), found[0]);
}

#[test]
fn s5_a_backup_takes_over_when_the_primary_dies() {
    let registry: Registry<Group<Holder>> = Registry::new();
    let group = registry.find(&name("dashboard:prod"), Policy::Create(&|| Ok(Group::default()))).unwrap();
    let (primary, backup) = (instance(1), instance(2));
    group.handle().join("primary", Arc::clone(&primary)).unwrap();
    group.handle().join("backup", Arc::clone(&backup)).unwrap();
    let ask = || {
        let group = registry.lookup(&name("dashboard:prod"))?;
        Some(group.handle().select(&Selection::Preferred(&["primary", "backup"]))?.handle().number)
    };
    assert_eq!(ask(), Some(1));
    assert_eq!(group.handle().join("primary", instance(3)), Err(GroupError::Taken));
    let turns: Vec<usize> =
        (0..4).filter_map(|_| Some(group.handle().select(&Selection::InTurn)?.handle().number)).collect();
    assert_eq!(turns, [2, 1, 2, 1], "by role: backup, primary");
    primary.handle().kill();
    assert_eq!(ask(), Some(2));
    backup.handle().kill();
    assert_eq!(ask(), None, "a group lives as long as one of its members");
    assert!(registry.is_empty());
}

/// What the registry should hold after any sequence of steps.
#[derive(Debug, Clone)]
enum Step {
    Register(usize),
    Unregister(usize),
    Kill(usize),
    Create(usize),
    Repoint(usize),
    Look(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let which = 0..6_usize;
    prop_oneof![
        which.clone().prop_map(Step::Register),
        which.clone().prop_map(Step::Unregister),
        which.clone().prop_map(Step::Kill),
        which.clone().prop_map(Step::Create),
        which.clone().prop_map(Step::Repoint),
        which.prop_map(Step::Look),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_agrees_with_a_plain_map(steps in prop::collection::vec(step(), 1..80)) {
        let registry = registry();
        let mut model: std::collections::BTreeMap<usize, Arc<Instance<Holder>>> = Default::default();
        for step in steps {
            match step {
                Step::Register(n) => {
                    let new = instance(n);
                    let registered = registry.register(&numbered(n), Arc::clone(&new)).is_ok();
                    prop_assert_eq!(registered, !model.contains_key(&n));
                    model.entry(n).or_insert(new);
                }
                Step::Unregister(n) => {
                    if let Some(holder) = model.remove(&n) {
                        prop_assert!(registry.unregister(&numbered(n), holder.id()));
                    }
                }
                Step::Kill(n) => {
                    if let Some(holder) = model.remove(&n) {
                        holder.handle().kill();
                    }
                }
                Step::Create(n) => {
                    let found = registry.find(&numbered(n), Policy::Create(&|| Ok(Holder::new(n)))).unwrap();
                    let known = model.entry(n).or_insert_with(|| Arc::clone(&found.instance));
                    prop_assert_eq!(known.id(), found.id());
                }
                Step::Repoint(n) => {
                    if let Some(holder) = model.get_mut(&n) {
                        let generation = registry.lookup(&numbered(n)).unwrap().generation;
                        *holder = instance(n);
                        prop_assert_eq!(registry.repoint(&numbered(n), generation, Arc::clone(holder)), Ok(generation + 1));
                    }
                }
                Step::Look(n) => {
                    let found = registry.lookup(&numbered(n)).map(|found| found.id());
                    prop_assert_eq!(found, model.get(&n).map(|holder| holder.id()));
                }
            }
            prop_assert_eq!(names(&registry), model.keys().map(|n| numbered(*n)).collect::<Vec<_>>());
        }
        registry.sweep(&pattern("test:>"), |_| false);
        prop_assert_eq!(registry.len(), model.len(), "after a sweep the dead take no room");
    }

    #[test]
    fn pages_of_any_size_make_the_same_list(count in 0..60_usize, limit in 1..20_usize) {
        let registry = registry();
        for n in 0..count {
            registry.register(&numbered(n), instance(n)).unwrap();
        }
        let (query, mut after, mut listed) = (Query::from(pattern("test:>")), None, Vec::new());
        loop {
            let page = registry.list(&query, after.as_ref(), limit);
            prop_assert!(page.entries.len() <= limit);
            listed.extend(page.entries.into_iter().map(|entry| entry.name));
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        prop_assert_eq!(listed, names(&registry));
    }
}
