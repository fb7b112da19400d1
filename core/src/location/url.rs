//! The URLs under which schedulers are reached.

use std::fmt;
use std::str::FromStr;

use http::Uri;

/// Longest URL of a scheduler in bytes.
pub const MAX_URL_LEN: usize = 2048;

/// The URL that a scheduler's paths are appended to: `http` or `https`, a host, perhaps a port and a path. It has no
/// credentials, query or fragment, no slash at its end, and at most [`MAX_URL_LEN`] bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BaseUrl(String);

/// Why a text is not the URL of a scheduler.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// More than [`MAX_URL_LEN`] bytes.
    #[error("it has {0} bytes, more than {MAX_URL_LEN}")]
    TooLong(usize),
    /// No URL at all, or one that is relative.
    #[error("it is no absolute URL")]
    Form,
    /// Neither `http` nor `https`.
    #[error("its scheme is neither http nor https")]
    Scheme,
    /// A name or password before the host: nobody publishes those.
    #[error("it holds credentials")]
    Credentials,
    /// No host, or a port that is none.
    #[error("its host or port cannot be")]
    Host,
    /// A query or a fragment: paths could not be appended.
    #[error("it has a query or a fragment")]
    Query,
}

impl BaseUrl {
    /// `http://localhost:8734`: where a node is reached that was told nothing else.
    #[must_use]
    pub fn localhost() -> Self {
        Self("http://localhost:8734".to_owned())
    }

    /// The URL, without a slash at its end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the connection is encrypted.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.0.starts_with("https:")
    }
}

impl FromStr for BaseUrl {
    type Err = UrlError;

    /// Scheme and host are written in lower case; trailing slashes fall away.
    fn from_str(text: &str) -> Result<Self, UrlError> {
        if text.len() > MAX_URL_LEN {
            return Err(UrlError::TooLong(text.len()));
        }
        // The parser drops fragments in silence.
        if text.contains(['?', '#']) {
            return Err(UrlError::Query);
        }
        let uri: Uri = text.parse().map_err(|_| UrlError::Form)?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else { return Err(UrlError::Form) };
        if scheme != "http" && scheme != "https" {
            return Err(UrlError::Scheme);
        }
        if authority.as_str().contains('@') {
            return Err(UrlError::Credentials);
        }
        let behind_host = authority.as_str().strip_prefix(authority.host()).ok_or(UrlError::Host)?;
        if authority.host().is_empty() || !(behind_host.is_empty() || authority.port_u16().is_some()) {
            return Err(UrlError::Host);
        }
        let host = authority.as_str().to_ascii_lowercase();
        Ok(Self(format!("{scheme}://{host}{}", uri.path().trim_end_matches('/'))))
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BaseUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<String, UrlError> {
        text.parse::<BaseUrl>().map(|url| url.to_string())
    }

    #[test]
    fn schemes_hosts_ports_and_paths() {
        for (text, expected) in [
            ("http://localhost:8734", "http://localhost:8734"),
            ("HTTPS://SU.Example/", "https://su.example"),
            ("https://su.example/some/Path//", "https://su.example/some/Path"),
            ("http://[::1]:80/", "http://[::1]:80"),
            ("http://10.0.0.1", "http://10.0.0.1"),
        ] {
            assert_eq!(parse(text), Ok(expected.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_asked_is_refused_by_name() {
        for (text, expected) in [
            ("", UrlError::Form),
            ("/path", UrlError::Form),
            ("su.example", UrlError::Form),
            ("http:///path", UrlError::Form),
            ("http://su example", UrlError::Form),
            ("http://su\u{e4}", UrlError::Form),
            ("ftp://su.example", UrlError::Scheme),
            ("file://host/etc/passwd", UrlError::Scheme),
            ("https://me:secret@su.example", UrlError::Credentials),
            ("https://me@su.example", UrlError::Credentials),
            ("http://:80", UrlError::Host),
            ("http://su:99999", UrlError::Host),
            ("http://su:", UrlError::Host),
            ("https://su/?a=b", UrlError::Query),
            ("https://su/#top", UrlError::Query),
        ] {
            assert_eq!(parse(text), Err(expected), "{text}");
        }
        assert_eq!(parse(&format!("http://su/{}", "x".repeat(MAX_URL_LEN))), Err(UrlError::TooLong(MAX_URL_LEN + 10)));
        assert!(parse(&format!("http://su/{}", "x".repeat(MAX_URL_LEN - 10))).is_ok());
    }

    proptest! {
        #[test]
        fn what_is_taken_is_taken_again_unchanged(text in "(http|HTTPS|ftp)://[a-zA-Z0-9.:@/?#\\[\\]-]{0,40}") {
            if let Ok(url) = text.parse::<BaseUrl>() {
                prop_assert_eq!(url.to_string().parse(), Ok(url.clone()));
                prop_assert!(url.to_string().len() <= MAX_URL_LEN && !url.as_str().ends_with('/'));
                let authority = url.as_str().split('/').nth(2).unwrap_or_default();
                prop_assert!(!authority.contains('@') && !url.as_str().contains(['?', '#']));
            }
        }

        #[test]
        fn no_text_makes_parsing_panic(text in ".*") {
            let _ = text.parse::<BaseUrl>();
        }
    }
}
