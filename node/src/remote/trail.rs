//! Which nodes a request has come through.
//!
//! Two nodes may each take the other for the scheduler of a process. So each one that asks another puts a name of its own
//! into the header [`VIA`], and none goes on with a request that carries its name, or too many.

use std::hash::{BuildHasher as _, RandomState};

use http::{HeaderName, HeaderValue};

/// The header that names the nodes, with commas between them.
pub const VIA: HeaderName = HeaderName::from_static("slotbench-via");

/// What a node calls itself towards others; another one at every start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name(String);

impl Name {
    pub(super) fn random() -> Self {
        // The keys of the standard library's hashers are random.
        let half = || RandomState::new().hash_one(0);
        Self(format!("{:016x}{:016x}", half(), half()))
    }
}

/// The nodes that a request has come through, the last one last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trail(Option<HeaderValue>);

/// Why a request goes no further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TrailError {
    /// It was here before.
    #[error("the request has come through this node before")]
    Circle,
    /// It has come through too many nodes.
    #[error("the request has come through {0} nodes or more")]
    Long(usize),
}

impl Trail {
    pub(super) fn after(so_far: Option<&HeaderValue>, name: &Name, most: usize) -> Result<Self, TrailError> {
        let so_far = so_far.map(|value| value.to_str().unwrap_or_default()).unwrap_or_default();
        let names: Vec<&str> = so_far.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
        if names.contains(&name.0.as_str()) {
            return Err(TrailError::Circle);
        }
        if names.len() >= most {
            return Err(TrailError::Long(most));
        }
        let text = if so_far.is_empty() { name.0.clone() } else { format!("{so_far}, {}", name.0) };
        Ok(Self(HeaderValue::from_str(&text).ok()))
    }

    /// What to send along.
    #[must_use]
    pub const fn header(&self) -> Option<&HeaderValue> {
        self.0.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_trail_ends_at_its_limit_and_where_it_would_close() {
        let names: Vec<Name> = (0..7).map(|_| Name::random()).collect();
        let mut trail = Trail::default();
        for name in &names[..5] {
            trail = Trail::after(trail.header(), name, 5).expect("goes on");
            assert_eq!(Trail::after(trail.header(), name, 9), Err(TrailError::Circle));
        }
        assert_eq!(Trail::after(trail.header(), &names[5], 5), Err(TrailError::Long(5)));
        assert!(Trail::after(trail.header(), &names[5], 6).is_ok());
    }

    proptest! {
        #[test]
        fn no_header_makes_it_panic(bytes in prop::collection::vec(32_u8..=255, 0..200)) {
            let value = HeaderValue::from_bytes(&bytes).ok();
            let _ = Trail::after(value.as_ref(), &Name::random(), 5);
        }
    }
}
