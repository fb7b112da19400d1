//! Runs this program under callgrind.

use std::process::{Command, Output};

use serde::Deserialize;

use crate::figures::Conditions;

/// What a run of a component came to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Count {
    pub(crate) instructions: u64,
    pub(crate) allocations: u64,
    pub(crate) bytes: u64,
    pub(crate) cpu: String,
}

/// What the child says of itself.
#[derive(Deserialize)]
struct Said {
    allocations: u64,
    bytes: u64,
    cpu: String,
}

/// Counts a component for so many messages.
pub(crate) fn count(component: &str, messages: usize) -> Result<Count, String> {
    let program = std::env::current_exe().map_err(|error| format!("cannot find this program: {error}"))?;
    let messages = messages.to_string();
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--toggle-collect=*counted_part*", "--callgrind-out-file=/dev/null"]);
    command.arg(program);
    command.args(["run", component, &messages]);
    // No terminal, locale or thread count of the machine may show in the counts.
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    let output =
        command.output().map_err(|error| format!("cannot run valgrind: {error} (install valgrind 3.19 or newer)"))?;
    parse(&output).ok_or_else(|| {
        let said = String::from_utf8_lossy(&output.stderr);
        format!("valgrind counted nothing for {component}: {}", said.lines().last().unwrap_or("it said nothing"))
    })
}

fn parse(output: &Output) -> Option<Count> {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let collected = err.lines().find_map(|line| line.split_once("Collected : "))?.1;
    let said: Said = serde_json::from_str(out.trim()).ok().filter(|_| output.status.success())?;
    let instructions = collected.trim().parse().ok()?;
    Some(Count { instructions, allocations: said.allocations, bytes: said.bytes, cpu: said.cpu })
}

/// What counts depend on, here.
pub(crate) fn conditions() -> Result<Conditions, String> {
    let version = Command::new("valgrind").arg("--version").output();
    let version = version.map_err(|error| format!("cannot run valgrind: {error} (install valgrind 3.19 or newer)"))?;
    Ok(Conditions {
        rustc: env!("NOISE_FREE_RUSTC").to_owned(),
        target: env!("NOISE_FREE_TARGET").to_owned(),
        valgrind: String::from_utf8_lossy(&version.stdout).trim().to_owned(),
        cpu: count("chain_step", 1)?.cpu,
    })
}

/// The instruction sets that run-time detection may choose between: those that valgrind lets through.
#[cfg(target_arch = "x86_64")]
pub(crate) fn cpu_features() -> String {
    let features = [
        ("ssse3", is_x86_feature_detected!("ssse3")),
        ("sse4.1", is_x86_feature_detected!("sse4.1")),
        ("sse4.2", is_x86_feature_detected!("sse4.2")),
        ("avx", is_x86_feature_detected!("avx")),
        ("avx2", is_x86_feature_detected!("avx2")),
        ("bmi2", is_x86_feature_detected!("bmi2")),
        ("sha", is_x86_feature_detected!("sha")),
    ];
    features.iter().filter(|(_, has)| *has).map(|(name, _)| *name).collect::<Vec<_>>().join(" ")
}

/// Elsewhere the architecture is all that is known.
#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn cpu_features() -> String {
    std::env::consts::ARCH.to_owned()
}
