//! Where agents and executors connect to.

use std::{fs, path::Path};

use anyhow::Context;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};

use crate::config::ClientTls;

/// The endpoint at `url`, with TLS for `https`.
pub(crate) fn to(url: &str, tls: Option<&ClientTls>) -> anyhow::Result<Endpoint> {
    let endpoint = Endpoint::from_shared(url.to_owned());
    let endpoint = endpoint.with_context(|| format!("`{url}` is no URL: write it as http://192.0.2.1:7081"))?;
    let Some(tls) = tls else { return Ok(endpoint) };
    let read = |file: &Path| fs::read(file).with_context(|| format!("reading {}", file.display()));
    let mut config = ClientTlsConfig::new();
    if let Some(authority) = &tls.ca {
        config = config.ca_certificate(Certificate::from_pem(read(authority)?));
    }
    if let Some((certificate, key)) = &tls.identity {
        config = config.identity(Identity::from_pem(read(certificate)?, read(key)?));
    }
    Ok(endpoint.tls_config(config)?)
}
