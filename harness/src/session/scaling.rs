//! Fits over worker counts: from closed-loop cells that differ in nothing but workers.

use std::collections::BTreeMap;

use crate::cell::CellId;
use crate::model::{CellResult, Point, Scaling, Status};
use crate::stats::usl;

/// A fit for each family of cells with enough worker counts, in the cells' order.
pub(super) fn fits(cells: &[CellResult]) -> Vec<Scaling> {
    let mut families: Vec<(CellId, BTreeMap<u32, &CellResult>)> = Vec::new();
    for cell in cells.iter().filter(|cell| cell.axes.rate.is_none() && cell.status == Status::Ok) {
        let mut axes = cell.axes.clone();
        let workers = std::mem::replace(&mut axes.workers, 1);
        let family = CellId::of(&axes);
        let place = families.iter().position(|(known, _)| *known == family).unwrap_or_else(|| {
            families.push((family, BTreeMap::new()));
            families.len() - 1
        });
        families[place].1.insert(workers, cell);
    }
    families.iter().filter_map(|(_, family)| fit(family)).collect()
}

fn fit(family: &BTreeMap<u32, &CellResult>) -> Option<Scaling> {
    let measured = |(workers, cell): (&u32, &&CellResult)| {
        Some(Point { workers: *workers, messages_per_s: cell.throughput?.messages_per_s })
    };
    let points: Vec<Point> = family.iter().filter_map(measured).collect();
    let fitted = usl::fit(&points.iter().map(|p| (f64::from(p.workers), p.messages_per_s)).collect::<Vec<_>>())?;
    Some(Scaling {
        cells: family.values().map(|cell| cell.id.clone()).collect(),
        points,
        lambda: fitted.lambda,
        sigma: fitted.sigma,
        kappa: fitted.kappa,
        peak_workers: fitted.peak(),
        error: fitted.error,
    })
}
