//! Certificates, keys and the TLS settings made of them.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use crate::protocol::Protocol;

/// A certificate chain, end entity first, and its private key.
pub struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

/// Why there are no TLS settings.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A PEM file cannot be read or holds something else.
    #[error("{what} in {path}: {cause}", path = path.display())]
    Pem {
        /// What was looked for.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong.
        cause: rustls::pki_types::pem::Error,
    },
    /// The file holds no certificate.
    #[error("no certificate in {}", .0.display())]
    Empty(PathBuf),
    /// No certificate could be made.
    #[error("a self-signed certificate cannot be made: {0}")]
    Generate(#[from] rcgen::Error),
    /// The settings do not go together, such as a key of another certificate.
    #[error("TLS settings: {0}")]
    Settings(#[from] rustls::Error),
    /// The settings cannot be used for QUIC.
    #[error("TLS settings for QUIC: {0}")]
    Quic(#[from] quinn::crypto::rustls::NoInitialCipherSuite),
    /// A socket cannot be opened.
    #[error("{0}")]
    Socket(#[from] io::Error),
}

impl Identity {
    /// Reads PEM files: the chain, end entity first, and the key.
    ///
    /// # Errors
    /// [`TlsError`] naming the file.
    pub fn load(chain: &Path, key: &Path) -> Result<Self, TlsError> {
        let pem = |what, path: &Path| {
            let path = path.to_owned();
            move |cause| TlsError::Pem { what, path, cause }
        };
        let certificates: Result<Vec<_>, _> =
            CertificateDer::pem_file_iter(chain).map_err(pem("certificate", chain))?.collect();
        let certificates = certificates.map_err(pem("certificate", chain))?;
        if certificates.is_empty() {
            return Err(TlsError::Empty(chain.to_owned()));
        }
        let key = PrivateKeyDer::from_pem_file(key).map_err(pem("private key", key))?;
        Ok(Self { chain: certificates, key })
    }

    /// A new key with a certificate that it signed itself, for these host names and addresses.
    ///
    /// # Errors
    /// [`TlsError::Generate`], for a name that no certificate can hold.
    pub fn self_signed(names: &[&str]) -> Result<Self, TlsError> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let made = rcgen::generate_simple_self_signed(names)?;
        let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        Ok(Self { chain: vec![made.cert.der().clone()], key: key.into() })
    }

    /// The end entity's certificate, DER.
    #[must_use]
    pub fn certificate(&self) -> &[u8] {
        self.chain.first().map_or(&[], |certificate| certificate.as_ref())
    }

    /// Settings of a server that offers `protocols`, in order of preference.
    ///
    /// # Errors
    /// [`TlsError::Settings`], such as for a key that belongs to another certificate.
    pub fn server(&self, protocols: &[Protocol]) -> Result<ServerConfig, TlsError> {
        let builder = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
        let mut config = builder.with_no_client_auth().with_single_cert(self.chain.clone(), self.key.clone_key())?;
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.alpn().to_vec()).collect();
        Ok(config)
    }
}

/// The certificates that a client trusts: those of servers, or of whoever vouches for them.
#[derive(Debug, Clone)]
pub struct Trust(Arc<RootCertStore>);

impl Trust {
    /// This certificate, DER.
    ///
    /// # Errors
    /// [`TlsError::Settings`] for what is no certificate.
    pub fn certificate(der: &[u8]) -> Result<Self, TlsError> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(der.to_vec()))?;
        Ok(Self(Arc::new(roots)))
    }

    /// Those of a PEM file, such as the bundle of authorities that comes with the system.
    ///
    /// # Errors
    /// [`TlsError`] naming the file. A bundle may hold certificates that cannot be used; they are passed over.
    pub fn load(path: &Path) -> Result<Self, TlsError> {
        let pem = |cause| TlsError::Pem { what: "certificate", path: path.to_owned(), cause };
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).map_err(pem)?.collect();
        let mut roots = RootCertStore::empty();
        let (added, _) = roots.add_parsable_certificates(certificates.map_err(pem)?);
        if added == 0 { Err(TlsError::Empty(path.to_owned())) } else { Ok(Self(Arc::new(roots))) }
    }
}

/// Settings of a client that offers `protocols`, in order of preference.
///
/// # Errors
/// [`TlsError::Settings`].
pub fn client(trust: &Trust, protocols: &[Protocol]) -> Result<ClientConfig, TlsError> {
    let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
    let mut config = builder.with_root_certificates(Arc::clone(&trust.0)).with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.alpn().to_vec()).collect();
    Ok(config)
}

/// Named, not taken from the process: whoever embeds a node may have installed another.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_back_and_bad_ones_named() {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        let dir = tempfile::tempdir().expect("a directory");
        let (cert, key) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
        std::fs::write(&cert, made.cert.pem()).expect("writes");
        std::fs::write(&key, made.signing_key.serialize_pem()).expect("writes");
        let read = Identity::load(&cert, &key).expect("an identity");
        assert_eq!(read.certificate(), made.cert.der().as_ref());
        read.server(&[Protocol::H2, Protocol::H1]).expect("settings");

        let other = Identity::self_signed(&["localhost"]).expect("a certificate");
        let mixed = Identity { chain: other.chain, key: read.key };
        assert!(matches!(mixed.server(&[Protocol::H1]), Err(TlsError::Settings(_))), "another certificate's key");

        for (cert, key, wrong) in [(&key, &key, &key), (&cert, &cert, &cert), (&cert, &dir.path().join("no"), &cert)] {
            let error = Identity::load(cert, key).err().expect("refused").to_string();
            let named = wrong.display().to_string();
            assert!(error.contains(&named) || error.contains("no"), "{error}");
        }
        assert!(Trust::certificate(b"no certificate").is_err());
        assert!(Trust::load(&cert).is_ok());
        assert!(matches!(Trust::load(&key), Err(TlsError::Empty(path)) if path == key));
    }
}
