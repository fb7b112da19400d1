//! Plans that ship in the binary.

use crate::plan::error::PlanError;
use crate::plan::source::Source;

/// A plan that ships in the binary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Preset {
    /// Its name on the command line.
    pub name: &'static str,
    /// Its TOML text.
    pub text: &'static str,
}

/// Every preset.
pub const PRESETS: &[Preset] = &[
    Preset { name: "seed", text: include_str!("../../presets/seed.toml") },
    Preset { name: "quick", text: include_str!("../../presets/quick.toml") },
    Preset { name: "full", text: include_str!("../../presets/full.toml") },
    Preset { name: "registry", text: include_str!("../../presets/registry.toml") },
    Preset { name: "remote", text: include_str!("../../presets/remote.toml") },
    Preset { name: "history", text: include_str!("../../presets/history.toml") },
    Preset { name: "restart", text: include_str!("../../presets/restart.toml") },
    Preset { name: "range", text: include_str!("../../presets/range.toml") },
    Preset { name: "store", text: include_str!("../../presets/store.toml") },
    Preset { name: "durability", text: include_str!("../../presets/durability.toml") },
    Preset { name: "gate", text: include_str!("../../presets/gate.toml") },
];

impl Preset {
    /// The preset of that name.
    ///
    /// # Errors
    /// [`PlanError::Flag`] with the names there are.
    pub fn find(name: &str) -> Result<Self, PlanError> {
        PRESETS.iter().copied().find(|preset| preset.name == name).ok_or_else(|| {
            let names: Vec<_> = PRESETS.iter().map(|preset| preset.name).collect();
            let message = format!("unknown preset (allowed: {})", names.join(", "));
            PlanError::Flag { flag: format!("preset '{name}'"), message }
        })
    }

    /// Its text as a plan's source.
    #[must_use]
    pub fn source(&self) -> Source {
        Source { file: format!("preset {}", self.name), stem: self.name.to_owned(), text: self.text.to_owned() }
    }
}
