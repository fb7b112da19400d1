//! SHA-256, SHA-384 and Arweave's deep hash.

use std::io::Write as _;
use std::sync::LazyLock;

use aws_lc_rs::digest;

use super::SignatureType;

/// A SHA-384 digest.
pub(super) type Sha384 = [u8; 48];

/// SHA-256 of `bytes`.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    out
}

fn sha384(bytes: &[u8]) -> Sha384 {
    let mut out = [0; 48];
    out.copy_from_slice(digest::digest(&digest::SHA384, bytes).as_ref());
    out
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
        _ => sha384_pair(&header("blob", bytes.len()), &sha384(bytes)),
    }
}

/// H(kind || length in decimal).
fn header(kind: &str, length: usize) -> Sha384 {
    // 4 letters and at most 20 digits.
    let mut text = [0_u8; 24];
    let mut rest = &mut text[..];
    // Cannot fail: the buffer holds the longest number.
    let _ = write!(rest, "{kind}{length}");
    let unused = rest.len();
    sha384(&text[..text.len() - unused])
}
