//! Watching names change.

use std::collections::HashMap;
use std::future::poll_fn;
use std::task::Poll;

use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::sync::broadcast::{Receiver, Sender, channel};

use crate::registry::{InstanceId, Name, Pattern};
use crate::sync::{Arc, AtomicUsize, Mutex, MutexGuard, Ordering, PoisonError, Weak};

/// Most events that can wait for a watcher.
pub const MAX_WATCH_CAPACITY: usize = 1 << 16;

/// One change of one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The name.
    pub name: Name,
    /// What became of it.
    pub change: Change,
}

/// What became of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Nobody had it; an instance has it now.
    Registered {
        /// Its generation from here on.
        generation: u64,
        /// Who has it.
        instance: InstanceId,
    },
    /// It leads to another instance now.
    Repointed {
        /// Its generation from here on.
        generation: u64,
        /// Who has it.
        instance: InstanceId,
    },
    /// Its holder gave it up, or was found dead.
    Ended {
        /// Its generation until now.
        generation: u64,
        /// Who had it.
        instance: InstanceId,
    },
}

/// That many events were dropped, the oldest ones, because the watcher was slow. Look again at what matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} events were missed")]
pub struct Lagged(pub u64);

/// The changes of names that match a pattern, each name's in the order they happened.
///
/// A holder that dies without giving up its name is noticed when somebody next asks for the name.
pub struct Watch {
    events: Receiver<Event>,
    pattern: Pattern,
    number: u64,
    hub: Weak<Hub>,
}

impl Watch {
    /// The next change; `None` once the registry is gone and everything has been seen.
    ///
    /// Dropping the future loses nothing.
    ///
    /// # Errors
    /// [`Lagged`], once for every time events were dropped; the next call goes on with the oldest that is left.
    pub async fn next(&mut self) -> Option<Result<Event, Lagged>> {
        match self.events.recv().await {
            Ok(event) => Some(Ok(event)),
            Err(RecvError::Lagged(missed)) => Some(Err(Lagged(missed))),
            Err(RecvError::Closed) => None,
        }
    }

    /// The next change, if it has happened.
    ///
    /// # Errors
    /// As [`next`](Self::next).
    pub fn try_next(&mut self) -> Option<Result<Event, Lagged>> {
        match self.events.try_recv() {
            Ok(event) => Some(Ok(event)),
            Err(TryRecvError::Lagged(missed)) => Some(Err(Lagged(missed))),
            Err(TryRecvError::Empty | TryRecvError::Closed) => None,
        }
    }

    /// Waits for any change, or until `deadline` is over. Says whether there was a change.
    pub(super) async fn next_until(&mut self, deadline: &mut (impl Future<Output = ()> + Unpin)) -> bool {
        let mut next = std::pin::pin!(self.events.recv());
        poll_fn(|context| {
            if next.as_mut().poll(context).is_ready() {
                return Poll::Ready(true);
            }
            std::pin::Pin::new(&mut *deadline).poll(context).map(|()| false)
        })
        .await
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(hub) = self.hub.upgrade() {
            hub.leave(&self.pattern, self.number);
        }
    }
}

/// Who watches what.
#[derive(Default)]
pub(super) struct Hub {
    watchers: Mutex<Watchers>,
    /// Their number, so that a registry nobody watches pays one load.
    count: AtomicUsize,
}

#[derive(Default)]
struct Watchers {
    next_number: u64,
    /// Of one name: found by it, however many others are watched.
    exact: HashMap<Box<str>, Vec<Watcher>>,
    wide: Vec<(Pattern, Watcher)>,
}

struct Watcher {
    number: u64,
    events: Sender<Event>,
}

impl Hub {
    pub(super) fn watch(self: &Arc<Self>, pattern: Pattern, capacity: usize) -> Watch {
        let (events, receiver) = channel(capacity.clamp(1, MAX_WATCH_CAPACITY));
        let mut watchers = self.lock();
        let number = watchers.next_number;
        watchers.next_number += 1;
        let watcher = Watcher { number, events };
        if pattern.is_literal() {
            watchers.exact.entry(pattern.literal().into()).or_default().push(watcher);
        } else {
            watchers.wide.push((pattern.clone(), watcher));
        }
        self.count.fetch_add(1, Ordering::SeqCst);
        Watch { events: receiver, pattern, number, hub: Arc::downgrade(self) }
    }

    /// Tells whoever watches `name`. Never waits for a watcher. The caller holds the name's shard: a watcher that looked
    /// before the change came, and so took the shard before, is counted by now.
    pub(super) fn tell(&self, name: &Name, change: Change) {
        if self.count.load(Ordering::SeqCst) == 0 {
            return;
        }
        let watchers = self.lock();
        let exact = watchers.exact.get(name.as_str()).into_iter().flatten();
        let wide = watchers.wide.iter().filter(|(pattern, _)| pattern.matches(name)).map(|(_, watcher)| watcher);
        for watcher in exact.chain(wide) {
            // It fails when the watcher is just leaving.
            let _ = watcher.events.send(Event { name: name.clone(), change });
        }
    }

    fn leave(&self, pattern: &Pattern, number: u64) {
        let mut watchers = self.lock();
        if let Some(exact) = watchers.exact.get_mut(pattern.literal()) {
            exact.retain(|watcher| watcher.number != number);
            if exact.is_empty() {
                watchers.exact.remove(pattern.literal());
            }
        }
        watchers.wide.retain(|(_, watcher)| watcher.number != number);
        self.count.fetch_sub(1, Ordering::SeqCst);
    }

    fn lock(&self) -> MutexGuard<'_, Watchers> {
        self.watchers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
