//! Where agents and executors connect to.

use std::{fs, path::Path};

use anyhow::Context;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};

use crate::config::ClientTls;

/// The endpoint at `url`: with TLS for `https`, and then with the authority that `tls` names, or those that
/// the host trusts.
///
/// # Errors
/// When it is no URL, a file cannot be read, or `tls` is given for a URL without it: a token would be sent
/// in clear text to whoever listens.
pub(crate) fn to(url: &str, tls: Option<&ClientTls>) -> anyhow::Result<Endpoint> {
    let endpoint = Endpoint::from_shared(url.to_owned());
    let endpoint = endpoint.with_context(|| format!("`{url}` is no URL: write it as https://192.0.2.1:7081"))?;
    match endpoint.uri().scheme_str() {
        Some("https") => {}
        Some("http") => {
            anyhow::ensure!(
                tls.is_none(),
                "`{url}` would be asked without TLS, and TLS is configured for it: write it as https://"
            );
            return Ok(endpoint);
        }
        _ => anyhow::bail!("`{url}` is neither http:// nor https://: write it as https://192.0.2.1:7081"),
    }
    let read = |file: &Path| fs::read(file).with_context(|| format!("reading {}", file.display()));
    let mut config = ClientTlsConfig::new();
    config = match tls.and_then(|tls| tls.ca.as_ref()) {
        Some(authority) => config.ca_certificate(Certificate::from_pem(read(authority)?)),
        None => config.with_native_roots(),
    };
    if let Some((certificate, key)) = tls.and_then(|tls| tls.identity.as_ref()) {
        config = config.identity(Identity::from_pem(read(certificate)?, read(key)?));
    }
    Ok(endpoint.tls_config(config)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tls_is_for_https_and_only_for_it() {
        crate::shell::choose_tls_provider();
        let tls = ClientTls { ca: None, identity: None };
        let said = |url, tls| to(url, tls).map(|_| ()).map_err(|error| error.to_string());
        assert_eq!(said("http://192.0.2.1:7081", None), Ok(()));
        assert_eq!(
            said("http://192.0.2.1:7081", Some(&tls)).unwrap_err(),
            "`http://192.0.2.1:7081` would be asked without TLS, and TLS is configured for it: write it as https://"
        );
        for (url, error) in
            [("192.0.2.1:7081", "neither http:// nor"), ("", "is no URL"), ("ftp://x", "neither http:// nor")]
        {
            assert!(said(url, None).unwrap_err().contains(error), "{url}");
        }
    }
}
