//! All trials of all cells: controls first, then the cells they vouch for.

use std::collections::BTreeMap;

use slotbench_backends::Kind;
use slotbench_core::Durability;

use crate::cell::Cell;
use crate::crash::controls::{self, Control};
use crate::crash::findings::{CellLoss, Findings, Refused, SCHEMA, reproduce};
use crate::crash::messages::{Messages, MessagesError};
use crate::crash::power;
use crate::crash::process::ProcessError;
use crate::crash::trial::{Sabotage, Setup, Space, Trial};
use crate::crash::verdict::{self, Promise};
use crate::model::{Build, Fault, Loss, Verdict};
use crate::runner::Stop;

/// Trials with something wrong that are told in words.
const KEPT: usize = 20;
/// The engine of plain files.
const FILES: &str = "fs";

/// What to try.
#[derive(Debug, Clone)]
pub struct Request {
    /// The faults.
    pub faults: Vec<Fault>,
    /// The cells, all with the same number of processes and the same payload.
    pub cells: Vec<Cell>,
    /// Trials of each cell under each fault.
    pub trials: u32,
    /// Only this trial of each.
    pub only: Option<u32>,
    /// Seed of everything.
    pub seed: u64,
    /// Whether the data directory survives a power cut: tier `power` cannot be asked for elsewhere.
    pub lasting: bool,
    /// Kernel and file system, for the result.
    pub storage: String,
}

/// Hears what happens, a line at a time.
pub type Say<'a> = &'a mut dyn FnMut(&str);

/// Makes all trials. What finds no place to happen is in the findings, not an error.
///
/// # Errors
/// [`MessagesError`]: the inputs cannot be made.
pub fn run(request: &Request, space: &Space, stop: &Stop, say: Say<'_>) -> Result<Findings, MessagesError> {
    if let Some(cell) = request.cells.first() {
        let workload = &cell.axes.workload;
        Messages::make(request.seed, workload.processes as usize, workload.payload)?.save(&space.messages)?;
    }
    let mut lab = Lab { request, space, stop, say, findings: empty(request) };
    for fault in &request.faults {
        lab.fault(*fault);
    }
    lab.findings.complete = !stop.is_requested();
    Ok(lab.findings)
}

fn empty(request: &Request) -> Findings {
    Findings {
        schema: SCHEMA,
        slotbench: Build::this(),
        seed: request.seed,
        storage: request.storage.clone(),
        complete: true,
        controls: Vec::new(),
        cells: Vec::new(),
        refused: Vec::new(),
    }
}

/// The outcome of a cell.
struct Outcome {
    loss: Loss,
    /// The first trial in which its promise was broken.
    breach: Option<u32>,
    found: Vec<String>,
}

struct Lab<'a> {
    request: &'a Request,
    space: &'a Space,
    stop: &'a Stop,
    say: Say<'a>,
    findings: Findings,
}

impl Lab<'_> {
    fn fault(&mut self, fault: Fault) {
        let impossible = if fault == Fault::Kill { None } else { power::available(&self.space.data).err() };
        // What keeps an engine's controls from vouching for its cells, where something does.
        let mut doubts: BTreeMap<&str, Option<String>> = BTreeMap::new();
        for cell in &self.request.cells {
            if self.stop.is_requested() {
                return;
            }
            if let Some(reason) = self.refusal(cell, fault) {
                self.findings.refused.push(Refused { id: cell.id.clone(), fault, reason });
                continue;
            }
            let outcome = match &impossible {
                Some(reason) => self.without(cell, fault, power::verdict_where_impossible(), reason.clone()),
                None => match self.doubt(cell, fault, &mut doubts) {
                    Some(doubt) => self.without(cell, fault, Verdict::HarnessBroken, doubt),
                    None => self.cell(cell, fault),
                },
            };
            self.record(cell, outcome);
        }
    }

    /// Why the lab's verdict on a cell would mean nothing: its engine's controls, and under a fault of the disk those of
    /// plain files that are never synced, whichever engines are tried.
    fn doubt<'c>(
        &mut self,
        cell: &'c Cell,
        fault: Fault,
        doubts: &mut BTreeMap<&'c str, Option<String>>,
    ) -> Option<String> {
        let files = (fault != Fault::Kill && Kind::find(FILES).is_some()).then(|| {
            let mut files = cell.clone();
            FILES.clone_into(&mut files.axes.backend);
            files.engine_options.clear();
            files
        });
        let files = files.and_then(|files| doubts.entry(FILES).or_insert_with(|| self.controls(&files, fault)).clone());
        let own = doubts.entry(&cell.axes.backend).or_insert_with(|| self.controls(cell, fault)).clone();
        files.or(own)
    }

    /// Why a cell cannot be tried at all.
    fn refusal(&self, cell: &Cell, fault: Fault) -> Option<String> {
        let kind = Kind::find(&cell.axes.backend);
        let vanishes = kind.is_some_and(|kind| !kind.is_persistent());
        let needs_disk = fault == Fault::Kill && cell.axes.durability.effective == Some(Durability::Power);
        cell.refusal
            .clone()
            .or_else(|| vanishes.then(|| format!("{} keeps nothing beyond its process", cell.axes.backend)))
            .or_else(|| {
                (needs_disk && !self.request.lasting)
                    .then(|| "nothing survives a power cut in the data directory".to_owned())
            })
    }

    fn without(&self, cell: &Cell, fault: Fault, verdict: Verdict, reason: String) -> Outcome {
        let loss = verdict::without(cell, fault, self.request.seed, verdict, reason);
        Outcome { loss, breach: None, found: Vec::new() }
    }

    fn record(&mut self, cell: &Cell, outcome: Outcome) {
        let Outcome { loss, breach, found } = outcome;
        (self.say)(&line(cell, &loss));
        self.findings.cells.push(CellLoss {
            id: cell.id.clone(),
            axes: cell.axes.clone(),
            engine_options: cell.engine_options.clone(),
            reproduce: breach.map(|trial| reproduce(cell, loss.fault, self.request.seed, trial)),
            found,
            loss,
        });
    }

    /// Makes the controls of a cell's engine; the reason why they vouch for nothing, if so.
    fn controls(&mut self, cell: &Cell, fault: Fault) -> Option<String> {
        let cell = controls::cell_of(cell);
        let mut broken = None;
        for sabotage in Control::kinds(fault) {
            let mut trials = Vec::new();
            for index in 0..controls::count(self.request.trials) {
                if self.stop.is_requested() {
                    return Some("interrupted".to_owned());
                }
                match self.trial(&cell, fault, Some(*sabotage), index) {
                    Ok(trial) => trials.push(trial),
                    Err(error) => return Some(format!("control '{}': {error}", sabotage.name())),
                }
            }
            let control = Control::of(fault, &cell.axes.backend, *sabotage, &trials);
            let Control { caught, trials, idle, .. } = control;
            (self.say)(&format!(
                "{fault} {}: control '{}': caught losing in {caught} of {trials} trials, {idle} with nothing to lose",
                cell.axes.backend,
                sabotage.name()
            ));
            if !control.is_caught() {
                broken.get_or_insert(format!("the lab did not catch the control '{}'", sabotage.name()));
            }
            self.findings.controls.push(control);
        }
        broken
    }

    fn cell(&mut self, cell: &Cell, fault: Fault) -> Outcome {
        let promise = Promise::of(cell, fault);
        let numbers = self.request.only.map_or(0..self.request.trials, |only| only..only.saturating_add(1));
        let mut trials = Vec::new();
        for index in numbers {
            if self.stop.is_requested() {
                break;
            }
            match self.trial(cell, fault, None, index) {
                Ok(trial) => {
                    if promise.is_broken_by(&trial) {
                        self.breach(cell, fault, &trial);
                    }
                    trials.push(trial);
                }
                Err(_) if self.stop.is_requested() => break,
                // A promise that was broken before the lab broke stays broken.
                Err(error) if trials.iter().any(|trial| promise.is_broken_by(trial)) => {
                    (self.say)(&format!("{fault} {}: no more trials after {index}: {error}", cell.id));
                    break;
                }
                Err(error) => {
                    return self.without(cell, fault, Verdict::HarnessBroken, format!("trial {index}: {error}"));
                }
            }
        }
        if trials.is_empty() {
            return self.without(cell, fault, Verdict::NotMeasured, "interrupted".to_owned());
        }
        let wrong = |trial: &Trial| trial.wrong.as_ref().map(|wrong| format!("trial {}: {wrong}", trial.index));
        Outcome {
            loss: verdict::judge(cell, fault, self.request.seed, &trials),
            breach: trials.iter().find(|trial| promise.is_broken_by(trial)).map(|trial| trial.index),
            found: trials.iter().filter_map(wrong).take(KEPT).collect(),
        }
    }

    fn breach(&mut self, cell: &Cell, fault: Fault, trial: &Trial) {
        let Trial { index, acknowledged, lost, wrong, .. } = trial;
        let wrong = wrong.as_deref().map_or_else(String::new, |wrong| format!(" ({wrong})"));
        let again = reproduce(cell, fault, self.request.seed, *index);
        (self.say)(&format!("PROMISE BROKEN: {lost} of {acknowledged} lost{wrong}; again: {again}"));
    }

    fn trial(&self, cell: &Cell, fault: Fault, sabotage: Option<Sabotage>, index: u32) -> Result<Trial, ProcessError> {
        let seed = Setup::seed_of(self.request.seed, cell, fault, index);
        Setup { space: self.space, cell, fault, sabotage, index, seed }.run()
    }
}

/// `kill fs-local-power-…: survived, 0 of 1234 acknowledged lost in 30 trials, reopened in 3 ms`
fn line(cell: &Cell, loss: &Loss) -> String {
    let Loss { fault, verdict, trials, acknowledged, lost, max_lost, .. } = loss;
    let reason = loss.reason.as_deref().map_or_else(String::new, |reason| format!("; {reason}"));
    let reopen = loss.reopen_ns.map_or_else(String::new, |ns| format!(", reopened in {} ms", ns / 1_000_000));
    format!(
        "{fault} {}: {verdict}, {lost} of {acknowledged} acknowledged lost in {trials} trials, at most {max_lost} in one{reopen}{reason}",
        cell.id
    )
}
