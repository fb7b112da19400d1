//! Key rings: which wallet signs for a process.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::id::{Address, Id};
use crate::wallet::Signer;

/// Wallets next to a node's own. Several of them limit what one stolen key can sign. What asks gets a signer, never a
/// key.
#[derive(Clone, Default)]
pub struct KeyRing {
    by_address: BTreeMap<Address, Arc<dyn Signer>>,
    by_process: BTreeMap<Id, Arc<dyn Signer>>,
}

impl KeyRing {
    /// Signs, from now on, for processes whose definition names this signer's address as its scheduler.
    pub fn add(&mut self, signer: Arc<dyn Signer>) {
        self.by_address.insert(signer.address(), signer);
    }

    /// Signs for one process, whatever scheduler it names.
    pub fn add_for(&mut self, process: Id, signer: Arc<dyn Signer>) {
        self.by_process.insert(process, signer);
    }

    /// Who signs for a process that names these schedulers, the first of them that is known; `None` for the node's own
    /// wallet.
    pub fn choose(&self, process: &Id, schedulers: impl IntoIterator<Item = Address>) -> Option<&Arc<dyn Signer>> {
        let by_address = || schedulers.into_iter().find_map(|address| self.by_address.get(&address));
        self.by_process.get(process).or_else(by_address)
    }

    /// The addresses that can sign, each once, in order.
    #[must_use]
    pub fn addresses(&self) -> Vec<Address> {
        let mut addresses: Vec<_> = self.by_process.values().map(|signer| signer.address()).collect();
        addresses.extend(self.by_address.keys());
        addresses.sort_unstable();
        addresses.dedup();
        addresses
    }

    /// Whether there is a wallet for an address.
    #[must_use]
    pub fn holds(&self, address: &Address) -> bool {
        self.by_address.contains_key(address)
    }

    /// Whether only the node's own wallet signs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_address.is_empty() && self.by_process.is_empty()
    }
}
