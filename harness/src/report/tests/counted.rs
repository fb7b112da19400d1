//! What a report counts, where operations are no messages.

use crate::cell::{Operation, Workload};
use crate::model::sample::run;
use crate::model::{Point, Run, Scaling};
use crate::report::headline::headline;
use crate::report::{Report, Style, markdown, terminal};

/// The sample run, as if its cells had done something else.
fn doing(operations: &[Operation]) -> Run {
    let mut run = run();
    for (cell, operation) in run.cells.iter_mut().zip(operations.iter().cycle()) {
        cell.axes.workload = Workload { operation: *operation, ..cell.axes.workload.clone() };
    }
    let points = [1, 2, 4].map(|workers| Point { workers, messages_per_s: 100.0 * f64::from(workers) });
    run.scaling.push(Scaling {
        cells: vec![run.cells[0].id.clone()],
        points: points.into(),
        lambda: 100.0,
        sigma: 0.0,
        kappa: 0.0,
        peak_workers: None,
        error: 0.0,
    });
    run
}

#[test]
fn look_ups_are_called_look_ups_everywhere() {
    let report = Report::of(&doing(&[Operation::RegistryLookup]));
    assert!(report.headline.contains("redb with 2,345 look-ups/s"), "{}", report.headline);
    let headings = |place: usize| report.tables[place].headings.iter().map(|heading| heading.title.as_str());
    assert!(headings(0).any(|title| title == "look-ups/s"));
    let scaling = report.tables.iter().find(|table| table.title.starts_with("Scaling")).expect("a fit");
    assert!(scaling.title.contains("one gives 100 look-ups/s"), "{}", scaling.title);
    assert!(scaling.headings.iter().any(|heading| heading.title == "measured look-ups/s"));
    let text = terminal(&report, Style::default()) + &markdown(&report);
    assert!(!text.contains("msg/s"), "{text}");
}

#[test]
fn where_they_differ_a_column_counts_operations_and_a_sentence_what_each_did() {
    let run = doing(&[Operation::RegistryList, Operation::RegistryLookup, Operation::Restart]);
    let report = Report::of(&run);
    assert!(report.tables[0].headings.iter().any(|heading| heading.title == "ops/s"));
    let told = headline(&run);
    assert!(told.contains(" look-ups/s") && !told.contains("msg/s"), "{told}");
}
