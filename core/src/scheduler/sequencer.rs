//! Slot and chain of one process, and the assignments that are not signed yet.
//!
//! A [`Ticket`] is handed out in slot order and signed in any order, by any thread. Only the signed prefix leaves, so
//! a signing failure can never invalidate a slot that was promised: the tickets behind it move up by one slot, get a
//! new chain value and are signed anew.

use std::collections::VecDeque;
use std::num::NonZeroU64;

use crate::assignment::Assignment;
use crate::assignments::Head;
use crate::chain::{Chain, ChainValue};
use crate::commit::{CommitError, Reply};
use crate::item::Item;
use crate::milestone::{Mark, Milestone};
use crate::scheduler::backlog::Backlog;
use crate::sync::Arc;

/// The strictly serial part of a writer.
pub(super) struct Sequencer {
    /// Where the schedule ends once all tickets are stored.
    head: Head,
    /// Where it ends before the first waiting ticket.
    released: Head,
    waiting: VecDeque<Ticket>,
    next_serial: u64,
    stopped: Option<Arc<CommitError>>,
    /// The writer's generation, until its first entry takes it to the store.
    claim: Option<NonZeroU64>,
    retired: bool,
    pub(super) backlog: Backlog,
}

/// One message with its slot, waiting for its signature.
pub(super) struct Ticket {
    /// Names the ticket for life; the slot may change.
    pub(super) serial: u64,
    pub(super) terms: Terms,
    pub(super) message: Item,
    pub(super) mark: Mark,
    pub(super) reply: Option<Reply>,
    state: Signing,
}

/// What gets signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Terms {
    pub(super) slot: u64,
    pub(super) chain: ChainValue,
    pub(super) timestamp: u64,
}

#[expect(clippy::large_enum_variant, reason = "every ticket is signed before it leaves")]
enum Signing {
    /// Nobody signs it: its terms changed after it had been signed.
    Orphaned,
    /// Some thread is at it.
    Underway,
    Signed(Assignment),
}

/// What became of a signature.
pub(super) enum Accepted {
    /// The ticket is signed.
    Yes,
    /// The terms changed meanwhile; these are the new ones.
    Again(Terms),
    /// The writer stopped and the ticket with it.
    Gone,
}

impl Sequencer {
    pub(super) fn resume(head: Head, generation: u64, now_ms: u64) -> Self {
        let (waiting, backlog, claim) = (VecDeque::new(), Backlog::new(now_ms), NonZeroU64::new(generation));
        Self { head, released: head, waiting, next_serial: 0, stopped: None, claim, retired: false, backlog }
    }

    /// The generation that the next entry must store; `None` but for the first entry.
    pub(super) const fn claim(&mut self) -> Option<NonZeroU64> {
        self.claim.take()
    }

    pub(super) const fn head(&self) -> &Head {
        &self.head
    }

    pub(super) const fn released(&self) -> &Head {
        &self.released
    }

    pub(super) const fn stopped(&self) -> Option<&Arc<CommitError>> {
        self.stopped.as_ref()
    }

    /// Takes no more messages; there are none.
    pub(super) const fn retire(&mut self) {
        self.retired = true;
    }

    pub(super) const fn is_retired(&self) -> bool {
        self.retired
    }

    /// Gives `message` the next slot; the caller must sign it.
    pub(super) fn sequence(&mut self, message: Item, mark: Mark, now_ms: u64, reply: Option<Reply>) -> (u64, Terms) {
        let serial = self.next_serial;
        self.next_serial += 1;
        let terms = terms_after(&self.head, &message, now_ms);
        self.head = head_after(terms);
        mark.reached(Milestone::Sequenced);
        self.waiting.push_back(Ticket { serial, terms, message, mark, reply, state: Signing::Underway });
        (serial, terms)
    }

    /// Takes a signature over `terms`.
    pub(super) fn sign(&mut self, serial: u64, terms: Terms, assignment: Assignment) -> Accepted {
        match self.find(serial) {
            None => Accepted::Gone,
            Some(ticket) if ticket.terms != terms => Accepted::Again(ticket.terms),
            Some(ticket) => {
                ticket.state = Signing::Signed(assignment);
                ticket.mark.reached(Milestone::Signed);
                Accepted::Yes
            }
        }
    }

    /// Takes out a ticket that cannot be signed and moves those behind it up.
    pub(super) fn withdraw(&mut self, serial: u64) -> Option<Ticket> {
        let at = self.waiting.binary_search_by_key(&serial, |ticket| ticket.serial).ok()?;
        let withdrawn = self.waiting.remove(at);
        let mut head = at.checked_sub(1).map_or(self.released, |before| head_after(self.waiting[before].terms));
        for ticket in self.waiting.range_mut(at..) {
            ticket.terms = terms_after(&head, &ticket.message, ticket.terms.timestamp);
            head = head_after(ticket.terms);
            if matches!(ticket.state, Signing::Signed(_)) {
                ticket.state = Signing::Orphaned;
            }
        }
        self.head = head;
        withdrawn
    }

    /// A ticket nobody signs, which the caller must now sign.
    pub(super) fn adopt(&mut self) -> Option<(u64, Terms)> {
        let orphan = self.waiting.iter_mut().find(|ticket| matches!(ticket.state, Signing::Orphaned))?;
        orphan.state = Signing::Underway;
        Some((orphan.serial, orphan.terms))
    }

    /// The message of a waiting ticket.
    pub(super) fn message(&mut self, serial: u64) -> Option<Item> {
        self.find(serial).map(|ticket| ticket.message.clone())
    }

    /// The next ticket of the signed prefix.
    pub(super) fn release(&mut self) -> Option<(Ticket, Assignment)> {
        if !matches!(self.waiting.front()?.state, Signing::Signed(_)) {
            return None;
        }
        let mut ticket = self.waiting.pop_front()?;
        self.released = head_after(ticket.terms);
        match std::mem::replace(&mut ticket.state, Signing::Underway) {
            Signing::Signed(assignment) => Some((ticket, assignment)),
            // Checked above; a ticket that is not signed goes back to where it was.
            state => {
                self.waiting.push_front(Ticket { state, ..ticket });
                None
            }
        }
    }

    /// Takes no more messages. Returns the tickets that have not left.
    pub(super) fn stop(&mut self, reason: &Arc<CommitError>) -> Vec<Ticket> {
        self.stopped.get_or_insert_with(|| Arc::clone(reason));
        self.head = self.released;
        self.waiting.drain(..).collect()
    }

    fn find(&mut self, serial: u64) -> Option<&mut Ticket> {
        let at = self.waiting.binary_search_by_key(&serial, |ticket| ticket.serial).ok()?;
        self.waiting.get_mut(at)
    }
}

fn terms_after(head: &Head, message: &Item, now_ms: u64) -> Terms {
    Terms {
        slot: head.next_slot(),
        chain: head.chain.next(&message.id()),
        // The wall clock may step back; a schedule's timestamps never do.
        timestamp: head.timestamp.max(now_ms),
    }
}

const fn head_after(terms: Terms) -> Head {
    Head { slot: Some(terms.slot), chain: Chain::after(terms.chain), timestamp: terms.timestamp }
}
