//! Serving HTTP, with TLS where a certificate is given.

use std::{net::SocketAddr, sync::Arc};

use anyhow::Context;
use axum::Router;
use axum_server::tls_rustls::RustlsConfig;
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tokio::net::TcpListener;

use crate::config::Tls;

/// The future that serves `router` on `listener`.
///
/// # Errors
/// When the certificate cannot be used.
pub(crate) fn serve(
    listener: TcpListener,
    tls: Option<&Tls>,
    router: Router,
) -> anyhow::Result<std::pin::Pin<Box<dyn Future<Output = ()> + Send>>> {
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let Some(tls) = tls else {
        return Ok(Box::pin(async move { drop(axum::serve(listener, service).await) }));
    };
    let files = || format!("TLS with {} and {}", tls.certificate.display(), tls.key.display());
    let config = RustlsConfig::from_config(Arc::new(server_config(tls).with_context(files)?));
    let serving = axum_server::from_tcp_rustls(listener.into_std()?, config)?.serve(service);
    Ok(Box::pin(async move {
        if let Err(error) = serving.await {
            tracing::error!(%error, "HTTPS ended");
        }
    }))
}

fn server_config(tls: &Tls) -> anyhow::Result<ServerConfig> {
    let chain = CertificateDer::pem_file_iter(&tls.certificate)?.collect::<Result<_, _>>()?;
    let key = PrivateKeyDer::from_pem_file(&tls.key)?;
    let mut config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}
