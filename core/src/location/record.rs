//! One signed record of where a scheduler is reached.

use crate::id::Address;
use crate::item::{BuildError, Item, ItemBuilder};
use crate::location::{BaseUrl, RecordError};
use crate::wallet::Signer;

/// The time to live of a record that names none: one hour, in milliseconds.
pub const DEFAULT_TIME_TO_LIVE_MS: u64 = 3_600_000;

/// The `type` of the records. Indexes of the network also hold it as `Scheduler-Location`: case does not count.
const TYPE: &[u8] = b"scheduler-location";
/// The dialect of a record that names none.
const NATIVE: &str = "ao.N.1";
/// Longest name of a dialect that is kept, in bytes.
const MAX_VARIANT_LEN: usize = 64;

/// A location record whose signature verifies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocationRecord {
    item: Item,
    address: Address,
    url: BaseUrl,
    nonce: u64,
    time_to_live_ms: u64,
    variant: String,
}

/// What a record is made of.
#[derive(Debug, Clone, Copy)]
pub struct LocationDraft<'a> {
    /// Where the signer is reached.
    pub url: &'a BaseUrl,
    /// Above that of the record before it; the first is 0.
    pub nonce: u64,
    /// For how long others may use the record without asking again, milliseconds.
    pub time_to_live_ms: u64,
}

impl LocationDraft<'_> {
    /// Builds and signs the record.
    ///
    /// # Errors
    /// What the signer reports.
    pub fn sign(&self, signer: &dyn Signer) -> Result<Item, BuildError> {
        ItemBuilder::new()
            .tag("data-protocol", "ao")
            .tag("variant", NATIVE)
            .tag("type", TYPE)
            .tag("url", self.url.as_str())
            .tag("nonce", self.nonce.to_string())
            .tag("time-to-live", self.time_to_live_ms.to_string())
            .sign(signer)
    }
}

impl LocationRecord {
    /// Reads an item's tags and verifies its signature. `data-protocol` is not asked for, as indexes leave it out;
    /// `variant` is `ao.N.1` and `time-to-live` [`DEFAULT_TIME_TO_LIVE_MS`] where they are absent.
    ///
    /// # Errors
    /// [`RecordError`] names what is wrong. The signature is looked at last: it costs most.
    pub fn read(item: Item) -> Result<Self, RecordError> {
        check_type(&item)?;
        let url = text(&item, "url").ok_or(RecordError::NoUrl)?.parse()?;
        let nonce = nonce(&item)?.ok_or_else(|| RecordError::Nonce(String::new()))?;
        let time_to_live_ms = time_to_live_ms(&item)?.unwrap_or(DEFAULT_TIME_TO_LIVE_MS);
        let variant = text(&item, "variant").unwrap_or(NATIVE);
        if variant.len() > MAX_VARIANT_LEN {
            return Err(RecordError::Variant(shown(variant)));
        }
        let variant = variant.to_owned();
        item.verify()?;
        Ok(Self { address: item.owner_address(), url, nonce, time_to_live_ms, variant, item })
    }

    /// The signed item.
    #[must_use]
    pub const fn item(&self) -> &Item {
        &self.item
    }

    /// Whose location it is: the signer's.
    #[must_use]
    pub const fn address(&self) -> Address {
        self.address
    }

    /// Where it is reached.
    #[must_use]
    pub const fn url(&self) -> &BaseUrl {
        &self.url
    }

    /// Tells newer records from older ones.
    #[must_use]
    pub const fn nonce(&self) -> u64 {
        self.nonce
    }

    /// For how long the record may be used, milliseconds since it was cached or last found at a gateway.
    #[must_use]
    pub const fn time_to_live_ms(&self) -> u64 {
        self.time_to_live_ms
    }

    /// The dialect it speaks.
    #[must_use]
    pub fn variant(&self) -> &str {
        &self.variant
    }
}

/// Whether an item says that it is a location record, or a request for one.
pub(crate) fn check_type(item: &Item) -> Result<(), RecordError> {
    let is_record = item.tag("type").is_some_and(|value| value.eq_ignore_ascii_case(TYPE));
    if is_record { Ok(()) } else { Err(RecordError::Type) }
}

/// The tag `nonce`, where there is one.
pub(crate) fn nonce(item: &Item) -> Result<Option<u64>, RecordError> {
    number(item, "nonce").map_err(RecordError::Nonce)
}

/// The tag `time-to-live`, where there is one.
pub(crate) fn time_to_live_ms(item: &Item) -> Result<Option<u64>, RecordError> {
    number(item, "time-to-live").map_err(RecordError::TimeToLive)
}

/// A tag's text; `None` where it is absent or not UTF-8.
pub(crate) fn text<'a>(item: &'a Item, tag: &str) -> Option<&'a str> {
    std::str::from_utf8(item.tag(tag)?).ok()
}

/// A tag of decimal digits below 2^64. `Err` holds what stands there instead.
fn number(item: &Item, tag: &str) -> Result<Option<u64>, String> {
    let Some(value) = item.tag(tag) else { return Ok(None) };
    let digits = std::str::from_utf8(value).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let number = digits.and_then(|digits| digits.parse().ok());
    number.map(Some).ok_or_else(|| shown(&String::from_utf8_lossy(value)))
}

/// A value as an error repeats it: escaped, and cut after 40 characters.
fn shown(value: &str) -> String {
    value.chars().take(40).flat_map(char::escape_default).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::item::VerifyError;
    use crate::location::UrlError;
    use crate::wallet::{NoSigner, Wallet};

    fn wallet() -> Wallet {
        Wallet::ed25519_from_seed([3; 32]).expect("a key")
    }

    fn complete() -> ItemBuilder {
        ItemBuilder::new().tag("Type", "Scheduler-Location").tag("Url", "https://su.example").tag("Nonce", "7")
    }

    fn read(builder: &ItemBuilder) -> Result<LocationRecord, RecordError> {
        LocationRecord::read(builder.sign(&wallet()).expect("signs"))
    }

    /// The same item with one byte of the field at `offset` from its end changed.
    fn damaged(item: &Item, offset: usize) -> Item {
        let mut bytes = item.as_bytes().to_vec();
        let at = bytes.len() - offset;
        bytes[at] ^= 1;
        Item::parse(bytes.into()).expect("still an item")
    }

    #[test]
    fn a_signed_draft_reads_back() {
        let url: BaseUrl = "https://su.example".parse().expect("a url");
        let draft = LocationDraft { url: &url, nonce: 0, time_to_live_ms: 5_000 };
        let item = draft.sign(&wallet()).expect("signs");
        assert_eq!(item.tag("data-protocol"), Some(&b"ao"[..]));
        assert_eq!(item.tag("type"), Some(&b"scheduler-location"[..]));
        let record = LocationRecord::read(item.clone()).expect("a record");
        assert_eq!((record.address(), record.url()), (wallet().address(), &url));
        assert_eq!((record.nonce(), record.time_to_live_ms(), record.variant()), (0, 5_000, "ao.N.1"));
        assert_eq!(record.item(), &item);
    }

    #[test]
    fn text_nonces_and_other_spellings_are_read() {
        let record = read(&complete().tag("Variant", "ao.TN.1").tag("Time-To-Live", "60000")).expect("a record");
        assert_eq!((record.nonce(), record.time_to_live_ms(), record.variant()), (7, 60_000, "ao.TN.1"));
        assert_eq!(read(&complete()).expect("a record").time_to_live_ms(), DEFAULT_TIME_TO_LIVE_MS);
    }

    #[test]
    fn c080_a_record_with_a_bad_signature_is_refused() {
        let item = complete().sign(&wallet()).expect("signs");
        let url_byte = item.as_bytes().windows(7).rev().position(|text| text == b"example").expect("there") + 1;
        let forged = LocationRecord::read(damaged(&item, url_byte)).expect_err("forged");
        assert_eq!(forged, RecordError::Signature(VerifyError::Invalid));
        let unsigned = complete().sign(&NoSigner).expect("builds");
        assert_eq!(LocationRecord::read(unsigned), Err(RecordError::Signature(VerifyError::Unsigned)));
    }

    #[test]
    fn c083_what_is_no_location_record_is_refused_by_name() {
        let typed = |kind: &str| ItemBuilder::new().tag("type", kind).tag("url", "http://su").tag("nonce", "1");
        assert_eq!(read(&typed("Message")), Err(RecordError::Type));
        assert_eq!(read(&ItemBuilder::new().tag("url", "http://su").tag("nonce", "1")), Err(RecordError::Type));
        let bare = || ItemBuilder::new().tag("type", "scheduler-location");
        assert_eq!(read(&bare().tag("nonce", "1")), Err(RecordError::NoUrl));
        let url = |url: &str| read(&bare().tag("url", url).tag("nonce", "1"));
        assert_eq!(url("gopher://su"), Err(RecordError::Url(UrlError::Scheme)));
        assert_eq!(url("https://me:pw@su"), Err(RecordError::Url(UrlError::Credentials)));
        let nonce = |nonce: &str| read(&bare().tag("url", "http://su").tag("nonce", nonce));
        assert_eq!(read(&bare().tag("url", "http://su")), Err(RecordError::Nonce(String::new())));
        for bad in ["-1", "+1", "1.5", "one", "18446744073709551616", " 1"] {
            assert_eq!(nonce(bad), Err(RecordError::Nonce(bad.to_owned())));
        }
        assert_eq!(nonce(""), Err(RecordError::Nonce(String::new())));
        let lasting = |time: &str| read(&complete().tag("time-to-live", time));
        assert_eq!(lasting("for ever"), Err(RecordError::TimeToLive("for ever".to_owned())));
        let wordy = read(&complete().tag("variant", "x".repeat(65)));
        assert_eq!(wordy, Err(RecordError::Variant("x".repeat(40))));
    }

    proptest! {
        #[test]
        fn every_draft_reads_back(nonce in any::<u64>(), time_to_live_ms in any::<u64>(), port in 1_u16..) {
            let url: BaseUrl = format!("http://su:{port}").parse().expect("a url");
            let item = LocationDraft { url: &url, nonce, time_to_live_ms }.sign(&wallet()).expect("signs");
            let record = LocationRecord::read(item).expect("a record");
            prop_assert_eq!((record.url(), record.nonce(), record.time_to_live_ms()), (&url, nonce, time_to_live_ms));
        }

        #[test]
        fn no_tags_make_reading_panic(
            tags in prop::collection::vec(("type|url|nonce|time-to-live|variant|[a-z]{1,8}", any::<Vec<u8>>()), 0..8),
        ) {
            let start = ItemBuilder::new().tag("type", "scheduler-location");
            let builder = tags.into_iter().fold(start, |item, (name, value)| item.tag(name, value));
            if let Ok(item) = builder.sign(&wallet()) {
                let _ = LocationRecord::read(item);
            }
        }

        #[test]
        fn no_damaged_record_is_read(at in any::<prop::sample::Index>(), bit in 0_u32..8) {
            let item = complete().sign(&wallet()).expect("signs");
            let mut bytes = item.as_bytes().to_vec();
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            if let Ok(item) = Item::parse(bytes.into()) {
                prop_assert!(LocationRecord::read(item).is_err());
            }
        }
    }
}
