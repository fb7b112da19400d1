//! Instances: one run of something, with an id of its own.

use std::fmt;
use std::ops::Deref;

use crate::registry::Attributes;
use crate::sync::{Arc, AtomicBool, Ordering, random_bits};

/// What can be registered.
pub trait Live: Send + Sync + 'static {
    /// Why a factory fails.
    type Error: Send + Sync + 'static;

    /// Whether it still answers. Once `false`, always `false`. Called while the registry is locked: it must be quick and
    /// not use the registry.
    fn is_live(&self) -> bool;
}

/// The GUID of an instance: 128 bits, all random but the six that say so (RFC 9562, version 4).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstanceId([u64; 2]);

impl InstanceId {
    fn random() -> Self {
        let bits = random_bits();
        let [high, low] = [bits >> 64, bits].map(|half| u64::try_from(half & u128::from(u64::MAX)).unwrap_or(u64::MAX));
        Self([high & !0xF000 | 0x4000, low & !(0b11 << 62) | 0b10 << 62])
    }
}

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [high, low] = self.0;
        write!(f, "{:08x}-{:04x}-{:04x}", high >> 32, high >> 16 & 0xFFFF, high & 0xFFFF)?;
        write!(f, "-{:04x}-{:012x}", low >> 48, low & 0xFFFF_FFFF_FFFF)
    }
}

impl fmt::Debug for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InstanceId({self})")
    }
}

/// One run of something: a GUID, when it started, what is said of it, and the handle that reaches it.
///
/// Two instances are never the same, whatever their attributes.
#[derive(Debug)]
pub struct Instance<H> {
    id: InstanceId,
    started_ms: u64,
    attributes: Option<Box<Attributes>>,
    ended: AtomicBool,
    handle: H,
}

impl<H: Live> Instance<H> {
    /// A new instance, started at `started_ms` (milliseconds since the Unix epoch).
    #[must_use]
    pub fn new(handle: H, started_ms: u64) -> Self {
        Self { id: InstanceId::random(), started_ms, attributes: None, ended: AtomicBool::new(false), handle }
    }

    /// The same instance, described; attributes of an instance do not change.
    #[must_use]
    pub fn described(self, attributes: Attributes) -> Self {
        Self { attributes: Some(Box::new(attributes)), ..self }
    }

    /// Its GUID.
    #[must_use]
    pub const fn id(&self) -> InstanceId {
        self.id
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub const fn started_ms(&self) -> u64 {
        self.started_ms
    }

    /// What is said of it; `None` if nothing.
    #[must_use]
    pub fn attributes(&self) -> Option<&Attributes> {
        self.attributes.as_deref()
    }

    /// What reaches it.
    #[must_use]
    pub const fn handle(&self) -> &H {
        &self.handle
    }

    /// Declares it dead: no look-up returns it from here on.
    pub fn end(&self) {
        self.ended.store(true, Ordering::Release);
    }

    /// Whether it has not ended and its handle still answers.
    #[must_use]
    pub fn is_live(&self) -> bool {
        !self.ended.load(Ordering::Acquire) && self.handle.is_live()
    }
}

/// The instance a name led to, and the name's generation then: [`Registry::is_current`](super::Registry::is_current)
/// tells whether it still does.
#[derive(Debug)]
pub struct Found<H> {
    /// The instance, live when it was found.
    pub instance: Arc<Instance<H>>,
    /// How often the name has been pointed to an instance, this time included. Never the same for two instances of
    /// one name, so it can serve as a fencing token.
    pub generation: u64,
}

impl<H> Clone for Found<H> {
    fn clone(&self) -> Self {
        Self { instance: Arc::clone(&self.instance), generation: self.generation }
    }
}

impl<H> Deref for Found<H> {
    type Target = Instance<H>;

    fn deref(&self) -> &Instance<H> {
        &self.instance
    }
}
