//! I/O errors at a chosen call.

use rustix::io::Errno;

/// A call that may fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// A write to a file.
    Write,
    /// fsync or fdatasync of a file, or fsync of a directory.
    Sync,
}

/// Which calls fail, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inject {
    /// The kind of call.
    pub call: Call,
    /// Calls that succeed before.
    pub after: u32,
    /// The error.
    pub errno: Errno,
    /// Whether later calls fail as well.
    pub lasting: bool,
}

impl Inject {
    /// The fate of the next call.
    ///
    /// # Errors
    /// The error, where it is its turn.
    pub(super) fn meet(slot: &mut Option<Self>, call: Call) -> Result<(), Errno> {
        let Some(inject) = slot.as_mut().filter(|inject| inject.call == call) else { return Ok(()) };
        if inject.after > 0 {
            inject.after -= 1;
            return Ok(());
        }
        let errno = inject.errno;
        if !inject.lasting {
            *slot = None;
        }
        Err(errno)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fates(lasting: bool) -> Vec<bool> {
        let mut slot = Some(Inject { call: Call::Sync, after: 1, errno: Errno::IO, lasting });
        let calls = [Call::Sync, Call::Write, Call::Sync, Call::Sync];
        calls.into_iter().map(|call| Inject::meet(&mut slot, call).is_ok()).collect()
    }

    #[test]
    fn fails_the_chosen_call_once_or_from_then_on() {
        assert_eq!(fates(false), [true, true, false, true]);
        assert_eq!(fates(true), [true, true, false, false]);
    }
}
