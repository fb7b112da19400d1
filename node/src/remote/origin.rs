//! Whom a URL names.

use http::Uri;
use slotbench_core::location::BaseUrl;

use super::RemoteError;

/// A scheme, a host and a port: whoever is asked over one pool of connections.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Origin {
    pub(super) is_https: bool,
    /// As in the URL: an IPv6 address has brackets.
    pub(super) host: String,
    pub(super) port: u16,
}

impl Origin {
    /// The origin of a URL, and the path that all others are appended to.
    pub(super) fn of(url: &BaseUrl) -> Result<(Self, String), RemoteError> {
        let cannot = |reason| RemoteError::Address { url: url.clone(), reason };
        let uri: Uri = url.as_str().parse().map_err(|_| cannot("it is no URL"))?;
        let host = uri.host().ok_or_else(|| cannot("it names no host"))?.to_owned();
        let is_https = url.is_https();
        let port = uri.port_u16().unwrap_or(if is_https { 443 } else { 80 });
        Ok((Self { is_https, host, port }, uri.path().trim_end_matches('/').to_owned()))
    }

    /// The host as the system resolves it.
    pub(super) fn name(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemes_ports_and_prefixes() {
        for (text, host, port, prefix, name) in [
            ("http://su", "su", 80, "", "su"),
            ("https://su/", "su", 443, "", "su"),
            ("http://su:8734/a/b", "su", 8734, "/a/b", "su"),
            ("https://[::1]:9/x", "[::1]", 9, "/x", "::1"),
        ] {
            let (origin, path) = Origin::of(&text.parse().expect("a url")).expect("an origin");
            assert_eq!((origin.host.as_str(), origin.port, path.as_str(), origin.name()), (host, port, prefix, name));
            assert_eq!(origin.is_https, text.starts_with("https"));
        }
    }
}
