//! The node's process: obeys its standard input, line by line, and answers on its standard output.

use std::io::{self, Write as _};

use slotbench_backends::{Kind, Options};

use crate::driver::Driver;
use crate::driver::node::hosted::Hosted;
use crate::driver::node::spec::{NodeSpec, Order, Reply};
use crate::driver::usage::resident_bytes;

/// Opens the store, says so, and obeys until there are no more orders: the process ends when its parent does.
///
/// # Errors
/// What kept it from opening the store, or from being heard, in a sentence.
pub fn run(spec: &NodeSpec) -> Result<(), String> {
    let kind = Kind::find(&spec.backend).ok_or_else(|| format!("{} is not built in", spec.backend))?;
    let base = resident_bytes();
    let store = kind.open(&spec.dir, &Options::new(spec.options.clone())).map_err(|error| error.to_string())?;
    let signer = Driver::default().signer(spec.sign).map_err(|error| error.to_string())?;
    let mut node = Hosted::new(spec.clone(), store, signer, base)?;
    tell(&Reply::Ready)?;
    for line in io::stdin().lines() {
        let line = line.map_err(|error| format!("standard input: {error}"))?;
        let order: Order = serde_json::from_str(&line).map_err(|error| format!("an order: {error}"))?;
        tell(&obey(&mut node, order))?;
    }
    Ok(())
}

fn obey(node: &mut Hosted, order: Order) -> Reply {
    let done = match order {
        Order::Begin(begin) => node.begin(begin).map(Reply::Begun),
        Order::Drain => {
            node.drain();
            Ok(Reply::Drained)
        }
        Order::Report => node.report().map(|report| Reply::Report(Box::new(report))),
    };
    done.unwrap_or_else(Reply::Failed)
}

fn tell(reply: &Reply) -> Result<(), String> {
    let mut line = serde_json::to_vec(reply).map_err(|error| error.to_string())?;
    line.push(b'\n');
    let mut out = io::stdout().lock();
    out.write_all(&line).and_then(|()| out.flush()).map_err(|error| format!("standard output: {error}"))
}
