//! What the callers of a cell do.

use serde::{Deserialize, Serialize};

use crate::axis::{Commit, Sign, names};
use crate::cell::{Payload, Skew};

names! {
    /// What one operation of a cell is.
    Operation, "operation" {
        /// A message is scheduled, or, as often as `reads` says, something is read.
        Schedule = "schedule",
        /// The store is closed and opened again, the end of a schedule is looked up and the next message scheduled.
        Restart = "restart",
        /// A message goes into the store by its id, without a scheduler.
        MessageWrite = "message_write",
        /// A message is read from the store by its id.
        MessageRead = "message_read",
        /// A value goes into the store under a key of its own.
        KeyWrite = "key_write",
        /// A value is read from the store by its key.
        KeyRead = "key_read",
        /// The registry is asked for a name it has.
        RegistryLookup = "registry_lookup",
        /// The registry makes what has a new name, and forgets it again.
        RegistryEnsure = "registry_ensure",
        /// The registry lists a hundred names.
        RegistryList = "registry_list",
        /// A page of a schedule is read from the node that makes it.
        RemoteDirect = "remote_direct",
        /// A page of a schedule is read through another node, which has none of it.
        RemoteCold = "remote_cold",
        /// A page of a schedule is read from another node, which has cached it.
        RemoteCached = "remote_cached",
    }
}

impl Operation {
    /// Whether it goes to the store itself, past the scheduler.
    #[must_use]
    pub const fn is_raw(self) -> bool {
        matches!(self, Self::MessageWrite | Self::MessageRead | Self::KeyWrite | Self::KeyRead)
    }

    /// Whether it uses the registry and no store.
    #[must_use]
    pub const fn is_registry(self) -> bool {
        matches!(self, Self::RegistryLookup | Self::RegistryEnsure | Self::RegistryList)
    }

    /// Whether it reads what another node has scheduled.
    #[must_use]
    pub const fn is_remote(self) -> bool {
        matches!(self, Self::RemoteDirect | Self::RemoteCold | Self::RemoteCached)
    }

    /// Whether it reads from the store itself.
    #[must_use]
    pub const fn is_raw_read(self) -> bool {
        matches!(self, Self::MessageRead | Self::KeyRead)
    }
}

names! {
    /// What a read asks for.
    Read, "read" {
        /// One slot: assignment and message.
        Slot = "slot",
        /// A thousand slots, in full; as many as there are where a schedule is shorter.
        Range = "range",
        /// The slot after a given one, found in the schedule's order.
        Next = "next",
        /// The end of a schedule.
        Latest = "latest",
    }
}

/// What the callers of a cell do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workload {
    /// How assignments are signed.
    pub sign: Sign,
    /// Whether signatures of messages are verified before a slot is given.
    pub verify: bool,
    /// How assignments reach the store.
    pub commit: Commit,
    /// Processes the messages are spread over; 1 to 1 000 000.
    pub processes: u32,
    /// How they are spread over them.
    #[serde(default)]
    pub skew: Skew,
    /// Data bytes of a message.
    pub payload: Payload,
    /// Percentage of the data that a compressor can remove, 0 to 100.
    #[serde(default)]
    pub compressible: u8,
    /// Percentage of messages that repeat an earlier one, 0 to 100; at 100 a single message is sent over and over.
    pub duplicates: u8,
    /// Percentage of operations that read instead of scheduling a message, 0 to 100.
    pub reads: u8,
    /// What they read.
    #[serde(default = "Workload::default_read")]
    pub read: Read,
    /// Slots stored before the round, over all processes together; what there is to read, where the store itself is
    /// read from; names, where the registry is used. Up to 100 000 000.
    pub history: u64,
    /// What one operation is.
    #[serde(default = "Workload::default_operation")]
    pub operation: Operation,
}

impl Default for Workload {
    /// One process, distinct messages of 1 KiB, no signatures, nothing stored before: the storage engine alone.
    fn default() -> Self {
        Self {
            sign: Sign::None,
            verify: false,
            commit: Commit::Group,
            processes: 1,
            skew: Skew::Uniform,
            payload: Payload::Fixed(1024),
            compressible: 0,
            duplicates: 0,
            reads: 0,
            read: Self::default_read(),
            history: 0,
            operation: Self::default_operation(),
        }
    }
}

impl Workload {
    const fn default_read() -> Read {
        Read::Slot
    }

    const fn default_operation() -> Operation {
        Operation::Schedule
    }

    /// Whether messages are scheduled and answered one by one: what is measured is a scheduler at work.
    #[must_use]
    pub fn schedules(&self) -> bool {
        self.operation == Operation::Schedule && self.reads < 100
    }

    /// The same without what has no meaning in it, so that equal work is equal.
    #[must_use]
    pub fn settled(mut self) -> Self {
        if self.reads == 0 {
            self.read = Self::default_read();
        }
        if self.processes == 1 {
            self.skew = Skew::Uniform;
        }
        self
    }

    /// Why nobody can do this, whatever the engine.
    #[must_use]
    pub fn contradiction(&self) -> Option<&'static str> {
        let plain = Self { payload: self.payload, ..Self::default() };
        let is_one_of_a_kind = (self.processes, self.skew, self.compressible, self.duplicates)
            == (plain.processes, plain.skew, plain.compressible, plain.duplicates);
        if matches!(self.payload, Payload::Items(_)) && !is_one_of_a_kind {
            Some("items from a file are sent as they are: processes, skew, compressible and duplicates do not apply")
        } else if matches!(self.payload, Payload::Items(_))
            && (self.history > 0 || self.operation.is_raw() || self.operation.is_registry())
        {
            Some("items from a file can only be scheduled, on schedules that begin with them")
        } else if self.operation != Operation::Schedule && self.reads > 0 {
            Some("a share of reads applies to operation 'schedule' only")
        } else if self.reads == 100 && self.history == 0 {
            Some("there is nothing to read: 100 percent reads need a history")
        } else if self.operation.is_remote() && !(is_one_of_a_kind && matches!(self.payload, Payload::Fixed(_))) {
            Some("another node's schedule is of one process, and its messages are all of one size")
        } else if self.operation.is_remote() && !(100..=100_000).contains(&self.history) {
            Some("another node's schedule has 100 to 100000 slots: it is in memory")
        } else if self.operation.is_registry() && self.history == 0 {
            Some("a registry without names answers nothing: history says how many there are")
        } else if self.operation.is_registry() && self.history > 10_000_000 {
            Some("a registry takes up to 10000000 names here: they are in memory")
        } else if self.operation.is_raw_read() && self.history == 0 {
            Some("there is nothing to read: history says how much is stored before")
        } else if self.operation.is_raw() && !self.operation.is_raw_read() && self.history > 0 {
            Some("writes past the scheduler go into an empty store: they take no history")
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_meaning_is_left_out() {
        let odd = Workload { read: Read::Range, skew: Skew::Hot(90), ..Workload::default() };
        assert_eq!(odd.clone().settled(), Workload::default());
        let mixed = Workload { reads: 50, processes: 2, ..odd };
        assert_eq!(mixed.clone().settled(), mixed);
    }

    #[test]
    fn results_from_before_an_axis_mean_its_default() {
        let text = r#"{"sign":"none","verify":false,"commit":"group","processes":1,"payload":1024,"duplicates":0,"reads":0,"history":0}"#;
        assert_eq!(serde_json::from_str::<Workload>(text).expect("reads"), Workload::default());
    }

    #[test]
    fn contradictions_are_named() {
        let workload = |change: fn(&mut Workload)| {
            let mut workload = Workload::default();
            change(&mut workload);
            workload.contradiction().unwrap_or_default()
        };
        assert_eq!(workload(|_| {}), "");
        assert_eq!(workload(|work| (work.reads, work.history) = (100, 10)), "");
        assert!(workload(|work| work.reads = 100).contains("nothing to read"));
        assert!(workload(|work| work.operation = Operation::KeyRead).contains("nothing to read"));
        assert!(workload(|work| (work.operation, work.history) = (Operation::KeyWrite, 5)).contains("no history"));
        assert!(workload(|work| (work.operation, work.reads) = (Operation::Restart, 5)).contains("'schedule' only"));
        assert!(
            workload(|work| (work.operation, work.history) = (Operation::RemoteCold, 99)).contains("100 to 100000")
        );
        assert_eq!(workload(|work| (work.operation, work.history) = (Operation::RemoteCached, 100)), "");
        let remote =
            |work: &mut Workload| (work.operation, work.history, work.processes) = (Operation::RemoteCold, 100, 2);
        assert!(workload(remote).contains("one process"));
        let digest = "0123456789ab".parse().expect("a digest");
        let items = |change: fn(&mut Workload)| {
            let mut workload = Workload { payload: Payload::Items(digest), ..Workload::default() };
            change(&mut workload);
            workload.contradiction().unwrap_or_default()
        };
        assert_eq!(items(|_| {}), "");
        assert!(items(|work| work.processes = 2).contains("as they are"));
        assert!(items(|work| work.history = 2).contains("only be scheduled"));
    }
}
