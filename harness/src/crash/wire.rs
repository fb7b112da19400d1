//! What the engine's process tells its parent: records of fixed size through a pipe, each in one `write`.
//!
//! Pipes take a write of up to `PIPE_BUF` bytes (4096 on Linux) whole or not at all, so no record is ever torn, and nothing
//! waits in a buffer of the process that is about to be killed.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::crash::patience::Patience;

/// Bytes of a record.
pub const RECORD: usize = 32;

/// One thing the engine's process says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Report {
    /// The store is open; the process waits to be told to begin.
    Ready,
    /// A message was acknowledged.
    Acknowledged(Ack),
    /// The message of that sequence number was refused.
    Refused(u64),
}

/// An acknowledgement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ack {
    /// Which message: see [`Messages::sent`](super::messages::Messages::sent).
    pub sequence: u64,
    /// The slot its caller was told.
    pub slot: u64,
    /// When, by the system's monotonic clock, nanoseconds.
    pub at_ns: u64,
}

impl Report {
    /// As it goes through the pipe: kind, sequence, slot, time; 64 bits each, little-endian.
    #[must_use]
    pub fn encode(&self) -> [u8; RECORD] {
        let fields = match *self {
            Self::Ready => [1, 0, 0, 0],
            Self::Acknowledged(Ack { sequence, slot, at_ns }) => [2, sequence, slot, at_ns],
            Self::Refused(sequence) => [3, sequence, 0, 0],
        };
        let mut record = [0; RECORD];
        for (chunk, field) in record.chunks_exact_mut(8).zip(fields) {
            chunk.copy_from_slice(&field.to_le_bytes());
        }
        record
    }

    fn decode(record: &[u8]) -> Option<Self> {
        let mut fields = record.chunks_exact(8).filter_map(|field| field.try_into().ok().map(u64::from_le_bytes));
        let (kind, sequence, slot, at_ns) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
        match kind {
            1 => Some(Self::Ready),
            2 => Some(Self::Acknowledged(Ack { sequence, slot, at_ns })),
            3 => Some(Self::Refused(sequence)),
            _ => None,
        }
    }
}

/// Every whole record in `bytes`, in order.
pub fn decode_all(bytes: &[u8]) -> impl Iterator<Item = Report> {
    bytes.chunks_exact(RECORD).filter_map(Report::decode)
}

/// The clock of [`Ack::at_ns`].
pub use crate::driver::clock::monotonic_ns;

/// The parent's end of the pipe, and what has come through it.
#[derive(Debug)]
pub struct Inbox {
    pipe: OwnedFd,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    bytes: Vec<u8>,
    /// Nothing that comes later counts.
    sealed: bool,
    ended: bool,
}

impl Inbox {
    /// Takes the end of a pipe.
    #[must_use]
    pub fn new(pipe: impl Into<OwnedFd>) -> Self {
        Self { pipe: pipe.into(), state: Mutex::default() }
    }

    /// Takes in what is in the pipe at this moment, unless it is sealed.
    ///
    /// # Errors
    /// What the system reports.
    pub fn drain(&self) -> io::Result<()> {
        drain(self.pipe.as_fd(), &mut self.lock())
    }

    /// Takes in what is in the pipe at this moment, and nothing ever after: what was acknowledged before the cut.
    pub fn seal(&self) {
        let mut state = self.lock();
        // Acknowledgements that cannot be read are not counted, which is the safe side.
        let _ = drain(self.pipe.as_fd(), &mut state);
        state.sealed = true;
    }

    /// Waits until something came, the writer is gone, or `deadline`; false if there is nothing more to come.
    ///
    /// # Errors
    /// What the system reports.
    pub fn wait(&self, deadline: Instant) -> io::Result<bool> {
        let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_micros(1));
        let timeout = Timespec::try_from(left).map_err(io::Error::other)?;
        let mut pipes = [PollFd::new(&self.pipe, PollFlags::IN)];
        match poll(&mut pipes, Some(&timeout)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => return Ok(true),
            Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
        let events = pipes.map(|pipe| pipe.revents())[0];
        self.drain()?;
        let mut state = self.lock();
        state.ended |= !events.contains(PollFlags::IN) && events.contains(PollFlags::HUP);
        Ok(!state.ended && !state.sealed)
    }

    /// Takes in everything until the writer is gone.
    ///
    /// # Errors
    /// What the system reports; a writer that is not gone in time.
    pub fn drain_to_end(&self, time: Duration) -> io::Result<()> {
        let mut patience = Patience::new(time);
        while let Some(slice) = patience.slice() {
            if !self.wait(slice)? {
                return Ok(());
            }
        }
        Err(io::Error::new(io::ErrorKind::TimedOut, "the pipe of a killed process stays open"))
    }

    /// What has come so far.
    #[must_use]
    pub fn reports(&self) -> Vec<Report> {
        decode_all(&self.lock().bytes).collect()
    }

    /// How many records have come so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().bytes.len() / RECORD
    }

    /// Whether nothing has come so far.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads as many bytes as the pipe holds at this moment: never waits, and never chases a writer.
fn drain(pipe: BorrowedFd<'_>, state: &mut State) -> io::Result<()> {
    if state.sealed {
        return Ok(());
    }
    let mut left = usize::try_from(rustix::io::ioctl_fionread(pipe)?).unwrap_or(0);
    let mut buffer = [0; 4096];
    while left > 0 {
        let size = left.min(buffer.len());
        let read = rustix::io::retry_on_intr(|| rustix::io::read(pipe, &mut buffer[..size]))?;
        if read == 0 {
            return Ok(());
        }
        state.bytes.extend_from_slice(&buffer[..read]);
        left -= read;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(10)
    }

    proptest! {
        #[test]
        fn records_survive_the_pipe(sequence: u64, slot: u64, at_ns: u64) {
            let ack = Report::Acknowledged(Ack { sequence, slot, at_ns });
            for report in [Report::Ready, ack, Report::Refused(sequence)] {
                prop_assert_eq!(decode_all(&report.encode()).collect::<Vec<_>>(), [report]);
            }
        }
    }

    #[test]
    fn what_comes_after_the_seal_does_not_count() {
        let (reader, writer) = io::pipe().expect("a pipe");
        let inbox = Inbox::new(reader);
        let write = |sequence| {
            let record = Report::Refused(sequence).encode();
            assert_eq!(rustix::io::write(&writer, &record).expect("writes"), RECORD);
        };
        write(1);
        assert!(inbox.wait(soon()).expect("polls"));
        write(2);
        inbox.seal();
        write(3);
        assert!(!inbox.wait(soon()).expect("polls"), "sealed");
        assert_eq!(inbox.reports(), [Report::Refused(1), Report::Refused(2)]);
    }

    #[test]
    fn the_rest_of_a_dead_writer_counts() {
        let (reader, writer) = io::pipe().expect("a pipe");
        let inbox = Inbox::new(reader);
        for sequence in 0..1000 {
            rustix::io::write(&writer, &Report::Refused(sequence).encode()).expect("writes");
        }
        drop(writer);
        inbox.drain_to_end(Duration::from_secs(10)).expect("ends");
        assert_eq!(inbox.len(), 1000);
    }
}
