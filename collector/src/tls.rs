//! TLS for probes and scrapes: rustls with ring, and the certificate roots that the host trusts.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    ClientConfig, RootCertStore,
    client::Resumption,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem, pem::PemObject},
};
use rustls_platform_verifier::Verifier;

/// How connections are verified. Cheap to clone: share one, because loading the host's roots
/// reads and parses its whole certificate store.
#[derive(Clone, Debug)]
pub struct TlsClient(Arc<ClientConfig>);

/// What a client trusts and shows, in PEM files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsFiles {
    /// The authority of servers' certificates; `None`: the host's.
    pub ca: Option<PathBuf>,
    /// This client's own certificate chain and key, for servers that ask for one.
    pub identity: Option<(PathBuf, PathBuf)>,
}

/// Why files make no TLS client.
#[derive(Debug, thiserror::Error)]
pub enum TlsFilesError {
    /// A file cannot be read, or has nothing of its kind in it.
    #[error("{}: {error}", file.display())]
    File {
        /// Which.
        file: PathBuf,
        /// Why.
        error: pem::Error,
    },
    /// What is in them cannot be used.
    #[error("{0}")]
    Tls(#[from] rustls::Error),
}

impl TlsClient {
    /// Verifies and shows as the files say.
    ///
    /// # Errors
    /// When one of them cannot be used.
    pub fn from_files(files: &TlsFiles) -> Result<Self, TlsFilesError> {
        let provider = Arc::new(ring::default_provider());
        let builder =
            ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
        let builder = match &files.ca {
            Some(ca) => {
                let mut roots = RootCertStore::empty();
                for certificate in certificates(ca)? {
                    roots.add(certificate)?;
                }
                builder.with_root_certificates(roots)
            }
            None => {
                let verifier = Arc::new(Verifier::new(provider)?);
                builder.dangerous().with_custom_certificate_verifier(verifier)
            }
        };
        let config = match &files.identity {
            Some((chain, key)) => {
                let chain = certificates(chain)?;
                let key = PrivateKeyDer::from_pem_file(key).map_err(|error| unusable(key, error))?;
                builder.with_client_auth_cert(chain, key)?
            }
            None => builder.with_no_client_auth(),
        };
        Ok(Self::new(config))
    }

    /// Verifies names and chains as the host does.
    ///
    /// Sessions are never resumed: a resumed handshake would make a probe measure less than a
    /// new user pays.
    ///
    /// # Errors
    /// When the host's certificate store cannot be loaded.
    pub fn host_roots() -> Result<Self, rustls::Error> {
        let provider = Arc::new(ring::default_provider());
        let verifier = Verifier::new(Arc::clone(&provider))?;
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        Ok(Self::new(config))
    }

    /// Verifies as `config` says; for private roots and client certificates.
    pub fn new(mut config: ClientConfig) -> Self {
        config.resumption = Resumption::disabled();
        Self(Arc::new(config))
    }

    /// The configuration, as rustls takes it.
    pub fn config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.0)
    }
}

/// The certificates in a file, of which there must be one.
fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsFilesError> {
    let read = CertificateDer::pem_file_iter(file).and_then(|found| found.collect::<Result<Vec<_>, _>>());
    match read {
        Ok(found) if found.is_empty() => Err(unusable(file, pem::Error::NoItemsFound)),
        read => read.map_err(|error| unusable(file, error)),
    }
}

fn unusable(file: &Path, error: pem::Error) -> TlsFilesError {
    TlsFilesError::File { file: file.to_owned(), error }
}
