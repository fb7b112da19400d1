//! Makes the saturation searches of a run, after its rounds.

use crate::cell::{Cell, CellId, Search};
use crate::model::{Probe, Saturation, Status, Tag};
use crate::runner::{CellFailure, Job, Round, Runner, Stop};
use crate::saturation::border::{Border, next};
use crate::saturation::{id, judged, searches, trial};
use crate::session::{Progress, Session, SessionError};

/// What is tried first, of the best throughput of the same work in this run: open loops hold less than closed ones.
const SHARE: f64 = 0.5;
/// What is tried first where nothing of the kind was measured.
const FIRST: f64 = 1000.0;

/// What a session works with.
pub(super) struct Tools<'t> {
    pub(super) runner: &'t mut dyn Runner,
    pub(super) progress: &'t mut dyn Progress,
    pub(super) stop: &'t Stop,
}

/// Why a search ends without a result.
enum Ended {
    Interrupted,
    /// Its cell is taken out of the run.
    Broken {
        reason: String,
        verified: Option<bool>,
    },
}

impl Session<'_> {
    /// Makes the searches that are missing; `false` when interrupted.
    pub(super) fn saturate(&mut self, tools: &mut Tools<'_>) -> Result<bool, SessionError> {
        for (id, cell, search) in searches(&self.plan.cells) {
            let is_known = self.run.saturation.iter().any(|known| known.cell == id);
            if is_known || !self.works(cell) {
                continue;
            }
            match self.search(&id, cell, &search, tools)? {
                Ok(found) => self.run.saturation.push(found),
                Err(Ended::Interrupted) => return Ok(false),
                Err(Ended::Broken { reason, verified }) => self.drop_cell(cell, reason, verified, tools),
            }
            self.save()?;
        }
        Ok(true)
    }

    /// Whether a cell was measured without breaking.
    fn works(&self, cell: &Cell) -> bool {
        let result = self.run.cells.iter().find(|result| result.id == cell.id);
        result.is_some_and(|result| matches!(result.status, Status::Ok | Status::Overloaded))
    }

    fn search(
        &self,
        id: &CellId,
        cell: &Cell,
        search: &Search,
        tools: &mut Tools<'_>,
    ) -> Result<Result<Saturation, Ended>, SessionError> {
        let guess = self.guess(id, search);
        let mut probes = Vec::new();
        while let Some(rate) = next(&probes, guess) {
            if tools.stop.is_requested() {
                return Ok(Err(Ended::Interrupted));
            }
            tools.progress.probing(id, probes.len(), rate);
            match self.probe(cell, search, rate, probes.len(), tools)? {
                Ok(probe) => probes.push(probe),
                Err(ended) => return Ok(Err(ended)),
            }
        }
        let Border { holds, fails } = Border::of(&probes);
        Ok(Ok(Saturation {
            cell: id.clone(),
            arrival: search.arrival,
            in_flight: search.in_flight,
            quantile: search.limit.quantile.share(),
            limit_ns: search.limit.limit_ns,
            rate: holds.map(f64::from),
            above: fails.map(f64::from),
            probes,
        }))
    }

    /// What to try first.
    fn guess(&self, search_id: &CellId, search: &Search) -> f64 {
        let same_work = self.plan.cells.iter().filter(|cell| id(cell, search) == *search_id);
        let results = same_work.filter_map(|cell| self.run.cells.iter().find(|result| result.id == cell.id));
        let best = results.filter_map(|result| result.throughput).map(|throughput| throughput.messages_per_s);
        best.max_by(f64::total_cmp).map_or(FIRST, |best| best * SHARE)
    }

    /// One try.
    fn probe(
        &self,
        cell: &Cell,
        search: &Search,
        rate: u32,
        number: usize,
        tools: &mut Tools<'_>,
    ) -> Result<Result<Probe, Ended>, SessionError> {
        let cell = trial(cell, search, rate);
        let dir = self.data.fresh(&cell.id)?;
        let round = u32::try_from(number).unwrap_or(u32::MAX);
        let outcome =
            tools.runner.run_round(&Job { cell: &cell, round, seed: self.plan.seed, dir: &dir, stop: tools.stop });
        self.data.remove(&dir)?;
        Ok(match outcome {
            Ok(round) => probe_of(&round, search, rate),
            Err(CellFailure::Interrupted) => Err(Ended::Interrupted),
            Err(CellFailure::Refused(reason) | CellFailure::Failed(reason)) => Err(broken(rate, &reason, None)),
        })
    }

    /// Takes a cell out of the run for what happened in its search.
    fn drop_cell(&mut self, cell: &Cell, reason: String, verified: Option<bool>, tools: &mut Tools<'_>) {
        let Some(result) = self.run.cells.iter_mut().find(|result| result.id == cell.id) else { return };
        result.failures.push(reason.clone());
        result.verified = verified.or(result.verified);
        result.drop_out(Status::Failed, reason);
        tools.progress.dropped(result);
    }
}

fn probe_of(round: &Round, search: &Search, rate: u32) -> Result<Probe, Ended> {
    if round.result.verified == Some(false) {
        let reason = round.result.failures.first().map_or("verification failed", String::as_str);
        return Err(broken(rate, reason, Some(false)));
    }
    let response = round.histograms.get(&Tag::Response).filter(|response| !response.is_empty());
    let Some(response) = response else { return Err(broken(rate, "nothing was answered", None)) };
    let response_ns = response.value_at_quantile(search.limit.quantile.share());
    Ok(judged(search, rate, &round.result, response_ns))
}

fn broken(rate: u32, reason: &str, verified: Option<bool>) -> Ended {
    Ended::Broken { reason: format!("saturation search at {rate}/s: {reason}"), verified }
}
