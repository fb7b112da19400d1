//! The three versions of HTTP.

use std::fmt;
use std::str::FromStr;

/// A version of HTTP, with what carries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// HTTP/1.1 over TCP (RFC 9112).
    H1,
    /// HTTP/2 over TCP (RFC 9113); without TLS by prior knowledge.
    H2,
    /// HTTP/3 over QUIC (RFC 9114); always with TLS.
    H3,
}

impl Protocol {
    /// Every protocol.
    pub const ALL: [Self; 3] = [Self::H1, Self::H2, Self::H3];

    /// The name on the command line and in results.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::H1 => "h1",
            Self::H2 => "h2",
            Self::H3 => "h3",
        }
    }

    /// Its name in a TLS handshake (RFC 7301).
    #[must_use]
    pub const fn alpn(self) -> &'static [u8] {
        match self {
            Self::H1 => b"http/1.1",
            Self::H2 => b"h2",
            Self::H3 => b"h3",
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Protocol {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|protocol| protocol.name() == text);
        found.ok_or_else(|| format!("unknown protocol '{text}' (allowed: h1, h2, h3)"))
    }
}
