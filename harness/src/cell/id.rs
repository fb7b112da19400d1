//! The id of a cell.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::cell::{Axes, OpenLoad, Operation, Read, Workload};

/// Every axis of a cell in one word, such as
/// `rocksdb-local-power-w25-inproc-closed-none-noverify-group-p25-1KiB-dup0-read0-hist0`.
///
/// The fields stand in a fixed order and none but the first may hold a `-`, so different axes give different ids; the last
/// one, the operation, is there only where it is not the default. It is a file name on every system: letters, digits,
/// `-` and `_`, at most some 180 characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CellId(String);

impl CellId {
    /// The id of these axes. The effective tier is a consequence of the others and left out.
    #[must_use]
    pub fn of(axes: &Axes) -> Self {
        let Axes { backend, mode, durability, workers, transport, rate: _, arrival: _, in_flight: _, workload } = axes;
        let asked = durability.asked;
        let pace = axes.open_load().map_or_else(|| "closed".to_owned(), pace);
        let verify = if workload.verify { "verify" } else { "noverify" };
        let (sign, commit) = (workload.sign, workload.commit);
        let work = work(workload);
        Self(format!("{backend}-{mode}-{asked}-w{workers}-{transport}-{pace}-{sign}-{verify}-{commit}-{work}"))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// `rate1000_fixed_if1024`
fn pace(load: OpenLoad) -> String {
    let OpenLoad { rate, arrival, in_flight } = load;
    format!("rate{rate}_{arrival}_if{in_flight}")
}

/// `p25_zipf0_99-1KiB_c50-dup0-read10_range-hist1000-restart`: what follows a `_`, and the operation, only where it is not
/// the default.
fn work(workload: &Workload) -> String {
    let Workload { processes, compressible, duplicates, reads, history, .. } = workload;
    let skew = workload.skew.word().map_or_else(String::new, |word| format!("_{word}"));
    let payload = workload.payload.word();
    let compressible = if *compressible == 0 { String::new() } else { format!("_c{compressible}") };
    let read = if workload.read == Read::Slot { String::new() } else { format!("_{}", workload.read) };
    let operation = match workload.operation {
        Operation::Schedule => String::new(),
        other => format!("-{other}"),
    };
    format!("p{processes}{skew}-{payload}{compressible}-dup{duplicates}-read{reads}{read}-hist{history}{operation}")
}

impl fmt::Display for CellId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use slotbench_core::Durability;

    use super::*;
    use crate::axis::{Arrival, Commit, Mode, Reach, Sign, Transport};
    use crate::cell::payload::tests::payload;
    use crate::cell::skew::tests::skew;
    use crate::cell::{Hundredths, Payload, Skew};

    prop_compose! {
        fn work()(
            processes in 1_u32..3,
            skew in skew(),
            payload in payload(),
            compressible in 0_u8..2,
            duplicates in 0_u8..2,
            reads in 0_u8..2,
            read in prop::sample::select(Read::ALL),
            history in 0_u64..2,
            operation in prop::sample::select(Operation::ALL),
        ) -> Workload {
            let base = Workload { processes, skew, payload, compressible, duplicates, ..Workload::default() };
            Workload { reads, read, history, operation, ..base }
        }
    }

    prop_compose! {
        fn workload()(
            sign in prop::sample::select(Sign::ALL),
            verify: bool,
            commit in prop::sample::select(Commit::ALL),
            work in work(),
        ) -> Workload {
            Workload { sign, verify, commit, ..work }
        }
    }

    prop_compose! {
        fn load()(
            rate in 1_u32..12,
            arrival in prop::sample::select(Arrival::ALL),
            in_flight in 1_u32..3,
        ) -> OpenLoad {
            OpenLoad { rate, arrival, in_flight }
        }
    }

    prop_compose! {
        fn axes()(
            backend in prop::sample::select(vec!["fs", "sled", "my-engine", "my"]),
            mode in prop::sample::select(Mode::ALL),
            asked in prop::sample::select(Durability::ALL.to_vec()),
            workers in 1_u32..12,
            transport in prop::sample::select(Transport::ALL),
            load in prop::option::of(load()),
            workload in workload(),
        ) -> Axes {
            let (durability, backend) = (Reach { asked, effective: Some(asked) }, backend.to_owned());
            let (rate, arrival, in_flight) = (None, None, None);
            Axes { backend, mode, durability, workers, transport, rate, arrival, in_flight, workload }.with_load(load)
        }
    }

    #[test]
    fn reads_as_a_sentence_of_axes() {
        let durability = Reach { asked: Durability::Power, effective: None };
        let axes = Axes {
            backend: "rocksdb".to_owned(),
            mode: Mode::Local,
            durability,
            workers: 25,
            transport: Transport::InProcess,
            rate: None,
            arrival: None,
            in_flight: None,
            workload: Workload { processes: 25, ..Workload::default() },
        };
        assert_eq!(
            CellId::of(&axes).as_str(),
            "rocksdb-local-power-w25-inproc-closed-none-noverify-group-p25-1KiB-dup0-read0-hist0"
        );
        let load = OpenLoad { rate: 1000, arrival: Arrival::Poisson, in_flight: 64 };
        assert_eq!(
            CellId::of(&axes.clone().with_load(Some(load))).as_str(),
            "rocksdb-local-power-w1-inproc-rate1000_poisson_if64-none-noverify-group-p25-1KiB-dup0-read0-hist0"
        );
        let workload = Workload {
            processes: 25,
            skew: Skew::Zipf(Hundredths(99)),
            payload: Payload::Lognormal { median: 1024, sigma: Hundredths(150) },
            compressible: 50,
            reads: 10,
            read: Read::Range,
            operation: Operation::Restart,
            ..Workload::default()
        };
        assert_eq!(
            CellId::of(&Axes { workload, ..axes }).as_str(),
            "rocksdb-local-power-w25-inproc-closed-none-noverify-group-p25_zipf0_99-lognormal_1KiB_s1_5_c50-dup0\
             -read10_range-hist0-restart"
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn distinct_axes_have_distinct_ids(one in axes(), other in axes()) {
            prop_assert_eq!(one == other, CellId::of(&one) == CellId::of(&other));
        }

        /// Neighbours: two cells that differ in a single axis, the likeliest collision.
        #[test]
        fn each_axis_shows_in_the_id(base in axes(), other in axes()) {
            let workload = |workload| Axes { workload, ..base.clone() };
            let load = other.open_load();
            let neighbours = [
                Axes { backend: other.backend, ..base.clone() },
                Axes { mode: other.mode, ..base.clone() },
                Axes { durability: other.durability, ..base.clone() },
                Axes { workers: other.workers, ..base.clone() },
                Axes { transport: other.transport, ..base.clone() },
                base.clone().with_load(load),
                workload(Workload { sign: other.workload.sign, ..base.workload.clone() }),
                workload(Workload { verify: other.workload.verify, ..base.workload.clone() }),
                workload(Workload { commit: other.workload.commit, ..base.workload.clone() }),
                workload(Workload { processes: other.workload.processes, ..base.workload.clone() }),
                workload(Workload { skew: other.workload.skew, ..base.workload.clone() }),
                workload(Workload { compressible: other.workload.compressible, ..base.workload.clone() }),
                workload(Workload { read: other.workload.read, ..base.workload.clone() }),
                workload(Workload { operation: other.workload.operation, ..base.workload.clone() }),
                workload(Workload { payload: other.workload.payload, ..base.workload.clone() }),
                workload(Workload { duplicates: other.workload.duplicates, ..base.workload.clone() }),
                workload(Workload { reads: other.workload.reads, ..base.workload.clone() }),
                workload(Workload { history: other.workload.history, ..base.workload.clone() }),
            ];
            for neighbour in neighbours {
                prop_assert_eq!(neighbour == base, CellId::of(&neighbour) == CellId::of(&base));
            }
        }

        #[test]
        fn an_id_is_a_file_name(axes in axes()) {
            let id = CellId::of(&axes);
            prop_assert!(id.as_str().chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_'));
            prop_assert!(id.as_str().len() < 200);
        }
    }
}
