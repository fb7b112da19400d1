//! A batch: what an engine stores as one.

use bytes::Bytes;

use crate::key::Key;

/// One change of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    /// Store bytes.
    Put {
        /// Where.
        key: Key,
        /// The bytes, shared with whoever made them.
        value: Bytes,
    },
    /// Make `key` another name for `target`.
    Link {
        /// The new name.
        key: Key,
        /// What it stands for.
        target: Key,
    },
    /// Make a group that exists even while it is empty.
    Group {
        /// Its path.
        key: Key,
    },
    /// Remove exactly this entry; nothing below it, and no error if there is none.
    Delete {
        /// Its path.
        key: Key,
    },
}

impl Op {
    /// The path it changes.
    #[must_use]
    pub fn key(&self) -> &Key {
        match self {
            Self::Put { key, .. } | Self::Link { key, .. } | Self::Group { key } | Self::Delete { key } => key,
        }
    }

    /// Bytes it carries: its key, and its value or target.
    #[must_use]
    pub fn size(&self) -> usize {
        let payload = match self {
            Self::Put { value, .. } => value.len(),
            Self::Link { target, .. } => target.as_bytes().len(),
            Self::Group { .. } | Self::Delete { .. } => 0,
        };
        self.key().as_bytes().len() + payload
    }
}

/// Changes that are stored together or not at all, in this order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    ops: Vec<Op>,
    size: usize,
}

impl Batch {
    /// An empty batch.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a value.
    pub fn put(&mut self, key: Key, value: Bytes) -> &mut Self {
        self.push(Op::Put { key, value })
    }

    /// Adds a link from `key` to `target`.
    pub fn link(&mut self, key: Key, target: Key) -> &mut Self {
        self.push(Op::Link { key, target })
    }

    /// Adds an explicit group.
    pub fn group(&mut self, key: Key) -> &mut Self {
        self.push(Op::Group { key })
    }

    /// Adds the removal of one entry.
    pub fn delete(&mut self, key: Key) -> &mut Self {
        self.push(Op::Delete { key })
    }

    /// Adds any change.
    pub fn push(&mut self, op: Op) -> &mut Self {
        self.size += op.size();
        self.ops.push(op);
        self
    }

    /// The changes in order.
    #[must_use]
    pub fn ops(&self) -> &[Op] {
        &self.ops
    }

    /// How many changes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ops.len()
    }

    /// Whether there is nothing to store.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ops.is_empty()
    }

    /// Bytes of all keys, values and targets.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size
    }

    /// Empties the batch and keeps its memory.
    pub fn clear(&mut self) {
        self.ops.clear();
        self.size = 0;
    }
}
