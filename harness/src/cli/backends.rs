//! `slotbench backends`.

use serde_json::{Value, json};
use slotbench_backends::{Kind, NAMES};

use crate::cli::console::Console;
use crate::cli::exit::{Exit, Failure};

pub(super) fn backends(json: bool, console: &mut Console<'_>) -> Result<Exit, Failure> {
    let text = if json {
        let list: Vec<Value> = NAMES.iter().map(|name| document(name)).collect();
        format!("{:#}\n", json!({ "backends": list }))
    } else {
        NAMES.iter().map(|name| paragraph(name)).collect()
    };
    console.print(&text)?;
    Ok(Exit::Fine)
}

fn document(name: &str) -> Value {
    match Kind::find(name) {
        None => json!({ "name": name, "built_in": false }),
        Some(kind) => json!({
            "name": name,
            "built_in": true,
            "version": kind.version(),
            "persistent": kind.is_persistent(),
            "tiers": kind.tiers(),
        }),
    }
}

fn paragraph(name: &str) -> String {
    let Some(kind) = Kind::find(name) else {
        return format!("{name}: not built in (cargo feature '{name}')\n\n");
    };
    let use_of = if kind.is_persistent() { "" } else { ", for calibration" };
    let tiers = kind.tiers().map(|tier| {
        let effective = tier.effective.map_or("refused", |tier| tier.name());
        let arrow = if tier.effective == Some(tier.asked) { String::new() } else { format!(" -> {effective}") };
        format!("  {:<18} {}\n", format!("{}{arrow}", tier.asked), tier.how)
    });
    format!("{name} {}{use_of}\n{}\n", kind.version(), tiers.concat())
}
