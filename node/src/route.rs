//! Which operation a path names.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use slotbench_core::Id;

/// The device that schedules.
const DEVICE: &str = "~scheduler@1.0";
/// What may stand behind a process id, for the same operations.
const PROCESS_DEVICE: &str = "~process@1.0";

/// An operation, and what it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// `/`: who this is; a POST schedules, by the legacy protocol.
    Root,
    /// `/timestamp`
    Timestamp,
    /// `/health`
    Health,
    /// `/metrics`
    Metrics,
    /// `/~scheduler@1.0/<key>`; the request says which process.
    Device(Key),
    /// `/<process>/<key>` and `/<process>~process@1.0/<key>`
    Process(Id, Key),
    /// `/<id>`: a page, a message or an assignment, by the legacy protocol.
    Legacy(Id),
    /// `/<id>/latest`
    Latest(Id),
    /// `/processes/<id>`
    Definition(Id),
}

/// A key of the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// What there is.
    Info,
    /// Who signs, and for whom.
    Status,
    /// Schedules, or reads schedules.
    Schedule,
    /// Where a schedule ends.
    Slot,
    /// One slot after the other.
    Next,
    /// Where schedulers are reached.
    Location,
    /// Nothing to save.
    Checkpoint,
}

impl Key {
    /// Every key.
    pub const ALL: [Self; 7] =
        [Self::Info, Self::Status, Self::Schedule, Self::Slot, Self::Next, Self::Location, Self::Checkpoint];

    /// The key in a path.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Status => "status",
            Self::Schedule => "schedule",
            Self::Slot => "slot",
            Self::Next => "next",
            Self::Location => "location",
            Self::Checkpoint => "checkpoint",
        }
    }

    fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|key| key.name() == name)
    }
}

impl Route {
    /// Reads a path, and what stands behind the first `&` of its last segment: parameters.
    ///
    /// `None` for a path that names nothing. Percent-encoding is undone segment by segment, so an encoded `/` never
    /// separates.
    #[must_use]
    pub fn parse(path: &str) -> Option<(Self, &str)> {
        let path = path.strip_prefix('/')?;
        let last = path.rfind('/').map_or(0, |slash| slash + 1);
        let end = path[last..].find('&').map_or(path.len(), |and| last + and);
        let parameters = path[end..].strip_prefix('&').unwrap_or("");
        let mut segments = path[..end].split('/');
        let (first, second) = (decoded(segments.next()?)?, segments.next().map(decoded));
        if segments.next().is_some() {
            return None;
        }
        let route = match second {
            None => Self::of_one(&first),
            Some(second) => Self::of_two(&first, &second?),
        };
        route.map(|route| (route, parameters))
    }

    fn of_one(segment: &str) -> Option<Self> {
        Some(match segment {
            "" => Self::Root,
            "timestamp" => Self::Timestamp,
            "health" => Self::Health,
            "metrics" => Self::Metrics,
            id => Self::Legacy(id.parse().ok()?),
        })
    }

    fn of_two(first: &str, second: &str) -> Option<Self> {
        match (first, second) {
            (DEVICE, key) => Key::find(key).map(Self::Device),
            ("processes", id) => id.parse().ok().map(Self::Definition),
            (id, "latest") => id.parse().ok().map(Self::Latest),
            (id, key) => {
                let id = id.strip_suffix(PROCESS_DEVICE).unwrap_or(id).parse().ok()?;
                Key::find(key).map(|key| Self::Process(id, key))
            }
        }
    }

    /// A word for it, without ids: what requests are counted by.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Timestamp => "timestamp",
            Self::Health => "health",
            Self::Metrics => "metrics",
            Self::Device(key) | Self::Process(_, key) => key.name(),
            Self::Legacy(_) => "legacy",
            Self::Latest(_) => "latest",
            Self::Definition(_) => "definition",
        }
    }
}

fn decoded(segment: &str) -> Option<Cow<'_, str>> {
    percent_decode_str(segment).decode_utf8().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ID: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE";

    fn parse(path: &str) -> Option<Route> {
        Route::parse(path).map(|(route, _)| route)
    }

    #[test]
    fn c117_a_path_names_one_operation_or_none() {
        let id = Id::from_bytes([1; 32]);
        assert_eq!(parse("/"), Some(Route::Root));
        assert_eq!(parse("/health"), Some(Route::Health));
        for key in Key::ALL {
            assert_eq!(parse(&format!("/~scheduler@1.0/{}", key.name())), Some(Route::Device(key)));
            assert_eq!(parse(&format!("/%7Escheduler%401.0/{}", key.name())), Some(Route::Device(key)));
            assert_eq!(parse(&format!("/{ID}/{}", key.name())), Some(Route::Process(id, key)));
            assert_eq!(parse(&format!("/{ID}~process@1.0/{}", key.name())), Some(Route::Process(id, key)));
        }
        assert_eq!(parse(&format!("/{ID}")), Some(Route::Legacy(id)));
        assert_eq!(parse(&format!("/{ID}/latest")), Some(Route::Latest(id)));
        assert_eq!(parse(&format!("/processes/{ID}")), Some(Route::Definition(id)));
        for nothing in [
            "",
            "health",
            "/unknown",
            "/~scheduler@1.0",
            "/~scheduler@1.0/",
            "/~scheduler@1.0/scheduel",
            "/~scheduler@1.0/schedule/more",
            "/~other@1.0/schedule",
            "/../etc/passwd",
            "//schedule",
            "/%FF/schedule",
        ] {
            assert_eq!(parse(nothing), None, "{nothing}");
        }
        assert_eq!(parse(&format!("/{ID}x/schedule")), None);
        assert_eq!(parse(&format!("/{ID}%2Fschedule")), None, "an encoded slash separates nothing");
    }

    #[test]
    fn parameters_may_follow_in_the_path() {
        let (route, parameters) = Route::parse("/~scheduler@1.0/schedule&from=1&to=2").expect("a route");
        assert_eq!((route, parameters), (Route::Device(Key::Schedule), "from=1&to=2"));
        assert_eq!(Route::parse("/&a=b"), Some((Route::Root, "a=b")));
    }

    proptest! {
        #[test]
        fn no_path_makes_parsing_panic(path in ".*", tail in "[/&%~@.A-Za-z0-9]{0,80}") {
            let _ = Route::parse(&path);
            let _ = Route::parse(&format!("/{tail}"));
        }

        #[test]
        fn every_id_is_found_again(bytes in any::<[u8; 32]>()) {
            let id = Id::from_bytes(bytes);
            prop_assert_eq!(parse(&format!("/{id}/slot")), Some(Route::Process(id, Key::Slot)));
        }
    }
}
