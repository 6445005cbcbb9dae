//! TLS for probes and scrapes: rustls with ring, and the certificate roots that the host trusts.

use std::sync::Arc;

use rustls::{ClientConfig, client::Resumption, crypto::ring};
use rustls_platform_verifier::Verifier;

/// How connections are verified. Cheap to clone: share one, because loading the host's roots
/// reads and parses its whole certificate store.
#[derive(Clone, Debug)]
pub struct TlsClient(Arc<ClientConfig>);

impl TlsClient {
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
