//! The figures as text.

use slotbench::report::units::{bytes, number, time};
use slotbench::report::{Align, Heading, Report, Style, Table, terminal};

use crate::result::{EngineResult, Flatness, Operation, Ratio, SizeResult, StoreResult};

/// What the largest size may take of the smallest one's time, to be called flat.
const FLAT: f64 = 1.2;
/// The same for fs, whose directories are trees of their own.
const FLAT_FS: f64 = 2.0;

/// Prints one engine's tables and verdicts.
#[expect(clippy::print_stdout, reason = "the benchmark's result")]
pub(crate) fn print(result: &EngineResult) {
    let limit = if result.engine == "fs" { FLAT_FS } else { FLAT };
    let mut tables: Vec<Table> = result.flatness.iter().map(by_size).collect();
    tables.push(restarts(&result.stores));
    let report = Report {
        headline: format!("{} {}", result.engine, result.version),
        conditions: Vec::new(),
        tables,
        details: Vec::new(),
        notes: vec![("Verdict", result.flatness.iter().flat_map(|flatness| verdicts(flatness, limit)).collect())],
    };
    println!("{}", terminal(&report, Style::default()));
}

type Column<T> = (&'static str, fn(&T) -> String);

fn table<T>(title: String, columns: &[Column<T>], rows: &[T]) -> Table {
    let headings =
        columns.iter().map(|(title, _)| Heading { title: (*title).to_owned(), align: Align::Right, rank: 0 });
    let rows = rows.iter().map(|row| columns.iter().map(|(_, show)| show(row)).collect());
    Table { title, headings: headings.collect(), rows: rows.collect() }
}

#[expect(clippy::cast_precision_loss, reason = "nanoseconds and bytes far below 2^52")]
fn by_size(flatness: &Flatness) -> Table {
    let columns: [Column<SizeResult>; 16] = [
        ("slots", |it| number(it.slots as f64)),
        ("latest p50", |it| time(it.latest.ns.p50 as f64)),
        ("p99", |it| time(it.latest.ns.p99 as f64)),
        ("× smallest (95%)", |it| ratio(it.latest.ratio)),
        ("searched p50", |it| time(it.searched.ns.p50 as f64)),
        ("p99", |it| time(it.searched.ns.p99 as f64)),
        ("× smallest (95%)", |it| ratio(it.searched.ratio)),
        ("append p50", |it| time(it.append.ns.p50 as f64)),
        ("p99", |it| time(it.append.ns.p99 as f64)),
        ("× smallest (95%)", |it| ratio(it.append.ratio)),
        ("writes", |it| number(it.append_calls.writes)),
        ("written", |it| bytes(it.append_calls.written_bytes.round())),
        ("reads", |it| number(it.append_calls.reads)),
        ("read", |it| bytes(it.append_calls.read_bytes.round())),
        ("from disk", |it| bytes(it.append_calls.fetched_bytes.round())),
        ("syncs", |it| it.append_calls.syncs.map_or_else(|| "-".to_owned(), number)),
    ];
    let effective = flatness.tier.effective.map_or("none", |tier| tier.name());
    let quiet = match flatness.quiet_after_s {
        Some(seconds) => format!("quiet after {}", time(seconds * 1e9)),
        None => "NEVER QUIET: it went on working beside what is measured".to_owned(),
    };
    let title =
        format!("Tier {} (effective {effective}), {quiet}; calls and bytes are of one append", flatness.tier.asked);
    table(title, &columns, &flatness.sizes)
}

#[expect(clippy::cast_precision_loss, reason = "nanoseconds and bytes far below 2^52")]
fn restarts(stores: &[StoreResult]) -> Table {
    let columns: [Column<StoreResult>; 13] = [
        ("slots", |it| number(it.slots as f64)),
        ("filled/s", |it| number(it.filled.slots_per_s)),
        ("peak RSS", |it| it.filled.peak_rss_bytes.map_or_else(|| "-".to_owned(), |peak| bytes(peak as f64))),
        ("records B/msg", |it| number(it.filled.record_bytes_per_message)),
        ("disk B/msg", |it| number(it.filled.disk_bytes_per_message)),
        ("close", |it| time(it.restart_warm.close_ns as f64)),
        ("open", |it| time(it.restart_warm.open_ns as f64)),
        ("+ latest", |it| time(it.restart_warm.latest_ns as f64)),
        ("+ append", |it| time(it.restart_warm.append_ns as f64)),
        ("cold open", |it| time(it.restart_cold.open_ns as f64)),
        ("+ latest", |it| time(it.restart_cold.latest_ns as f64)),
        ("+ append", |it| time(it.restart_cold.append_ns as f64)),
        ("from disk", |it| bytes(it.restart_cold.fetched_bytes as f64)),
    ];
    table("Filling, size on disk, restart after an orderly close (medians)".to_owned(), &columns, stores)
}

fn ratio(ratio: Ratio) -> String {
    format!("{:.2} ({:.2}-{:.2})", ratio.median, ratio.low, ratio.high)
}

/// A sentence for each operation at one tier.
fn verdicts(flatness: &Flatness, limit: f64) -> [String; 3] {
    type Part = fn(&SizeResult) -> &Operation;
    let operations: [(&str, Part); 3] =
        [("latest", |it| &it.latest), ("latest, searched for", |it| &it.searched), ("append", |it| &it.append)];
    operations.map(|(name, operation)| {
        let ratios = flatness.sizes.iter().map(|size| (size.slots, operation(size).ratio));
        let worst = ratios.max_by(|(_, one), (_, other)| one.median.total_cmp(&other.median));
        let Some((slots, worst)) = worst else { return format!("{name}: nothing measured") };
        let verdict = if worst.high <= limit {
            "flat"
        } else if worst.low > limit {
            "NOT flat"
        } else {
            "undecided, more rounds would tell"
        };
        let tier = flatness.tier.asked;
        format!("{name} at {tier}: {verdict} within {limit} ×; at most {} × at {slots} slots", ratio(worst))
    })
}
