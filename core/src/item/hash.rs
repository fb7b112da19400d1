//! SHA-384 and Arweave's deep hash.

use std::io::Write as _;
use std::sync::LazyLock;

use sha2::Digest as _;

use super::SignatureType;

/// A SHA-384 digest.
pub(super) type Sha384 = [u8; 48];

fn sha384(bytes: &[u8]) -> Sha384 {
    sha2::Sha384::digest(bytes).into()
}

fn sha384_pair(left: &Sha384, right: &Sha384) -> Sha384 {
    let mut pair = [0; 96];
    pair[..48].copy_from_slice(left);
    pair[48..].copy_from_slice(right);
    sha384(&pair)
}

/// The running value of the deep hash of `["dataitem", "1", type, owner, target, anchor, tags, data]`, a list that
/// is folded from the left: whoever keeps a value after the anchor hashes only tags and data again.
///
/// `blob(b) = H(H("blob" || len) || H(b))`, `list = fold(H("list" || count), acc -> H(acc || blob(b)))`, with H =
/// SHA-384 and lengths as decimal text. Source: the Arweave 2.0 transaction format, which ANS-104 section 2 refers to.
#[derive(Clone, Copy)]
pub(super) struct DeepHash(Sha384);

/// Elements of the list.
const ELEMENTS: usize = 8;

impl DeepHash {
    /// The value before the owner.
    pub(super) fn begin(kind: SignatureType) -> Self {
        static BEGUN: LazyLock<[DeepHash; 3]> =
            LazyLock::new(|| [SignatureType::Arweave, SignatureType::Ed25519, SignatureType::Ethereum].map(begin));
        let [arweave, ed25519, ethereum] = *BEGUN;
        match kind {
            SignatureType::Arweave => arweave,
            SignatureType::Ed25519 => ed25519,
            SignatureType::Ethereum => ethereum,
        }
    }

    /// The value after one more element.
    #[must_use]
    pub(super) fn element(self, bytes: &[u8]) -> Self {
        Self(sha384_pair(&self.0, &blob(bytes)))
    }

    /// The value after the last element: the deep hash.
    pub(super) const fn finish(self) -> Sha384 {
        self.0
    }
}

fn begin(kind: SignatureType) -> DeepHash {
    DeepHash(header("list", ELEMENTS)).element(b"dataitem").element(b"1").element(kind.number().to_string().as_bytes())
}

fn blob(bytes: &[u8]) -> Sha384 {
    // Absent targets and anchors, and the data of every assignment.
    static EMPTY: LazyLock<Sha384> = LazyLock::new(|| sha384_pair(&header("blob", 0), &sha384(&[])));
    match bytes {
        [] => *EMPTY,
        _ => sha384_pair(&blob_header(bytes.len()), &sha384(bytes)),
    }
}

/// Of a blob of some length. Those of up to 4 KiB are kept (192 KiB): that saves one hash in four for small tags and data.
fn blob_header(length: usize) -> Sha384 {
    static SHORT: LazyLock<Vec<Sha384>> = LazyLock::new(|| (0..=4096).map(|length| header("blob", length)).collect());
    SHORT.get(length).copied().unwrap_or_else(|| header("blob", length))
}

/// H(kind || length in decimal).
fn header(kind: &str, length: usize) -> Sha384 {
    // At most 4 letters and 20 digits.
    let mut text = [0_u8; 24];
    let mut rest = &mut text[..];
    // Cannot fail: the buffer holds the longest number.
    let _ = write!(rest, "{kind}{length}");
    let unused = rest.len();
    sha384(&text[..text.len() - unused])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition, step by step, without anything kept.
    fn plain(elements: [&[u8]; ELEMENTS]) -> Sha384 {
        let hash = |parts: &[&[u8]]| -> Sha384 { sha2::Sha384::digest(parts.concat()).into() };
        let blob = |bytes: &[u8]| hash(&[&hash(&[format!("blob{}", bytes.len()).as_bytes()]), &hash(&[bytes])]);
        elements.iter().fold(hash(&[b"list8"]), |running, element| hash(&[&running, &blob(element)]))
    }

    #[test]
    fn what_is_kept_does_not_change_the_deep_hash() {
        for length in [0, 1, 9, 10, 1024, 4096, 4097, 100_000] {
            let data = vec![7; length];
            let elements: [&[u8]; ELEMENTS] = [b"dataitem", b"1", b"3", &data, b"", b"anchor", b"tags", &data];
            let hash = elements[3..].iter().fold(DeepHash::begin(SignatureType::Ethereum), |h, e| h.element(e));
            assert_eq!(hash.finish(), plain(elements), "{length} bytes");
        }
    }
}
