//! What a run says about load and concurrency: saturation searches, and fits over worker counts.

use crate::axis::Quantile;
use crate::cell::{CellId, Counted};
use crate::model::{Run, Saturation, Scaling};
use crate::report::heading::{Align, Heading};
use crate::report::table::Table;
use crate::report::units;
use crate::stats::usl;

/// A table of all searches, and one for each fit.
pub(super) fn tables(run: &Run) -> Vec<Table> {
    let searches = (!run.saturation.is_empty()).then(|| {
        let counted = counted(run, run.saturation.iter().map(|search| &search.cell));
        saturation(&run.saturation, counted.rate)
    });
    let fits = run.scaling.iter().map(|fit| scaling(fit, counted(run, fit.cells.iter()).rate));
    searches.into_iter().chain(fits).collect()
}

/// What these cells count.
fn counted<'r>(run: &'r Run, ids: impl Iterator<Item = &'r CellId> + Clone) -> Counted {
    let cells = run.cells.iter().filter(|cell| ids.clone().any(|id| *id == cell.id));
    Counted::of_all(cells.map(|cell| &cell.axes.workload))
}

fn headings(titles: &[(&str, Align)]) -> Vec<Heading> {
    titles.iter().map(|(title, align)| Heading { title: (*title).to_owned(), align: *align, rank: 0 }).collect()
}

fn saturation(searches: &[Saturation], rate: &str) -> Table {
    use Align::{Left, Right};
    Table {
        title: "Saturation: the highest rate within a limit on response time (open loop)".to_owned(),
        headings: headings(&[
            ("cell", Left),
            ("limit", Left),
            (&format!("holds {rate}"), Right),
            (&format!("fails {rate}"), Right),
            ("arrival", Left),
            ("in flight", Right),
            ("tries", Right),
        ]),
        rows: searches.iter().map(search).collect(),
    }
}

/// The border lies between the rate that held and the one that did not.
fn search(found: &Saturation) -> Vec<String> {
    let rate = |rate: Option<f64>, none: &str| rate.map_or_else(|| none.to_owned(), units::number);
    let quantile = Quantile::ALL.iter().find(|known| (known.share() - found.quantile).abs() < 1e-9);
    let quantile = quantile.map_or_else(|| found.quantile.to_string(), |known| known.name().to_owned());
    vec![
        found.cell.to_string(),
        format!("{quantile} ≤ {}", units::time(found.limit_ns as f64)),
        rate(found.rate, "none"),
        rate(found.above, "none"),
        found.arrival.to_string(),
        found.in_flight.to_string(),
        found.probes.len().to_string(),
    ]
}

fn scaling(fit: &Scaling, rate: &str) -> Table {
    let law = |workers| usl::throughput(fit.lambda, fit.sigma, fit.kappa, workers);
    let measured = fit.points.iter().map(|point| {
        let fitted = law(f64::from(point.workers));
        let off = format!("{:+.1} %", 100.0 * (fitted / point.messages_per_s - 1.0));
        vec![point.workers.to_string(), units::number(point.messages_per_s), units::number(fitted), off]
    });
    let peak = fit.peak_workers.map(|workers| {
        let place = if covers(fit, workers) { "peak" } else { "peak, EXTRAPOLATED" };
        vec![format!("{workers:.0} ({place})"), "–".to_owned(), units::number(law(workers)), "–".to_owned()]
    });
    Table {
        title: title(fit, rate),
        headings: headings(&[
            ("workers", Align::Right),
            (&format!("measured {rate}"), Align::Right),
            (&format!("fitted {rate}"), Align::Right),
            ("off", Align::Right),
        ]),
        rows: measured.chain(peak).collect(),
    }
}

/// Whether a number of workers lies in the range of the measured ones.
fn covers(fit: &Scaling, workers: f64) -> bool {
    let counts = || fit.points.iter().map(|point| f64::from(point.workers));
    counts().any(|count| count <= workers) && counts().any(|count| count >= workers)
}

fn title(fit: &Scaling, rate: &str) -> String {
    let Scaling { cells, points, lambda, sigma, kappa, error, .. } = fit;
    let cell = cells.first().map(ToString::to_string).unwrap_or_default();
    let range = (points.iter().map(|p| p.workers).min(), points.iter().map(|p| p.workers).max());
    let valid = match range {
        (Some(least), Some(most)) => format!("valid for {least} to {most} workers"),
        _ => "valid for no worker count".to_owned(),
    };
    // As many parameters as points: the curve goes through all of them, whatever they are.
    let error = if points.len() > 3 {
        format!("{:.1} % off (rms)", error * 100.0)
    } else {
        "too few counts to tell its error".to_owned()
    };
    format!(
        "Scaling of {cell} with workers: one gives {} {rate}, contention {:.2} %, coherency {:.4} %; {valid}, {error}",
        units::number(*lambda),
        sigma * 100.0,
        kappa * 100.0,
    )
}
